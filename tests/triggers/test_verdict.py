"""What verdicts mean."""

from __future__ import annotations

from triggers import Judgement, Verdict


def test_a_trigger_is_blind_when_the_source_failed_or_speaks_of_the_past() -> None:
    assert {verdict for verdict in Verdict if verdict.is_blind} == {Verdict.SOURCE_ERROR, Verdict.STALE}


def test_the_words_of_verdicts_are_what_is_stored() -> None:
    assert [str(verdict) for verdict in Verdict] == ["ok", "breach", "insufficient", "source_error", "stale"]


def test_two_judgements_do_not_share_their_numbers() -> None:
    one, other = (Judgement(verdict=Verdict.OK, memory=(), sentence="") for _ in range(2))
    assert one.numbers == {}
    assert one.numbers is not other.numbers
