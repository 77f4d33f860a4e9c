"""The table of moves, written out, and what each move asks for and changes.

What holds after any sequence of moves is in test_moves_in_any_order.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from stages import (
    DOWN,
    EXPOSED,
    MOVES,
    NOBODY,
    UNPROTECTED,
    UP,
    WHOLE,
    Autonomy,
    Exposure,
    Mode,
    Plan,
    Refused,
    Request,
    Rollout,
    Stage,
    StagePlan,
    find_ends,
    make,
)

# Where each move leads from where. A capital letter is the stage: Readiness, Beta, Pilot, Scaled, X for
# stopped; a small one the mode: off, review, live. Of several arrivals the first is meant unless the request
# names one. A dot: not possible. Readiness and stopped in review or live cannot be reached; they are here for
# completeness.
TABLE = """
from promote revive resume introduce widen advance adopt hold narrow review revert disable demote   stop
Ro   Bl      .      Ro     Ro        .     .       .     Ro   .      .      .      Ro      .        Xo
Rr   .       .      .      .         .     .       .     Rr   .      .      .      Ro      .        Xo
Rl   .       .      .      .         .     .       .     Rl   .      .      .      Ro      .        Xo
Bo   .       .      Bl,Br  .         .     .       .     Bo   Bo     .      Bo     Bo      Ro       Xo
Br   .       .      Bl     .         .     .       .     Br   Br     Br     Br     Bo      Ro       Xo
Bl   Pl      .      Bl     Bl        Bl    Bl      Bl    Bl   Bl     Br     Bl     Bo      Ro       Xo
Po   .       .      Pl,Pr  .         .     .       .     Po   Po     .      Po     Po      Bo,Ro    Xo
Pr   .       .      Pl     .         .     .       .     Pr   Pr     Pr     Pr     Po      Br,Ro    Xo
Pl   Sl      .      Pl     Pl        Pl    Pl      Pl    Pl   Pl     Pr     Pl     Po      Bl,Ro    Xo
So   .       .      Sl,Sr  .         .     .       .     So   So     .      So     So      Po,Bo,Ro Xo
Sr   .       .      Sl     .         .     .       .     Sr   Sr     Sr     Sr     So      Pr,Br,Ro Xo
Sl   .       .      Sl     Sl        Sl    Sl      Sl    Sl   Sl     Sr     Sl     So      Pl,Bl,Ro Xo
Xo   .       Ro     Xo     .         .     .       .     .    .      .      .      Xo      .        .
Xr   .       .      .      .         .     .       .     .    .      .      .      Xo      .        .
Xl   .       .      .      .         .     .       .     .    .      .      .      Xo      .        .
"""

Place = tuple[Stage, Mode]

PLACES: dict[str, Place] = {
    stage_letter + mode_letter: (stage, mode)
    for (stage_letter, stage), (mode_letter, mode) in product(
        zip("RBPSX", Stage, strict=True), zip("orl", Mode, strict=True)
    )
}


def read_table() -> dict[tuple[str, str], list[str]]:
    """The arrivals for each pair of a move and a start."""
    header, *lines = (line.split() for line in TABLE.strip().splitlines())
    cells = {(move, line[0]): cell for line in lines for move, cell in zip(header[1:], line[1:], strict=True)}
    return {pair: [] if cell == "." else cell.split(",") for pair, cell in cells.items()}


EXPECTED = read_table()
CELLS = [pytest.param(move, start, id=f"{move}-{start}") for move, start in EXPECTED]

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
STAFF = Exposure(share=400, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"}))
WITH_EXPOSURE = {"promote", "widen", "advance", "narrow"}
STEP = StagePlan(ceiling=500, start=100)
PLAN = Plan(
    {
        Stage.BETA: STEP,
        Stage.PILOT: replace(STEP, ceiling=2500, start=1000),
        Stage.SCALED: replace(STEP, ceiling=WHOLE, start=5000),
    }
)
PILOT = Rollout(
    feature="claims-assistant",
    environment="production",
    stage=Stage.PILOT,
    mode=Mode.LIVE,
    exposure=STAFF,
    stable="r-1",
    previous="r-0",
    stage_since=NOW,
    version=7,
)
TRYING = replace(PILOT, candidate="r-2", candidate_share=500)
READY = replace(PILOT, stage=Stage.READINESS, mode=Mode.OFF, exposure=NOBODY)


def equipped(move: str, start: str) -> Rollout:
    """A rollout at this place with all that the move could ask for."""
    stage, mode = PLACES[start]
    holds = HELD if move == "resume" else frozenset()
    return replace(TRYING if move == "adopt" else PILOT, stage=stage, mode=mode, holds=holds)


def asked_of(move: str, start: str) -> Request:
    """The move with all that it could make use of there."""
    if move == "introduce":
        return Request(move=move, release="r-2", share=None if start.startswith("R") else 500)
    return Request(move=move, exposure=STAFF if move in WITH_EXPOSURE else None)


def go(rollout: Rollout, request: Request | str, plan: Plan = PLAN) -> Rollout:
    return make(rollout, Request(move=request) if isinstance(request, str) else request, plan, LATER)


def refusals(rollout: Rollout, request: Request, plan: Plan = PLAN) -> list[str]:
    with pytest.raises(Refused) as caught:
        go(rollout, request, plan)
    assert all(refusal.message and refusal.remedy for refusal in caught.value.refusals)
    return [refusal.code for refusal in caught.value.refusals]


# The table.


def test_the_written_table_has_every_move_at_every_place() -> None:
    assert set(EXPECTED) == {(move, start) for move in UP | DOWN for start in PLACES}
    assert UP.isdisjoint(DOWN)
    assert {row.move for row in MOVES} == UP | DOWN
    assert len(set(MOVES)) == len(MOVES)


@pytest.mark.parametrize(("move", "start"), CELLS)
def test_a_move_arrives_where_the_written_table_says_or_is_refused(move: str, start: str) -> None:
    rollout = equipped(move, start)
    arrivals = [PLACES[code] for code in EXPECTED[move, start]]
    for stage, mode in product((None, *Stage), (None, *Mode)):
        fitting = [place for place in arrivals if stage in (None, place[0]) and mode in (None, place[1])]
        request = replace(asked_of(move, start), stage=stage, mode=mode)
        if fitting:
            after = go(rollout, request, UNPROTECTED)
            assert (after.stage, after.mode) == fitting[0]
            assert after.version == rollout.version + 1
            assert after.stage_since == (NOW if after.stage is rollout.stage else LATER)
        else:
            assert find_ends(rollout, request) is None
            assert refusals(rollout, request, UNPROTECTED) == ["not_from_here"]


@pytest.mark.parametrize(("move", "start"), CELLS)
def test_no_row_goes_up_by_more_than_one_stage_or_down_by_raising_the_mode(move: str, start: str) -> None:
    order = "XRBPS"
    for arrival in EXPECTED[move, start]:
        climb = order.index(arrival[0]) - order.index(start[0])
        assert climb <= (1 if move in {"promote", "revive"} else 0)
        if move in DOWN:
            assert "orl".index(arrival[1]) <= "orl".index(start[1])


def test_an_unknown_move_is_refused_with_the_list_of_moves() -> None:
    with pytest.raises(Refused) as caught:
        go(PILOT, "launch")
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.field) == ("unknown_move", "move")
    assert all(move in refusal.remedy for move in UP | DOWN)


def test_a_refusal_says_what_was_asked_where_it_stands_and_where_the_move_does_go() -> None:
    with pytest.raises(Refused) as caught:
        go(READY, Request(move="promote", stage=Stage.SCALED))
    (refusal,) = caught.value.refusals
    assert refusal.message == "promote to scaled is not possible from readiness, off"
    assert refusal.remedy == "promote goes from readiness/off to beta/live"


def test_a_refusal_of_a_mode_does_not_distract_with_other_stages() -> None:
    with pytest.raises(Refused) as caught:
        go(replace(PILOT, mode=Mode.REVIEW), Request(move="promote", stage=Stage.SCALED))
    (refusal, *_) = caught.value.refusals
    assert (
        refusal.message
        == "promote to scaled is only possible while the feature is live, and it is in human review"
    )
    assert refusal.remedy == "resume it first"


# Every reason at once.

HELD = frozenset({"person", "trigger:cost"})


@pytest.mark.parametrize(
    ("rollout", "request_", "expected"),
    [
        (
            replace(TRYING, mode=Mode.REVIEW, stable=None, holds=HELD),
            Request(move="promote", exposure=Exposure(share=WHOLE)),
            ["not_from_here", "no_release", "candidate_running", "held", "held"],
        ),
        (
            replace(TRYING, stage=Stage.BETA, holds=HELD),
            Request(move="promote", exposure=Exposure(share=2501)),
            ["candidate_running", "share_above_ceiling", "held", "held"],
        ),
        (
            replace(PILOT, holds=HELD),
            Request(move="widen", stage=Stage.SCALED, exposure=Exposure(share=2501)),
            ["not_from_here", "share_above_ceiling", "held", "held"],
        ),
        (
            replace(READY, holds=HELD),
            Request(move="widen"),
            ["not_from_here", "exposure_missing", "held", "held"],
        ),
        (
            replace(TRYING, holds=HELD),
            Request(move="introduce", share=0),
            ["release_missing", "bad_share", "candidate_running", "held", "held"],
        ),
        (
            replace(TRYING, mode=Mode.OFF),
            Request(move="introduce", release="r-1"),
            ["not_from_here", "share_missing", "already_stable", "candidate_running"],
        ),
        (
            replace(READY, holds=HELD),
            Request(move="adopt"),
            ["not_from_here", "no_candidate", "held", "held"],
        ),
        (
            replace(PILOT, stable=None, exposure=Exposure(share=WHOLE), holds=HELD),
            Request(move="resume", mode=Mode.OFF),
            ["not_from_here", "no_release", "share_above_ceiling"],
        ),
        (replace(READY, stage=Stage.STOPPED), Request(move="narrow"), ["not_from_here", "exposure_missing"]),
        (
            PILOT,
            Request(move="narrow", exposure=Exposure(share=401, autonomy=Autonomy.EXECUTE)),
            ["not_narrower"] * 4,
        ),
        (
            replace(READY, previous=None),
            Request(move="revert"),
            ["not_from_here", "nothing_to_revert"],
        ),
        (replace(READY, stage=Stage.STOPPED, holds=HELD), Request(move="revive"), ["held", "held"]),
    ],
)
def test_a_refused_move_tells_every_reason(rollout: Rollout, request_: Request, expected: list[str]) -> None:
    assert refusals(rollout, request_) == expected


@pytest.mark.parametrize("move", sorted(UP - {"resume"}))
def test_a_hold_alone_keeps_everything_from_going_up(move: str) -> None:
    start = next(start for (name, start), arrivals in EXPECTED.items() if name == move and arrivals)
    held = replace(equipped(move, start), holds=HELD)
    assert refusals(held, asked_of(move, start)) == ["held", "held"]


@pytest.mark.parametrize("start", PLACES)
def test_a_hold_keeps_nothing_from_going_down(start: str) -> None:
    for move in DOWN:
        if EXPECTED[move, start]:
            held = replace(equipped(move, start), holds=HELD)
            assert go(held, Request(move=move, exposure=STAFF)).holds >= HELD


# Ceilings.


@pytest.mark.parametrize(
    ("rollout", "request_"),
    [
        (replace(PILOT, stage=Stage.BETA), Request(move="promote", exposure=Exposure(share=2501))),
        # The plan was lowered while more were exposed already: nobody is evicted, and nobody slips through.
        (replace(PILOT, stage=Stage.BETA, exposure=Exposure(share=2501)), Request(move="promote")),
        (PILOT, Request(move="widen", exposure=Exposure(share=2501))),
        (replace(PILOT, mode=Mode.OFF, exposure=Exposure(share=2501)), Request(move="resume")),
        (
            replace(PILOT, mode=Mode.OFF, exposure=Exposure(share=2501)),
            Request(move="resume", mode=Mode.REVIEW),
        ),
    ],
)
def test_no_way_up_passes_the_ceiling(rollout: Rollout, request_: Request) -> None:
    assert refusals(rollout, request_) == ["share_above_ceiling"]
    assert go(rollout, request_, UNPROTECTED).exposure.share >= 2501


def test_a_resume_above_the_ceiling_works_after_narrowing_as_its_remedy_says() -> None:
    rollout = replace(PILOT, mode=Mode.OFF, exposure=Exposure(share=2501))
    narrowed = go(rollout, Request(move="narrow", exposure=Exposure(share=2500)))
    assert go(narrowed, "resume").mode is Mode.LIVE


@pytest.mark.parametrize(
    ("stage", "higher"), [(Stage.BETA, True), (Stage.PILOT, True), (Stage.SCALED, False)]
)
def test_promoting_is_a_remedy_for_a_ceiling_only_where_there_is_a_next_stage(
    stage: Stage, higher: bool
) -> None:
    low = Plan(dict.fromkeys(EXPOSED, STEP))
    with pytest.raises(Refused) as caught:
        go(replace(PILOT, stage=stage), Request(move="widen", exposure=Exposure(share=501)), low)
    assert ("promote first" in caught.value.refusals[0].remedy) == higher


# What each move changes.


def test_a_promotion_starts_at_the_start_of_the_stage_but_takes_nothing_from_anybody() -> None:
    assert go(READY, "promote").exposure == replace(NOBODY, share=100)
    assert go(replace(PILOT, stage=Stage.BETA), "promote").exposure == replace(STAFF, share=1000)
    many = replace(PILOT, stage=Stage.BETA, exposure=replace(STAFF, share=2000))
    assert go(many, "promote").exposure == replace(STAFF, share=2000)


def test_a_promotion_takes_the_exposure_asked_for() -> None:
    asked = Exposure(share=2500, autonomy=Autonomy.EXECUTE)
    assert go(replace(PILOT, stage=Stage.BETA), Request(move="promote", exposure=asked)).exposure == asked


def test_widening_and_narrowing_take_the_exposure_asked_for() -> None:
    wide = Exposure(share=2500)
    assert go(PILOT, Request(move="widen", exposure=wide)).exposure == wide
    assert go(PILOT, Request(move="narrow", exposure=NOBODY)).exposure == NOBODY


def test_before_the_first_stage_a_release_becomes_stable_at_once() -> None:
    new = Rollout(feature="f", environment="e", stage_since=NOW)
    assert refusals(new, Request(move="promote")) == ["no_release"]
    ready = go(new, Request(move="introduce", release="r-1"))
    assert (ready.stable, ready.candidate, ready.candidate_share, ready.previous) == ("r-1", None, 0, None)
    assert go(ready, Request(move="introduce", release="r-2")).serves == ("r-2",)


def test_nobody_has_the_feature_in_readiness_so_a_share_of_its_users_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        go(READY, Request(move="introduce", release="r-2", share=500))
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.field) == ("field_unused", "share")
    assert "leave the share out" in refusal.remedy


@pytest.mark.parametrize(
    ("rollout", "move"),
    [(PILOT, "promote"), (replace(PILOT, mode=Mode.OFF), "resume"), (PILOT, "widen"), (TRYING, "adopt")],
)
def test_what_a_move_up_makes_no_use_of_is_refused(rollout: Rollout, move: str) -> None:
    request = replace(asked_of(move, "Pl"), release="r-2", share=500)
    assert refusals(rollout, request) == ["field_unused", "field_unused"]


@pytest.mark.parametrize("move", sorted(DOWN - {"narrow"}))
def test_what_a_move_down_makes_no_use_of_does_not_keep_it_from_going_down(move: str) -> None:
    go(PILOT, Request(move=move, exposure=STAFF, release="r-2", share=500))


@pytest.mark.parametrize(
    ("rollout", "remedy"),
    [
        (READY, "ask for the promotion to beta"),
        (replace(READY, stage=Stage.STOPPED), "revive it first"),
    ],
)
def test_what_nobody_has_and_nothing_holds_cannot_be_resumed(rollout: Rollout, remedy: str) -> None:
    with pytest.raises(Refused) as caught:
        go(rollout, "resume")
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.remedy) == ("nothing_to_resume", remedy)
    assert go(replace(rollout, holds=HELD), "resume").holds == frozenset()


def test_a_release_made_stable_before_the_first_stage_is_no_way_back_to_itself() -> None:
    assert go(READY, Request(move="introduce", release="r-0")).previous is None
    assert go(READY, Request(move="introduce", release="r-5")).previous == "r-0"


@pytest.mark.parametrize("share", [-1, 0, WHOLE, WHOLE + 1])
def test_a_candidate_gets_a_part_and_never_all_or_nothing(share: int) -> None:
    assert refusals(PILOT, Request(move="introduce", release="r-2", share=share)) == ["bad_share"]


def test_a_candidate_may_get_more_but_no_second_one_beside_it() -> None:
    tried = replace(TRYING, version=8, serving_since=LATER)
    assert go(PILOT, Request(move="introduce", release="r-2", share=500)) == tried
    assert go(TRYING, Request(move="introduce", release="r-2", share=9999)).candidate_share == 9999
    assert refusals(TRYING, Request(move="introduce", release="r-3", share=500)) == ["candidate_running"]


def test_adopting_makes_the_candidate_stable_and_remembers_what_was() -> None:
    after = go(TRYING, "adopt")
    assert (after.stable, after.previous, after.candidate, after.candidate_share) == ("r-2", "r-1", None, 0)
    assert refusals(after, Request(move="adopt")) == ["no_candidate"]


def test_reverting_drops_the_candidate_first_and_goes_back_to_the_release_before_next() -> None:
    once = go(TRYING, "revert")
    assert (once.stable, once.previous, once.candidate, once.candidate_share) == ("r-1", "r-0", None, 0)
    twice = go(once, "revert")
    assert (twice.stable, twice.previous) == ("r-0", None)
    assert refusals(twice, Request(move="revert")) == ["nothing_to_revert"]


def test_demoting_cuts_to_the_ceiling_of_the_lower_stage_and_keeps_the_mode() -> None:
    scaled = replace(TRYING, stage=Stage.SCALED, mode=Mode.REVIEW, exposure=replace(STAFF, share=8000))
    assert go(scaled, "demote") == replace(
        scaled, stage=Stage.PILOT, exposure=replace(STAFF, share=2500), stage_since=LATER, version=8
    )
    assert go(scaled, Request(move="demote", stage=Stage.BETA)).exposure.share == 500
    assert go(PILOT, "demote").exposure == STAFF


@pytest.mark.parametrize(
    "request_", [Request(move="stop"), Request(move="demote", stage=Stage.READINESS)], ids=["stop", "demote"]
)
def test_leaving_the_exposed_stages_leaves_nobody_exposed_and_nothing_on_trial(request_: Request) -> None:
    after = go(TRYING, request_)
    assert (after.mode, after.exposure, after.candidate, after.candidate_share) == (Mode.OFF, NOBODY, None, 0)
    assert after.stable == "r-1"


def test_holds_add_up_and_a_resume_lifts_them_all() -> None:
    held = go(go(PILOT, "hold"), Request(move="hold", hold="trigger:cost"))
    assert held.holds == HELD
    assert go(held, "resume").holds == frozenset()


def test_a_held_feature_that_was_stopped_can_be_revived() -> None:
    stopped = go(replace(PILOT, holds=HELD), "stop")
    assert refusals(stopped, Request(move="revive")) == ["held", "held"]
    assert go(go(stopped, "resume"), "revive").stage is Stage.READINESS


@pytest.mark.parametrize("move", ["hold", "review", "disable"])
def test_moves_that_only_lower_the_mode_or_hold_keep_the_rest_for_a_resume(move: str) -> None:
    after = go(TRYING, move)
    assert replace(after, mode=Mode.LIVE, holds=frozenset(), version=7) == TRYING
