"""The checks, on planted good and bad answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support_assistant.checks import NO_ANSWER, citations_valid, claims, grounded, judge, supported
from examples.support_assistant.model import INVENTED_RULES
from examples.support_assistant.retrieval import Passage, load_passages
from examples.support_assistant.words import sentences

_LIBRARY = {passage.id: passage for passage in load_passages()}
_REPORTING = "Report a claim within 30 days of the day you noticed the damage. [claims.md#1]"
_QUOTES = [(p, sentence) for p in _LIBRARY.values() for sentence in sentences(p.text)]


@pytest.mark.parametrize(("passage", "sentence"), _QUOTES)
def test_a_quote_with_its_own_citation_is_grounded(passage: Passage, sentence: str) -> None:
    assert grounded(f"{sentence} [{passage.id}]", _LIBRARY) is True


@pytest.mark.parametrize("rule", INVENTED_RULES)
def test_an_invented_rule_is_supported_by_no_passage(rule: str) -> None:
    assert not any(supported(rule, passage.text) for passage in _LIBRARY.values())


@pytest.mark.parametrize(
    "answer",
    [
        "Report a claim within 60 days of the day you noticed the damage. [claims.md#1]",
        "Report a claim within 30 days of the day you noticed the damage. [claims.md#2]",
        "Report a claim within 30 days of the day you noticed the damage.",
        "Report a claim within 30 days of the day you noticed the damage. [nonsense]",
        "Report a claim within 30 days of the day you noticed the damage. [claims.md#99]",
        "Do not report a claim within 30 days of the day you noticed the damage. [claims.md#1]",
        "The excess is £25 for each claim. [claims.md#5]",
        "The standard excess is $250 for each claim. [claims.md#5]",
        "We settle a theft claim without a crime reference number. [claims.md#3]",
        "Damage that happened slowly is covered. [water-damage.md#2]",
        "Our telephone lines are open to 18:00 on Saturdays. [contact.md#1]",
        f"We pay at once. {_REPORTING}",
        f"{_REPORTING} We pay at once. [claims.md#4]",
    ],
)
def test_a_claim_its_citation_does_not_support_makes_the_answer_ungrounded(answer: str) -> None:
    assert grounded(answer, _LIBRARY) is False


@pytest.mark.parametrize(
    "answer",
    [
        _REPORTING,
        "Report a claim within 30 days. [claims.md#1]",
        "report claim within thirty days [claims.md#1]".replace("thirty", "30"),
        "We pay an accepted claim within three working days of the decision. [claims.md#4]",
        "The excess for subsidence is £1000. [claims.md#5]",
        "Report a claim within 30 days. [contact.md#1] [claims.md#1]",
        f"{_REPORTING} {NO_ANSWER}",
    ],
)
def test_a_shortened_quote_with_the_same_numbers_stays_grounded(answer: str) -> None:
    assert grounded(answer, _LIBRARY) is True


@given(st.sampled_from([quote for quote in _QUOTES if "30" in quote[1]]), st.integers(0, 10**6))
def test_another_number_is_never_supported(quote: tuple[Passage, str], number: int) -> None:
    passage, sentence = quote
    changed = sentence.replace("30", str(number))
    assert supported(changed, passage.text) == (number == 30)


@pytest.mark.parametrize("answer", ["", "   ", NO_ANSWER])
def test_an_answer_without_a_claim_is_not_judged(answer: str) -> None:
    assert (grounded(answer, _LIBRARY), citations_valid(answer, _LIBRARY, [])) == (None, None)


def test_a_citation_is_valid_when_the_section_exists_and_was_retrieved() -> None:
    assert citations_valid(_REPORTING, _LIBRARY, ["claims.md#1"]) is True
    assert citations_valid(_REPORTING, _LIBRARY, ["claims.md#2"]) is False
    assert citations_valid("A. [claims.md#99]", _LIBRARY, ["claims.md#99"]) is False
    assert citations_valid(f"{_REPORTING} B. [contact.md#1]", _LIBRARY, ["claims.md#1"]) is False
    assert citations_valid("Nothing is cited.", _LIBRARY, ["claims.md#1"]) is None


def test_an_extra_wrong_citation_leaves_a_supported_claim_grounded() -> None:
    answer = f"{_REPORTING} [claims.md#77]"
    assert (grounded(answer, _LIBRARY), citations_valid(answer, _LIBRARY, ["claims.md#1"])) == (True, False)


def test_the_careful_judgement_passes_good_answers_and_honest_silence_only() -> None:
    shown = ["claims.md#1"]
    assert judge(_REPORTING, _LIBRARY, shown).passed
    assert judge(NO_ANSWER, _LIBRARY, shown).passed
    assert not judge("", _LIBRARY, shown).passed
    assert not judge("Nothing is cited.", _LIBRARY, shown).passed
    assert not judge(_REPORTING, _LIBRARY, []).passed
    assert not judge(f"{NO_ANSWER} GB29NWBK60161331926819", _LIBRARY, shown).passed


@given(st.text())
def test_any_text_can_be_judged(text: str) -> None:
    judgement = judge(text, _LIBRARY, _LIBRARY)
    assert (judgement.grounded is None) == (not claims(text))
