"""The stand-in model: repeatable, and wrong as often as it is told to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support_assistant.checks import NO_ANSWER, Judgement, judge
from examples.support_assistant.customers import QUESTIONS, Visit, one_round
from examples.support_assistant.faults import FaultBook, Faults
from examples.support_assistant.model import Completion, ModelError, Release, StandInModel, count_tokens
from examples.support_assistant.retrieval import Retriever, load_passages

_RETRIEVER = Retriever(load_passages())
_ROUND = one_round()
_RELEASE = Release(id="r-7f3a12ab34cd", model="stand-in-small")
# A round holds about 1300 independent draws, whose standard deviation at a share of 0.4 is below 0.014.
_TOLERANCE = 0.04


def _completion(faults: Faults, visit: Visit, seed: int = 0) -> Completion:
    model = StandInModel(FaultBook({_RELEASE.id: faults}), seed=seed, sleep=lambda seconds: None)
    passages = _RETRIEVER.search(visit.question)
    return model.complete(_RELEASE, visit.person.id, visit.question, passages)


def _judgements(faults: Faults) -> list[Judgement]:
    return [
        judge(
            _completion(faults, visit).text,
            _RETRIEVER.passages,
            [passage.id for passage in _RETRIEVER.search(visit.question)],
        )
        for visit in _ROUND
    ]


def _share(faults: Faults, name: str, bad: bool) -> float:
    return sum(getattr(judgement, name) is bad for judgement in _judgements(faults)) / len(_ROUND)


def test_a_healthy_release_passes_every_check_on_the_whole_round() -> None:
    assert all(judgement.passed for judgement in _judgements(Faults()))


def test_a_healthy_release_answers_every_question_the_documents_answer() -> None:
    silent = {v.question for v in _ROUND if _completion(Faults(), v).text == NO_ANSWER}
    assert silent == {QUESTIONS[-1]}


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 0.9])
def test_the_measured_share_of_unsupported_answers_is_the_one_asked_for(share: float) -> None:
    assert _share(Faults(unsupported=share), "grounded", False) == pytest.approx(share, abs=_TOLERANCE)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_measured_share_of_wrong_citations_is_the_one_asked_for(share: float) -> None:
    measured = _share(Faults(wrong_citation=share), "citations_valid", False)
    # An answer that finds nothing cites nothing, so one question in 32 cannot be wrong in this way.
    assert measured == pytest.approx(share * 31 / 32, abs=_TOLERANCE)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_measured_share_of_leaks_is_the_one_asked_for(share: float) -> None:
    measured = _share(Faults(leak_account=share), "sensitive_data", True)
    assert measured == pytest.approx(share, abs=_TOLERANCE)


def test_a_fault_of_share_one_spoils_every_answer() -> None:
    assert _share(Faults(unsupported=1), "grounded", False) == 1
    assert _share(Faults(leak_account=True), "sensitive_data", True) == 1


def test_a_wrong_citation_alone_leaves_answers_grounded() -> None:
    assert _share(Faults(wrong_citation=1), "grounded", False) == 0


@given(
    st.sampled_from(_ROUND),
    st.builds(
        Faults,
        unsupported=st.floats(0, 1),
        wrong_citation=st.floats(0, 1),
        leak_account=st.floats(0, 1),
    ),
    st.integers(),
)
def test_the_same_case_gets_the_same_answer(visit: Visit, faults: Faults, seed: int) -> None:
    assert _completion(faults, visit, seed) == _completion(faults, visit, seed)


@given(st.sampled_from(_ROUND), st.floats(0, 1), st.floats(0, 1))
def test_a_growing_share_keeps_the_answers_that_were_wrong(visit: Visit, one: float, other: float) -> None:
    low, high = sorted((one, other))
    healthy = _completion(Faults(), visit)
    if _completion(Faults(unsupported=low), visit) != healthy:
        assert _completion(Faults(unsupported=high), visit) != healthy


def test_another_seed_or_release_makes_other_answers_wrong() -> None:
    faults = Faults(unsupported=0.5)
    first = [_completion(faults, visit, seed=0).text for visit in _ROUND[:100]]
    assert first != [_completion(faults, visit, seed=1).text for visit in _ROUND[:100]]


def test_a_slow_release_takes_its_time() -> None:
    waits: list[float] = []
    model = StandInModel(FaultBook({_RELEASE.id: Faults(slow_ms=900)}), sleep=waits.append)
    model.complete(Release(id="r-other"), "u", "claim", ())
    model.complete(_RELEASE, "u", "claim", ())
    assert waits[1] - waits[0] == pytest.approx(0.9)


def test_a_failing_release_raises() -> None:
    with pytest.raises(ModelError, match=_RELEASE.id):
        _completion(Faults(fails=1), _ROUND[0])


def test_tokens_are_counted_from_the_text_that_was_read_and_written() -> None:
    short = _completion(Faults(), _ROUND[0])
    assert short.output_tokens == count_tokens(short.text) > 0
    assert short.input_tokens > sum(count_tokens(p.text) for p in _RETRIEVER.search(_ROUND[0].question))


def test_a_release_is_read_from_the_value_of_a_flag() -> None:
    value = {"release": {"id": "r-1", "prompt": {"ref": "answer@3"}, "model": {"id": "stand-in-large"}}}
    assert Release.of("r-1", value) == Release(id="r-1", model="stand-in-large", prompt="answer@3")


@pytest.mark.parametrize("value", [{}, {"release": None}, {"release": {"model": "x", "prompt": {"ref": 3}}}])
def test_what_a_flag_does_not_say_of_a_release_stays_unknown(value: dict[str, object]) -> None:
    assert Release.of(None, value) == Release(id="none", model="unknown", prompt="unknown")
