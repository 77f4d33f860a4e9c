"""What follows a revert, by rule: pointers, proof, status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import (
    LOOKED_BACK,
    Answers,
    IncidentStatus,
    MoveStatus,
    Place,
    PointerMove,
    moves_back,
    pause_s,
    pointers_of,
    propagation_s,
    prove,
    status_of,
    unsettled,
    unverified,
)

SINCE = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
ANSWER, ROUTER = Place("prompts", "answer", "production"), Place("prompts", "router", "production")


def bundle(*pointers: tuple[Place, str]) -> dict[str, Any]:
    """A bundle whose prompts have these pointers; the first is that of the prompt itself."""
    prompts = [{"ref": "x", "pointer": _pointer(place, version)} for place, version in pointers]
    return {"prompt": prompts[0] if prompts else {"ref": "x"}, "prompts": prompts[1:]}


def _pointer(place: Place, version: str) -> dict[str, str]:
    return {"registry": place.registry, "name": place.name, "pointer": place.pointer, "version": version}


def test_the_pointers_of_all_prompts_are_found() -> None:
    assert pointers_of(bundle((ANSWER, "8"), (ROUTER, "3"))) == {ANSWER: "8", ROUTER: "3"}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"prompt": "text"},
        {"prompt": {"pointer": "x"}},
        {"prompts": "text"},
        {"prompts": [None, {"pointer": None}, {"pointer": {"registry": "prompts"}}]},
        {"prompt": {"pointer": _pointer(ANSWER, "")}},
    ],
)
def test_what_is_no_pointer_is_left_out(broken: dict[str, Any]) -> None:
    assert pointers_of(broken) == {}


def test_a_pointer_goes_from_the_version_that_went_away_to_the_one_that_came_back() -> None:
    moves = moves_back(bundle((ANSWER, "8")), bundle((ANSWER, "7")), candidate=False)
    assert moves == (PointerMove(ANSWER, "8", "7"),)


def test_the_same_version_needs_no_move() -> None:
    assert moves_back(bundle((ANSWER, "8")), bundle((ANSWER, "8")), candidate=False) == ()


def test_where_the_release_that_comes_back_has_no_such_pointer_a_person_is_needed() -> None:
    assert moves_back(bundle((ANSWER, "8")), {}, candidate=False) == (PointerMove(ANSWER, "8", ""),)


def test_a_pointer_that_only_the_release_that_comes_back_has_is_looked_at() -> None:
    assert moves_back({}, bundle((ANSWER, "7")), candidate=False) == (PointerMove(ANSWER, "", "7"),)


def test_a_dropped_candidate_has_touched_no_pointer_but_its_own() -> None:
    assert moves_back({}, bundle((ANSWER, "7")), candidate=True) == ()
    moves = moves_back(bundle((ANSWER, "8")), bundle((ANSWER, "7")), candidate=True)
    assert moves == (PointerMove(ANSWER, "8", "7"),)


def test_a_later_revert_takes_over_what_an_earlier_one_did_not_get_done_with() -> None:
    unfinished = [PointerMove(ANSWER, "3", "2")]
    moves = moves_back(bundle((ANSWER, "2")), bundle((ANSWER, "1")), candidate=False, unfinished=unfinished)
    assert moves == (PointerMove(ANSWER, "2", "1", ("3",)),)


def test_it_takes_it_over_also_when_it_has_nothing_to_move_itself() -> None:
    unfinished = [PointerMove(ANSWER, "3", "2", ("4",))]
    same = bundle((ANSWER, "2"))
    moves = moves_back(same, same, candidate=False, unfinished=unfinished)
    assert moves == (PointerMove(ANSWER, "3", "2", ("4",)),)
    elsewhere = bundle((ANSWER, "1"))
    moves = moves_back(elsewhere, elsewhere, candidate=False, unfinished=unfinished)
    assert moves == (PointerMove(ANSWER, "3", "1", ("4", "2")),)


def test_what_neither_release_names_is_left_to_the_earlier_revert() -> None:
    unfinished = [PointerMove(ROUTER, "3", "2")]
    moves = moves_back(bundle((ANSWER, "2")), bundle((ANSWER, "1")), candidate=False, unfinished=unfinished)
    assert [move.place for move in moves] == [ANSWER]


VERSIONS = st.sampled_from(["1", "2", "3", "4"])
BUNDLES = st.dictionaries(st.sampled_from([ANSWER, ROUTER]), VERSIONS).map(
    lambda named: bundle(*named.items())
)
UNFINISHED = st.lists(
    st.builds(PointerMove, st.sampled_from([ANSWER, ROUTER]), VERSIONS, VERSIONS | st.just("")),
    unique_by=lambda move: move.place,
)


@given(away=BUNDLES, back=BUNDLES, candidate=st.booleans(), unfinished=UNFINISHED)
def test_every_pointer_is_moved_once_to_where_the_release_that_came_back_wants_it(
    away: dict[str, Any], back: dict[str, Any], candidate: bool, unfinished: list[PointerMove]
) -> None:
    moves = moves_back(away, back, candidate=candidate, unfinished=unfinished)
    left, wanted = pointers_of(away), pointers_of(back)
    assert len({move.place for move in moves}) == len(moves)
    for move in moves:
        assert move.target == wanted.get(move.place, "")
        standing = [version for version in (move.expected, *move.also) if version]
        assert move.target not in standing
        assert len({*standing}) == len(standing)
    open_places = {move.place for move in unfinished}
    moved = {move.place for move in moves}
    assert {place for place in left if wanted.get(place) != left[place]} <= moved
    assert open_places & {*left, *wanted} <= moved


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({"propagation_s": 60}, 60),
        ({"propagation_s": 0}, 0),
        ({"propagation_s": 1.9}, 1),
        ({"propagation_s": True}, 300),
        ({"propagation_s": "60"}, 300),
        ({"propagation_s": -1}, 300),
        ({"propagation_s": 86_401}, 300),
        ({"propagation_s": float("nan")}, 300),
        ({}, 300),
        (None, 300),
        ("text", 300),
    ],
)
def test_a_release_may_say_how_long_it_takes_to_reach_everybody(limits: Any, seconds: int) -> None:
    assert propagation_s({"limits": limits}) == seconds


def test_the_slower_of_two_releases_counts() -> None:
    assert propagation_s({"limits": {"propagation_s": 60}}, {"limits": {"propagation_s": 90}}, {}) == 90


@given(attempts=st.integers(0, 10**6), seed=st.text())
def test_pauses_grow_to_five_minutes_and_no_further(attempts: int, seed: str) -> None:
    pause = pause_s(attempts, seed)
    assert 1 <= pause <= 300
    assert pause == pause_s(attempts, seed)
    assert pause_s(1, seed) <= 2
    assert pause_s(100, seed) >= 150


def proof(right: int, minutes: float = 10, **others: int) -> tuple[bool, str]:
    named = {name.replace("_", "-") if name != "silent" else "": count for name, count in others.items()}
    found = prove(Answers(right, named), "r-good", SINCE, SINCE + timedelta(minutes=minutes))
    return found.holds, found.sentence


def test_nothing_is_shown_before_the_release_had_time_to_reach_everybody() -> None:
    assert proof(1000, minutes=-1) == (False, "r-good has until 2026-11-20 12:05 UTC to reach everybody")


def test_no_answers_are_no_good_sign() -> None:
    said = "no answers have arrived since 2026-11-20 12:05 UTC; it is unknown what users get"
    assert proof(0) == (False, said)
    assert proof(0, minutes=10 * 24 * 60)[0] is False


def test_enough_answers_of_the_right_release_prove_it() -> None:
    assert proof(20) == (True, "20 of 20 answers since 2026-11-20 12:05 UTC come from r-good")
    assert proof(95, r_bad=5)[0] is True


def test_what_strays_is_named() -> None:
    assert proof(86, r_bad=34) == (False, "34 of 120 answers still come from r-bad")
    assert proof(10, r_bad=3, silent=7) == (
        False,
        "7 of 20 answers do not say which release they come from, 3 of 20 answers still come from r-bad",
    )
    assert proof(94, r_bad=6, r_worse=0) == (False, "6 of 100 answers still come from r-bad")


def test_few_answers_prove_it_after_a_day_if_all_of_them_are_right() -> None:
    day = LOOKED_BACK / timedelta(minutes=1)
    holds, sentence = proof(7)
    assert not holds
    assert sentence.endswith("20 are needed, or as many as come until 2026-11-21 12:05 UTC")
    assert proof(7, minutes=day)[0] is True
    assert proof(18, minutes=day, r_bad=1) == (False, "1 of 19 answers still come from r-bad")


@given(right=st.integers(0, 200), wrong=st.integers(0, 200), minutes=st.integers(-10, 3000))
def test_proof_needs_answers_and_never_more_than_a_twentieth_from_elsewhere(
    right: int, wrong: int, minutes: int
) -> None:
    holds, sentence = proof(right, minutes, r_bad=wrong)
    assert sentence
    if holds:
        assert minutes >= 0
        assert right > 0
        assert wrong * 19 <= right


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ((False, False, False), IncidentStatus.CONTAINED),
        ((False, True, False), IncidentStatus.CONTAINED),
        ((True, False, False), IncidentStatus.RESTORED),
        ((True, True, False), IncidentStatus.VERIFIED),
        ((False, False, True), IncidentStatus.CLOSED),
    ],
)
def test_the_status_follows_from_the_facts(facts: tuple[bool, bool, bool], status: IncidentStatus) -> None:
    settled, verified, closed = facts
    assert status_of(settled=settled, verified=verified, closed=closed) is status


def test_what_is_not_settled_speaks_against_closing() -> None:
    moves = [(number, ANSWER, status, "") for number, status in enumerate(MoveStatus, start=1)]
    found = {refusal.field for refusal in unsettled(moves)}
    waiting = (MoveStatus.PENDING, MoveStatus.CONFLICT, MoveStatus.MANUAL)
    assert found == {f"pointer_moves.{[*MoveStatus].index(status) + 1}" for status in waiting}
    [refusal] = unsettled([(2, ANSWER, MoveStatus.CONFLICT, "it is at 9")])
    assert refusal.code == "pointer_unsettled"
    assert refusal.message == "the pointer production of answer in prompts is conflict: it is at 9"


def test_what_is_not_verified_speaks_against_closing() -> None:
    [refusal] = unverified("no answers have arrived")
    assert refusal.code == "incident_unverified"
    assert "no answers have arrived" in refusal.message
