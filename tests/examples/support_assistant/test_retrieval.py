"""Search over the documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support_assistant.customers import QUESTIONS
from examples.support_assistant.retrieval import Passage, Retriever, load_passages, sections

_PASSAGES = load_passages()
_RETRIEVER = Retriever(_PASSAGES)
_WORDS = st.lists(st.sampled_from(" ".join((*QUESTIONS, "zebra", "")).split(" ")), max_size=12).map(" ".join)


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("How high is the excess for subsidence?", "claims.md#5"),
        ("Is damage from a slow drip or damp covered?", "water-damage.md#2"),
        ("What are your telephone opening hours on Saturdays?", "contact.md#1"),
        ("Can I take a complaint to the ombudsman?", "complaints.md#3"),
        ("How long do you keep claim files?", "privacy.md#1"),
    ],
)
def test_the_section_that_answers_comes_first(question: str, best: str) -> None:
    assert _RETRIEVER.search(question)[0].id == best


def test_every_document_has_numbered_sections_with_text() -> None:
    assert len({passage.id.split("#")[0] for passage in _PASSAGES}) == 8
    assert all(passage.text and passage.title for passage in _PASSAGES)
    assert len(_RETRIEVER.passages) == len(_PASSAGES)


def test_the_internal_record_is_not_searched() -> None:
    assert not any("C-204417" in passage.text for passage in _PASSAGES)


def test_text_before_the_first_numbered_section_is_left_out() -> None:
    found = sections("a.md", "# A\nIntro.\n\n## 1. One\nText\nhere.\n\n## 2. Two\nMore.\n")
    assert found == (
        Passage(id="a.md#1", title="One", text="Text here."),
        Passage(id="a.md#2", title="Two", text="More."),
    )


@pytest.mark.parametrize("question", ["", "the of and", "zebra xylophone"])
def test_a_question_without_a_known_term_finds_nothing(question: str) -> None:
    assert _RETRIEVER.search(question) == ()


def test_a_retriever_without_passages_finds_nothing() -> None:
    assert Retriever(()).search("claim") == ()


@given(question=_WORDS, order=st.permutations(_PASSAGES))
def test_the_result_does_not_depend_on_the_order_of_the_passages(question: str, order: list[Passage]) -> None:
    assert Retriever(order).search(question) == _RETRIEVER.search(question)


@given(question=_WORDS, limit=st.integers(0, 50))
def test_a_smaller_limit_gives_the_beginning_of_the_larger_result(question: str, limit: int) -> None:
    everything = _RETRIEVER.search(question, len(_PASSAGES))
    assert _RETRIEVER.search(question, limit) == everything[:limit]


@given(question=_WORDS)
def test_the_order_of_the_words_does_not_matter(question: str) -> None:
    backwards = " ".join(reversed(question.split()))
    assert _RETRIEVER.search(backwards) == _RETRIEVER.search(question)
