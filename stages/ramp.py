"""How exposure grows within a stage by itself: one step at a time, each of them earned.

A ramp stays at a step until it has earned the step's time, seen its answers and has the approvals of the next one.
Time is earned only while nothing speaks against the feature. Not to know is a reason to pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from stages.criteria import Criterion, Share, unmet
from stages.moves import make
from stages.plan import Plan, StagePlan, Step
from stages.promotion import Approval, Case, seen, stand_all, unwatched
from stages.refusals import Refusal, Refused
from stages.release import Goodness
from stages.request import Request
from stages.rollout import Rollout

_NOTHING = timedelta(0)


class RampState(StrEnum):
    """Whether a ramp goes on by itself."""

    RUNNING = "running"
    PAUSED = "paused"
    """A person paused it; whoever goes on with it goes on where it was."""
    OFF = "off"
    """Somebody moved the feature by hand, or a trigger did; only a person starts it again."""
    FINISHED = "finished"
    """There is no further step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Time that was earned.

    It was counted last at ``counted_at``; ``held`` says whether the conditions held then.
    """

    earned: timedelta = _NOTHING
    counted_at: datetime
    held: bool = False

    def counted(self, now: datetime, longest_gap: timedelta, *, holds: bool) -> Credit:
        """Count on, now that the conditions hold or do not.

        Time between two looks counts only if the conditions held at both. Of a longer time without looks only
        ``longest_gap`` counts: what nobody looked at is unknown.
        """
        if not holds and not self.held:
            return self
        passed = now - self.counted_at
        if -longest_gap <= passed < _NOTHING:
            # Another process, whose clock is a little ahead, has been here; its time is not counted again.
            return replace(self, held=holds)
        counts = max(_NOTHING, min(passed, longest_gap)) if holds and self.held else _NOTHING
        return Credit(earned=self.earned + counts, counted_at=now, held=holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """How far a ramp has come.

    ``why`` says why it does not run, if somebody paused it or switched it off. The present step began at
    ``step_since``, with ``release`` as the stable one; ``approvals`` are those of the next step.
    """

    state: RampState = RampState.RUNNING
    why: str = ""
    started_by: str
    release: str | None
    step_since: datetime
    credit: Credit
    approvals: tuple[Approval, ...] = ()

    def anew(self, release: str | None, now: datetime) -> Ramp:
        """The same ramp at the beginning of a step: nothing is earned, nobody has agreed."""
        return replace(self, release=release, step_since=now, credit=Credit(counted_at=now), approvals=())

    def paused(self, why: str) -> Ramp:
        """The same ramp after a person paused it. It keeps what was earned; the pause itself earns nothing."""
        return replace(self, state=RampState.PAUSED, why=why, credit=replace(self.credit, held=False))

    def resumed(self) -> Ramp:
        """The same ramp after a person let it go on."""
        return replace(self, state=RampState.RUNNING, why="")

    def of(self, rollout: Rollout, now: datetime) -> Ramp:
        """This ramp for the rollout as it is now: what was earned with another release says nothing of this one."""
        return self if self.release == rollout.stable else self.anew(rollout.stable, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """Where a ramp stands.

    ``pauses`` are the reasons why nothing is earned now, ``waits`` what is missing for the next step besides.
    ``agreed`` are the people who approved it as it is now.
    """

    step: Step
    next: Step
    pauses: tuple[Refusal, ...]
    waits: tuple[Refusal, ...]
    agreed: frozenset[str]

    @property
    def is_due(self) -> bool:
        """Whether the next step is to be taken."""
        return not self.pauses and not self.waits


def start_ramp(rollout: Rollout, by: str, now: datetime) -> Ramp:
    """A ramp that goes on from the present share."""
    return Ramp(started_by=by, release=rollout.stable, step_since=now, credit=Credit(counted_at=now))


def present_step(steps: tuple[Step, ...], share: int) -> Step:
    """The step a share is on; below the first one as long is stayed as on it."""
    return next((step for step in reversed(steps) if step.share <= share), steps[0])


def next_step(steps: tuple[Step, ...], share: int) -> Step | None:
    """The first step above a share, or None at the top."""
    return next((step for step in steps if step.share > share), None)


def advance_to(rollout: Rollout, step: Step) -> Request:
    """The move that takes a step: a greater share, and nothing else."""
    return Request(move="advance", exposure=replace(rollout.exposure, share=step.share))


def look(ramp: Ramp, case: Case, plan: Plan, answers: int, now: datetime) -> Footing:
    """Where a ramp stands.

    There is a step above the share, and the ramp is that of the rollout now (`Ramp.of`). The request of the case is not
    looked at. ``answers`` is how many were given since the present step began.

    Raises:
        Refused: There is no further step.
    """
    stage, rollout = plan[case.rollout.stage], case.rollout
    following = next_step(stage.ramp, rollout.exposure.share)
    if following is None:
        raise Refused([no_step_left(rollout)])
    step = present_step(stage.ramp, rollout.exposure.share)
    agreed = _agreed(ramp, step_seen(ramp, case, stage, following))
    return Footing(
        step=step,
        next=following,
        pauses=tuple(_pausing(case, plan, following, answers, now)),
        waits=(*_holding(ramp, step), *_answering(step, answers), *_agreeing(ramp, following, agreed)),
        agreed=agreed,
    )


def count_on(
    ramp: Ramp, case: Case, plan: Plan, answers: int, now: datetime, longest_gap: timedelta
) -> tuple[Ramp, Footing]:
    """The ramp with the time since it was counted last, and where it stands then; see `look` and `Credit.counted`.

    Raises:
        Refused: There is no further step.
    """
    pauses = look(ramp, case, plan, answers, now).pauses
    counted = replace(ramp, credit=ramp.credit.counted(now, longest_gap, holds=not pauses))
    return counted, look(counted, case, plan, answers, now)


def step_seen(ramp: Ramp, case: Case, stage: StagePlan, step: Step) -> str:
    """The digest of what is shown to whoever approves a step.

    The version of the rollout is left out, because a pause may change it; so is whether the release is known to be good
    by now.
    """
    shown = replace(
        case,
        rollout=replace(case.rollout, version=0),
        request=advance_to(case.rollout, step),
        requester=ramp.started_by,
        verdict=Goodness.UNKNOWN,
    )
    return seen(shown, stage)


def approve_step(ramp: Ramp, case: Case, stage: StagePlan, approver: str) -> Ramp:
    """Agree to the next step as it is now.

    Raises:
        Refused: There is none, or the approver started the ramp or agreed already.
    """
    step = next_step(stage.ramp, case.rollout.exposure.share)
    if step is None:
        raise Refused([no_step_left(case.rollout)])
    if approver == ramp.started_by:
        message = "you started this ramp"
        raise Refused([Refusal("self_approval", message, "ask somebody else to approve its step")])
    approval = Approval(approver, step_seen(ramp, case, stage, step))
    if approver in _agreed(ramp, approval.seen):
        message = "you approved this step already"
        raise Refused([Refusal("already_approved", message, "nothing is left for you to do")])
    valid = (given for given in ramp.approvals if given.seen == approval.seen)
    return replace(ramp, approvals=(*valid, approval))


def no_step_left(rollout: Rollout) -> Refusal:
    """The reason against a ramp where it leads nowhere."""
    message = f"the plan has no step above the share {rollout.exposure.share} in {rollout.stage}"
    return Refusal("no_step_left", message, "widen by hand, or promote", "share")


_GOES_ON = frozenset({"advance", "introduce", "adopt", "resume", "revive"})
"""The moves after which a ramp goes on, or stays as it is. While a release is on trial it pauses by itself."""
_DONE = {
    "promote": "promoted",
    "widen": "widened",
    "narrow": "narrowed",
    "hold": "held",
    "review": "sent to review",
    "revert": "reverted",
    "disable": "disabled",
    "demote": "demoted",
    "stop": "stopped",
}


def after_move(ramp: Ramp, move: str, by: str) -> Ramp:
    """The ramp after somebody made a move: whoever takes a feature in hand switches its ramp off."""
    if move in _GOES_ON or ramp.state is RampState.OFF:
        return ramp
    return replace(ramp, state=RampState.OFF, why=f"{_DONE.get(move, move)} by {by}", approvals=())


def _pausing(case: Case, plan: Plan, following: Step, answers: int, now: datetime) -> Iterator[Refusal]:
    """Everything that speaks against the feature, and everything about it that cannot be told."""
    rollout, stage = case.rollout, plan[case.rollout.stage]
    try:
        make(rollout, advance_to(rollout, following), plan, now)
    except Refused as refused:
        yield from refused.refusals
    if rollout.candidate is not None:
        message = f"the release {rollout.candidate} is on trial, and what is measured is of both"
        yield Refusal("candidate_running", message, "adopt or revert it first", "release")
    if not rollout.exposure.share:
        message = "nobody gets the feature, so nothing can be learnt"
        yield Refusal("nobody_exposed", message, "widen it by hand, then start the ramp", "share")
    yield from case.matters
    yield from (each.refusal for each in stand_all(case, stage, now) if each.refuses)
    yield from unwatched(case, stage)
    yield from unmet(_judgeable(case, stage.exit_criteria, answers), case.measured, now)


def _judgeable(case: Case, criteria: Iterable[Criterion], answers: int) -> Iterator[Criterion]:
    """The criteria but those that nothing can be said of yet, because the step is too young.

    A criterion that asks for more answers than there were since the step began does not keep the ramp from beginning,
    unless more of them are bad already than may be. Once there were that many, not to know is a reason to pause.
    """
    for criterion in criteria:
        found = case.measured.get(criterion.key)
        judged, bad = (found.total, found.bad) if isinstance(found, Share) else (0, 0)
        least = max(1, criterion.min_samples)
        is_young = answers < least and judged < least and (found is None or isinstance(found, Share))
        if not is_young or bad > criterion.at_most * least:
            yield criterion


def _holding(ramp: Ramp, step: Step) -> Iterator[Refusal]:
    missing = timedelta(seconds=step.hold_s) - ramp.credit.earned
    if missing > _NOTHING:
        message = (
            f"{_time(ramp.credit.earned)} of {_time(timedelta(seconds=step.hold_s))} at this step are earned"
        )
        yield Refusal("step_holding", message, f"wait; {_time(missing)} more without any trouble are needed")


def _answering(step: Step, answers: int) -> Iterator[Refusal]:
    if answers < step.min_samples:
        message = f"{answers} of at least {step.min_samples} answers were given at this step"
        yield Refusal("samples_missing", message, "wait for more answers", "answers")


def _agreeing(ramp: Ramp, step: Step, agreed: frozenset[str]) -> Iterator[Refusal]:
    if len(agreed) < step.approvals:
        message = (
            f"waiting for approval: {len(agreed)} of {step.approvals} people agreed to the step as it is now"
        )
        remedy = f"ask others than {ramp.started_by} to approve it"
        yield Refusal("approvals_missing", message, remedy, "approvals")


def _agreed(ramp: Ramp, shown: str) -> frozenset[str]:
    """Who agreed to what is shown now, other than whoever started the ramp."""
    return frozenset(approval.actor for approval in ramp.approvals if approval.seen == shown) - {
        ramp.started_by
    }


def _time(length: timedelta) -> str:
    """A length of time in words, rounded up to whole seconds or minutes."""
    seconds = -(-length // timedelta(seconds=1))
    if seconds < 60:  # noqa: PLR2004 - the seconds of a minute
        return f"{seconds} s"
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
