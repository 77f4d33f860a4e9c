"""Whether a feature may enter its next stage: every reason against it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from stages.criteria import Measured, unmet
from stages.evidence import Answer, Evidence, Standing, Subject, Waiver, stand
from stages.exposure import Exposure
from stages.moves import find_arrival, make
from stages.plan import Plan, StagePlan
from stages.refusals import Refusal, Refused
from stages.release import Goodness, digest
from stages.request import Request
from stages.rollout import EXPOSED, Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A trigger as seen by a promotion.

    ``trigger_class`` is what it watches for. ``acts``: it may move traffic. ``blind``: it sees nothing at the moment.
    """

    key: str
    version: int
    trigger_class: str = ""
    acts: bool
    firing: bool
    blind: bool


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed to a promotion after seeing what ``seen`` is the digest of.

    ``groups`` are those the approver belongs to.
    """

    actor: str
    seen: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that speaks for or against a promotion. ``requester`` and approvers are actor names.

    ``subject`` is the release and the feature that evidence is asked about, ``verdict`` what is known of the release.
    ``measured`` goes by the key of the exit criterion; ``answers`` is how many were given in this stage.
    ``matters`` is what else stands against it, found where only the controller can look.
    """

    rollout: Rollout
    request: Request
    requester: str
    subject: Subject = field(default_factory=Subject)
    verdict: Goodness = Goodness.UNKNOWN
    evidence: tuple[Evidence, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    watches: tuple[Watch, ...] = ()
    measured: Mapping[str, Measured] = field(default_factory=dict)
    answers: int = 0
    matters: tuple[Refusal, ...] = ()
    approvals: tuple[Approval, ...] = ()

    def approved_by(self, given: Iterable[tuple[str, str, frozenset[str]]]) -> Case:
        """The same case with approvals: who, what was seen, and the groups they belong to."""
        return replace(self, approvals=tuple(Approval(*approval) for approval in given))


def seen(case: Case, step: StagePlan) -> str:
    """The digest of everything an approver is shown; a change of any of it makes the approval void.

    Left out is only what is checked at every attempt anyway and may come and go meanwhile: whether a trigger
    fires or is blind just now, what is measured, and who else has approved.
    """
    request = case.request
    return digest(
        {
            **_shown_rollout(case.rollout),
            "plan": _shown_plan(step),
            "release": [case.subject.release, sorted(case.subject.parts.items()), case.verdict],
            "record": [case.subject.version, sorted(case.subject.filled)],
            "waivers": sorted(_shown_waiver(waiver) for waiver in case.waivers),
            "requester": case.requester,
            "to": [request.stage, request.mode, request.exposure and _shown_exposure(request.exposure)],
            "with": [request.release, request.share, request.hold],
            "evidence": sorted(_shown_evidence(evidence) for evidence in case.evidence),
            "triggers": sorted(
                [watch.key, watch.version, watch.trigger_class, watch.acts] for watch in case.watches
            ),
        }
    )


def _shown_rollout(rollout: Rollout) -> dict[str, object]:
    review = rollout.review
    return {
        "rollout": [rollout.feature, rollout.environment, rollout.stage, rollout.mode, rollout.version],
        "since": _shown_time(rollout.stage_since),
        "holds": sorted(rollout.holds),
        "releases": [rollout.stable, rollout.previous, rollout.candidate, rollout.candidate_share],
        "exposure": _shown_exposure(rollout.exposure),
        "review": [review.sample, review.below_confidence, review.reviewers],
    }


def _shown_exposure(exposure: Exposure) -> list[object]:
    return [
        exposure.share,
        sorted(exposure.cohorts),
        sorted(exposure.tasks),
        sorted(exposure.languages),
        exposure.autonomy,
    ]


def _shown_evidence(evidence: Evidence) -> list[str]:
    expiry = _shown_time(evidence.expires_at) if evidence.expires_at else ""
    return [evidence.id, evidence.requirement, evidence.release or "", expiry, evidence.sha256]


def _shown_waiver(waiver: Waiver) -> list[str]:
    return [
        waiver.id,
        waiver.requirement,
        waiver.release or "",
        waiver.approver,
        _shown_time(waiver.expires_at),
    ]


def _shown_plan(step: StagePlan) -> str:
    """What the stage asks for; a plan is plain data, so its own spelling names it."""
    return repr(replace(step, requirements=())) + "".join(
        repr(replace(need, proves=frozenset())) + repr(sorted(need.proves)) for need in step.requirements
    )


def _shown_time(time: datetime) -> str:
    """The same text for the same moment, in whatever time zone a database hands it out."""
    return time.astimezone(UTC).isoformat()


def check_promotion(case: Case, plan: Plan, now: datetime) -> tuple[Refusal, ...]:
    """Every reason why the rollout may not be promoted now; empty when it may.

    The request is read as one to promote, whatever move it names. Missing approvals are the last reason.
    """
    case = replace(case, request=replace(case.request, move="promote"))
    standing = _standing(case, plan, now)
    arrival = find_arrival(case.rollout, case.request)
    if arrival is None:
        return standing
    step = plan[arrival]
    standings = stand_all(case, step, now)
    leaving = plan[case.rollout.stage].exit_criteria if case.rollout.stage in EXPOSED else ()
    return (
        *standing,
        *case.matters,
        *_soaking(case, step, now),
        *(each.refusal for each in standings if each.refuses),
        *self_waived(case.requester, case.waivers, standings),
        *unmet(leaving, case.measured, now),
        *unwatched(case, step),
        *unapproved(case, lambda: seen(case, step), step.approvals, step.approver_groups),
    )


def stand_all(case: Case, step: StagePlan, now: datetime) -> tuple[Standing, ...]:
    """How each requirement of a stage stands for the release that the case asks about."""
    # What somebody else waived counts before what the requester waived for themselves.
    waivers = sorted(case.waivers, key=lambda waiver: waiver.approver == case.requester)
    return tuple(stand(need, case.subject, case.evidence, waivers, now) for need in step.requirements)


def approve(case: Case, plan: Plan, approver: str, groups: frozenset[str] = frozenset()) -> Approval:
    """Agree to a promotion; ``groups`` are those the approver belongs to.

    Raises:
        Refused: The approver asked for it themselves, or agreed to it already.
    """
    if approver == case.requester:
        message = "you asked for this promotion"
        raise Refused([Refusal("self_approval", message, "ask somebody else to approve it")])
    approval = Approval(actor=approver, seen=seen_for(case, plan), groups=groups)
    if any((given.actor, given.seen) == (approval.actor, approval.seen) for given in case.approvals):
        message = "you approved this already"
        raise Refused([Refusal("already_approved", message, "nothing is left for you to do")])
    return approval


def seen_for(case: Case, plan: Plan) -> str:
    """What an approver of this promotion is shown, as a digest; see `seen`."""
    request = replace(case.request, move="promote")
    arrival = find_arrival(case.rollout, request)
    return seen(case, plan[arrival] if arrival else StagePlan(ceiling=0, start=0))


def firing(watches: Iterable[Watch]) -> Iterator[Refusal]:
    """One refusal for each trigger that is firing: while it does, nothing goes up."""
    for watch in watches:
        if watch.firing:
            message = f"the trigger {watch.key} is firing"
            yield Refusal("trigger_firing", message, "acknowledge it once the cause is gone", watch.key)


def awaits_only_approval(refusals: tuple[Refusal, ...]) -> bool:
    """Whether people are all that is missing."""
    return {refusal.code for refusal in refusals} == {"approvals_missing"}


def _standing(case: Case, plan: Plan, now: datetime) -> tuple[Refusal, ...]:
    try:
        make(case.rollout, case.request, plan, now)
    except Refused as refused:
        return refused.refusals
    return ()


def _soaking(case: Case, step: StagePlan, now: datetime) -> Iterator[Refusal]:
    rollout = case.rollout
    missing = step.soak_s - rollout.soaked_s(now)
    if missing > 0:
        message = f"the feature has been in {rollout.stage} for too short a time"
        remedy = f"wait until {_minute(now + timedelta(seconds=missing))}"
        if rollout.stage in EXPOSED and not rollout.is_live:
            remedy = f"resume it; {duration(missing)} more of being live are needed"
        yield Refusal("soaking", message, remedy)
    if rollout.stage in EXPOSED and case.answers < step.min_samples:
        message = f"{case.answers} of at least {step.min_samples} answers were given in {rollout.stage}"
        yield Refusal(
            "samples_missing", message, "wait for more answers, or widen within the stage", "answers"
        )


def duration(seconds: int) -> str:
    """A time in words, rounded up to whole minutes."""
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def self_waived(actor: str, waivers: Iterable[Waiver], standings: Iterable[Standing]) -> Iterator[Refusal]:
    """Who takes something up is not the one who lets a requirement pass for it."""
    own = {waiver.id for waiver in waivers if waiver.approver == actor}
    for standing in standings:
        if standing.answer is Answer.WAIVED and standing.by in own:
            need = standing.requirement
            message = f"you waived {need.title} ({need.gate}) yourself"
            yield Refusal("self_waived", message, "let somebody else waive it, or ask", need.key)


def unwatched(case: Case, step: StagePlan) -> Iterator[Refusal]:
    """What is wrong with the triggers: too few that may act, a class missing, one that fires or sees nothing."""
    acting = sum(watch.acts for watch in case.watches)
    if acting < step.armed_triggers:
        message = f"{acting} of at least {step.armed_triggers} triggers may act"
        yield Refusal("triggers_missing", message, "arm more triggers to act", "triggers")
    acting_classes = {watch.trigger_class for watch in case.watches if watch.acts}
    for missing in sorted({*step.trigger_classes} - acting_classes):
        message = f"no trigger of the class {missing} may act"
        yield Refusal("trigger_class_missing", message, f"arm a trigger of the class {missing}", "triggers")
    yield from firing(case.watches)
    for watch in case.watches:
        if watch.acts and watch.blind and not watch.firing:
            message = f"the trigger {watch.key} sees nothing at the moment"
            yield Refusal("trigger_blind", message, "mend its source first", watch.key)


def unapproved(case: Case, shown: Callable[[], str], people: int, groups: Iterable[str]) -> Iterator[Refusal]:
    """The approvals that are missing of what is shown now; those of whoever asks do not count.

    The digest of what is shown takes a while, so it is only asked for where there are any.
    """
    now_seen = shown() if case.approvals else ""
    valid = [approval for approval in case.approvals if approval.seen == now_seen]
    agreed = {approval.actor: approval.groups for approval in valid if approval.actor != case.requester}
    if len(agreed) < people:
        message = f"{len(agreed)} of {people} approvals given for what is asked now"
        yield Refusal("approvals_missing", message, "ask others to approve", "approvals")
    for group in groups:
        if not any(group in theirs for theirs in agreed.values()):
            message = f"nobody of the group {group} has approved what is asked now"
            yield Refusal("approvals_missing", message, f"ask somebody of {group} to approve", "approvals")
