"""The moves a rollout can make.

`MOVES` is the whole state machine: each row names both ends, stage and mode. Whatever is not in the table
cannot happen. Moves that go down ask for nothing but a place to go down from; moves that go up also have
conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from stages.exposure import NOBODY, WHOLE, Exposure
from stages.plan import Plan, StagePlan
from stages.refusals import Refusal, Refused
from stages.request import Request
from stages.rollout import EXPOSED, Mode, Replacement, Rollout, Stage


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a move starts and where it arrives."""

    from_stage: Stage
    to_stage: Stage
    from_mode: Mode
    to_mode: Mode


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    move: str
    ends: Ends


_UP = {Stage.BETA: Stage.PILOT, Stage.PILOT: Stage.SCALED}
_DOWN = {Stage.SCALED: (Stage.PILOT, Stage.BETA), Stage.PILOT: (Stage.BETA,)}
_SAME = {mode: mode for mode in Mode}
_DARK = dict.fromkeys(Mode, Mode.OFF)
_NOT_LIVE = {Mode.LIVE: Mode.REVIEW, Mode.REVIEW: Mode.REVIEW}


def _rows(move: str, stages: Mapping[Stage, Stage], modes: Mapping[Mode, Mode]) -> Iterator[Row]:
    for from_stage, to_stage in stages.items():
        for from_mode, to_mode in modes.items():
            yield Row(move, Ends(from_stage, to_stage, from_mode, to_mode))


def _stay(*stages: Stage) -> dict[Stage, Stage]:
    return {stage: stage for stage in stages}


MOVES: tuple[Row, ...] = (
    # Up.
    *_rows("promote", {Stage.READINESS: Stage.BETA}, {Mode.OFF: Mode.LIVE}),
    *_rows("promote", _UP, {Mode.LIVE: Mode.LIVE}),
    *_rows("revive", {Stage.STOPPED: Stage.READINESS}, {Mode.OFF: Mode.OFF}),
    *_rows("resume", _stay(*EXPOSED), dict.fromkeys(Mode, Mode.LIVE)),
    *_rows("resume", _stay(*EXPOSED), {Mode.OFF: Mode.REVIEW}),
    # Where nobody is exposed it only lifts holds; without it a held feature could not revive once stopped.
    *_rows("resume", _stay(Stage.READINESS, Stage.STOPPED), {Mode.OFF: Mode.OFF}),
    *_rows("widen", _stay(*EXPOSED), {Mode.LIVE: Mode.LIVE}),
    # The next step of a ramp: what a schedule may do, within what people agreed to.
    *_rows("advance", _stay(*EXPOSED), {Mode.LIVE: Mode.LIVE}),
    *_rows("introduce", _stay(Stage.READINESS), {Mode.OFF: Mode.OFF}),
    *_rows("introduce", _stay(*EXPOSED), {Mode.LIVE: Mode.LIVE}),
    *_rows("adopt", _stay(*EXPOSED), {Mode.LIVE: Mode.LIVE}),
    # Down.
    *_rows("hold", _stay(Stage.READINESS, *EXPOSED), _SAME),
    *_rows("narrow", _stay(*EXPOSED), _SAME),
    *_rows("review", _stay(*EXPOSED), _NOT_LIVE),
    *_rows("revert", _stay(*EXPOSED), _SAME),
    *_rows("disable", _stay(*Stage), _DARK),
    *(row for start, ends in _DOWN.items() for end in ends for row in _rows("demote", {start: end}, _SAME)),
    *_rows("demote", dict.fromkeys(EXPOSED, Stage.READINESS), _DARK),
    *_rows("stop", dict.fromkeys((Stage.READINESS, *EXPOSED), Stage.STOPPED), _DARK),
)

UP = frozenset({"promote", "revive", "resume", "widen", "advance", "introduce", "adopt"})
DOWN = frozenset(row.move for row in MOVES) - UP


def make(rollout: Rollout, request: Request, plan: Plan, now: datetime) -> Rollout:
    """Make a move.

    Returns:
        The rollout after the move, one version on.

    Raises:
        Refused: The move is not in the table from here, or its conditions do not hold; carries every reason.
    """
    if request.move not in UP | DOWN:
        raise Refused([_unknown(request.move)])
    ends = find_ends(rollout, request)
    conditions = _CONDITIONS.get(request.move, _nothing)
    refusals = [*_misplaced(rollout, request, ends), *conditions(rollout, request, plan)]
    if request.move in UP:
        refusals += _unused(rollout, request)
        refusals += _held(rollout) if request.move != "resume" else ()
    if ends is None or refusals:
        raise Refused(refusals)
    arrived = replace(rollout, stage=ends.to_stage, mode=ends.to_mode, version=rollout.version + 1)
    if arrived.stage is not rollout.stage:
        arrived = replace(arrived, stage_since=now)
    return _EFFECTS.get(request.move, _unchanged)(arrived, request, plan).clocked(rollout, now)


def find_ends(rollout: Rollout, request: Request) -> Ends | None:
    """The ends of the asked move from where the rollout stands, or None if the table has no such row.

    Of several possible ends the first is meant, unless the request names one.
    """
    for row in MOVES:
        ends = row.ends
        if (row.move, ends.from_stage, ends.from_mode) == (request.move, rollout.stage, rollout.mode) and (
            request.stage in (None, ends.to_stage) and request.mode in (None, ends.to_mode)
        ):
            return ends
    return None


def find_arrival(rollout: Rollout, request: Request) -> Stage | None:
    """The stage the asked move leads to from this stage, whatever the mode; None if it leads nowhere.

    What a promotion lacks can be told by this even while the feature is off or in review.
    """
    for row in MOVES:
        start, arrival = row.ends.from_stage, row.ends.to_stage
        if (row.move, start) == (request.move, rollout.stage) and request.stage in (None, arrival):
            return arrival
    return None


def _unknown(move: str) -> Refusal:
    moves = ", ".join(sorted(UP | DOWN))
    return Refusal("unknown_move", f"{move!r} is not a move", f"use one of {moves}", "move")


def _misplaced(rollout: Rollout, request: Request, ends: Ends | None) -> Iterator[Refusal]:
    if ends:
        return
    asked = " to ".join(filter(None, (request.move, request.stage or request.mode)))
    all_ends = [row.ends for row in MOVES if row.move == request.move]
    # Where the stage is right and the mode is not, what goes from other stages would only distract.
    nearest = [each for each in all_ends if each.from_stage == rollout.stage] or all_ends
    message = f"{asked} is not possible from {rollout.stage}, {rollout.mode}"
    remedy = f"{request.move} goes {'; '.join(sorted({_describe(each) for each in nearest}))}"
    if any(_would_go(each, rollout, request) for each in nearest):
        message = f"{asked} is only possible while the feature is live, and it is {_TOLD[rollout.mode]}"
        remedy = "resume it first"
    yield Refusal("not_from_here", message, remedy, "move")


_TOLD = {Mode.OFF: "off", Mode.REVIEW: "in human review"}


def _would_go(ends: Ends, rollout: Rollout, request: Request) -> bool:
    """Whether these ends would be the asked ones if only the feature were live."""
    is_asked = request.stage in (None, ends.to_stage) and request.mode in (None, ends.to_mode)
    is_here = (ends.from_stage, ends.from_mode) == (rollout.stage, Mode.LIVE)
    return is_asked and is_here


def _describe(ends: Ends) -> str:
    return f"from {ends.from_stage}/{ends.from_mode} to {ends.to_stage}/{ends.to_mode}"


def _held(rollout: Rollout) -> Iterator[Refusal]:
    for hold in sorted(rollout.holds):
        holder = "a person" if hold == "person" else hold
        yield Refusal("held", f"it is held by {holder}", "settle the reason, then resume", "move")


_USED = dict.fromkeys(("promote", "widen", "advance"), ("exposure",)) | {"introduce": ("release", "share")}
"""What a move up makes use of, besides the ends that every move may name."""


def _unused(rollout: Rollout, request: Request) -> Iterator[Refusal]:
    """Whoever goes up is not let believe that something was heeded which was not; going down asks for nothing."""
    for name in ("exposure", "release", "share", "replacement"):
        if getattr(request, name) is not None and name not in _USED.get(request.move, ()):
            message = f"{request.move} makes no use of the {name}"
            yield Refusal("field_unused", message, "leave it out", name)
    if request.move == "introduce" and rollout.stage is Stage.READINESS and request.share is not None:
        message = "nobody has the feature in readiness, so there is no share of its users"
        remedy = (
            "leave the share out, and the release is the one to serve; promote, then try another on a share"
        )
        yield Refusal("field_unused", message, remedy, "share")


Condition = Callable[[Rollout, Request, Plan], Iterator[Refusal]]
Effect = Callable[[Rollout, Request, Plan], Rollout]


def _nothing(_rollout: Rollout, _request: Request, _plan: Plan) -> Iterator[Refusal]:
    yield from ()


def _needs_release(rollout: Rollout, _request: Request, _plan: Plan) -> Iterator[Refusal]:
    if rollout.stable is None:
        yield Refusal("no_release", "there is no release to serve", "introduce a release first", "release")


def _may_be_promoted(rollout: Rollout, request: Request, plan: Plan) -> Iterator[Refusal]:
    yield from _needs_release(rollout, request, plan)
    if rollout.candidate is not None:
        message = "a candidate release is being tried"
        yield Refusal("candidate_running", message, "adopt or revert it first", "release")
    arrival = find_arrival(rollout, request)
    if arrival:
        exposure = _promoted_exposure(rollout.exposure, request, plan[arrival])
        yield from _above_ceiling(exposure, plan, arrival, "ask for {ceiling} or less")


def _may_be_resumed(rollout: Rollout, request: Request, plan: Plan) -> Iterator[Refusal]:
    """Bringing traffic back is subject to the ceiling of today, not to that of the day it was taken away."""
    if rollout.stage not in EXPOSED and not rollout.holds:
        yield _nothing_to_resume(rollout)
    if rollout.stage in EXPOSED:
        yield from _needs_release(rollout, request, plan)
        yield from _above_ceiling(rollout.exposure, plan, rollout.stage, "narrow to {ceiling} or less first")


def _nothing_to_resume(rollout: Rollout) -> Refusal:
    message = f"nobody has the feature in {rollout.stage}, and nothing holds it"
    remedy = "revive it first" if rollout.stage is Stage.STOPPED else "ask for the promotion to beta"
    return Refusal("nothing_to_resume", message, remedy, "move")


def _may_be_widened(rollout: Rollout, request: Request, plan: Plan) -> Iterator[Refusal]:
    if request.exposure is None:
        message = f"{request.move} needs an exposure"
        yield Refusal("exposure_missing", message, "say who shall get it", "exposure")
    elif rollout.stage in EXPOSED:
        higher = ", or promote first" if rollout.stage in _UP else ""
        yield from _above_ceiling(request.exposure, plan, rollout.stage, "ask for {ceiling} or less" + higher)
        if request.move == "widen":
            yield from _over_an_approval(rollout, request.exposure, plan[rollout.stage])


def _over_an_approval(rollout: Rollout, asked: Exposure, step: StagePlan) -> Iterator[Refusal]:
    """A step of the ramp that people have to agree to is not reached by widening past it."""
    present = rollout.exposure.share
    for each in step.ramp:
        if each.approvals and present < each.share <= asked.share:
            message = f"the step to {each.share} needs {each.approvals} approvals"
            remedy = f"start the ramp and have the step approved, or ask for less than {each.share}"
            yield Refusal("step_unapproved", message, remedy, "share")
            return


def _above_ceiling(exposure: Exposure, plan: Plan, stage: Stage, remedy: str) -> Iterator[Refusal]:
    ceiling = plan[stage].ceiling
    if exposure.share > ceiling:
        message = f"share {exposure.share} is above the ceiling {ceiling} of {stage}"
        yield Refusal("share_above_ceiling", message, remedy.format(ceiling=ceiling), "share")
    allowed = plan[stage].autonomy
    if exposure.autonomy.exceeds(allowed):
        message = f"the autonomy {exposure.autonomy} goes beyond {allowed}, the most {stage} allows"
        yield Refusal("autonomy_above_cap", message, f"ask for {allowed}", "autonomy")


def _may_be_introduced(rollout: Rollout, request: Request, _plan: Plan) -> Iterator[Refusal]:
    if request.release is None:
        message = "introduce needs a release"
        yield Refusal("release_missing", message, "name a release of this feature", "release")
    if request.share is not None and not 0 < request.share < WHOLE:
        message = f"share {request.share} is not between 1 and {WHOLE - 1}"
        yield Refusal("bad_share", message, "give a share in between; adopt gives all", "share")
    if rollout.stage is Stage.READINESS:
        return
    if request.share is None:
        message = "a candidate needs a share"
        yield Refusal("share_missing", message, "give basis points of the exposed users", "share")
    if request.release == rollout.stable:
        message = f"{request.release} is stable already"
        yield Refusal("already_stable", message, "name another release", "release")
    if rollout.candidate not in (None, request.release):
        message = f"{rollout.candidate} is being tried already"
        yield Refusal("candidate_running", message, "adopt or revert it first", "release")


def _may_be_adopted(rollout: Rollout, _request: Request, _plan: Plan) -> Iterator[Refusal]:
    if rollout.candidate is None:
        yield Refusal("no_candidate", "no candidate release is being tried", "introduce one first", "release")


def _may_be_narrowed(rollout: Rollout, request: Request, _plan: Plan) -> Iterator[Refusal]:
    if request.exposure is None:
        yield Refusal("exposure_missing", "narrow needs an exposure", "say who shall keep it", "exposure")
    else:
        yield from request.exposure.wider_than(rollout.exposure)


def _may_be_reverted(rollout: Rollout, _request: Request, _plan: Plan) -> Iterator[Refusal]:
    if rollout.candidate is None and rollout.previous is None:
        message = "there is no candidate to drop and no earlier release to go back to"
        yield Refusal("nothing_to_revert", message, "use review or disable", "move")


_CONDITIONS: Mapping[str, Condition] = {
    "promote": _may_be_promoted,
    "resume": _may_be_resumed,
    "widen": _may_be_widened,
    "advance": _may_be_widened,
    "introduce": _may_be_introduced,
    "adopt": _may_be_adopted,
    "narrow": _may_be_narrowed,
    "revert": _may_be_reverted,
}


def _unchanged(rollout: Rollout, _request: Request, _plan: Plan) -> Rollout:
    return rollout


def _promoted(rollout: Rollout, request: Request, plan: Plan) -> Rollout:
    return replace(rollout, exposure=_promoted_exposure(rollout.exposure, request, plan[rollout.stage]))


def _promoted_exposure(present: Exposure, request: Request, step: StagePlan) -> Exposure:
    """The exposure asked for; otherwise the stage's start, without taking anything from those who have it."""
    if request.exposure:
        return request.exposure
    # Nobody asked for more autonomy than the stage allows, so it is not refused but kept within it.
    autonomy = step.autonomy if present.autonomy.exceeds(step.autonomy) else present.autonomy
    return replace(present, share=max(present.share, step.start), autonomy=autonomy)


def _introduced(rollout: Rollout, request: Request, _plan: Plan) -> Rollout:
    if rollout.stage is Stage.READINESS:
        # A revert to the release that is stable anyway would look like a way back and be none.
        previous = None if rollout.previous == request.release else rollout.previous
        return replace(rollout, stable=request.release, previous=previous)
    return replace(rollout, candidate=request.release, candidate_share=request.share or 0)


def _adopted(rollout: Rollout, _request: Request, _plan: Plan) -> Rollout:
    adopted = replace(rollout, stable=rollout.candidate, previous=rollout.stable)
    return replace(adopted, candidate=None, candidate_share=0)


def _reverted(rollout: Rollout, _request: Request, _plan: Plan) -> Rollout:
    if rollout.candidate is not None:
        return replace(rollout, candidate=None, candidate_share=0)
    return replace(rollout, stable=rollout.previous, previous=None)


def _demoted(rollout: Rollout, _request: Request, plan: Plan) -> Rollout:
    if rollout.stage not in EXPOSED:
        return _darkened(rollout, _request, plan)
    step, exposure = plan[rollout.stage], rollout.exposure
    autonomy = step.autonomy if exposure.autonomy.exceeds(step.autonomy) else exposure.autonomy
    return replace(
        rollout, exposure=replace(exposure, share=min(exposure.share, step.ceiling), autonomy=autonomy)
    )


def _darkened(rollout: Rollout, _request: Request, _plan: Plan) -> Rollout:
    """Leave nobody exposed and nothing on trial."""
    return replace(rollout, exposure=NOBODY, candidate=None, candidate_share=0)


def _stopped(rollout: Rollout, request: Request, plan: Plan) -> Rollout:
    replacement = request.replacement or Replacement.NOTHING
    return replace(_darkened(rollout, request, plan), replacement=replacement)


def _exposed_as_asked(rollout: Rollout, request: Request, _plan: Plan) -> Rollout:
    return replace(rollout, exposure=request.exposure or rollout.exposure)


_EFFECTS: Mapping[str, Effect] = {
    "promote": _promoted,
    "resume": lambda rollout, _request, _plan: replace(rollout, holds=frozenset()),
    "widen": _exposed_as_asked,
    "advance": _exposed_as_asked,
    "narrow": _exposed_as_asked,
    "introduce": _introduced,
    "adopt": _adopted,
    "hold": lambda rollout, request, _plan: replace(rollout, holds=rollout.holds | {request.hold}),
    "revert": _reverted,
    "demote": _demoted,
    "stop": _stopped,
    "revive": lambda rollout, _request, _plan: replace(rollout, replacement=None),
}
