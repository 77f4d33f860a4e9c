"""Whether a feature may enter its next stage: every reason against it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from stages.exposure import Exposure
from stages.moves import Request, find_arrival, make
from stages.plan import Plan, Requirement, StagePlan
from stages.refusals import Refusal, Refused
from stages.release import digest
from stages.rollout import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An answer to a requirement.

    ``release`` is the id it was made for, or None if it holds for the whole feature. Without ``expires_at``
    it never expires.
    """

    id: str
    requirement: str
    release: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A trigger as seen by a promotion.

    ``acts``: it may move traffic. ``blind``: it sees nothing at the moment.
    """

    key: str
    version: int
    acts: bool
    firing: bool
    blind: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody agreed to a promotion after seeing what ``seen`` is the digest of."""

    actor: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that speaks for or against a promotion. ``requester`` and approvers are actor names."""

    rollout: Rollout
    request: Request
    requester: str
    evidence: tuple[Evidence, ...] = ()
    watches: tuple[Watch, ...] = ()
    approvals: tuple[Approval, ...] = ()


def seen(case: Case) -> str:
    """The digest of everything an approver is shown; a change of any of it makes the approval void.

    Left out is only what is checked at every attempt anyway and may come and go meanwhile: whether a trigger
    fires or is blind just now, and who else has approved.
    """
    request = case.request
    return digest(
        {
            **_shown_rollout(case.rollout),
            "requester": case.requester,
            "to": [request.stage, request.mode, request.exposure and _shown_exposure(request.exposure)],
            "with": [request.release, request.share, request.hold],
            "evidence": sorted(_shown_evidence(evidence) for evidence in case.evidence),
            "triggers": sorted([watch.key, watch.version, watch.acts] for watch in case.watches),
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
    return [exposure.share, sorted(exposure.cohorts), sorted(exposure.tasks), exposure.autonomy]


def _shown_evidence(evidence: Evidence) -> list[str]:
    expiry = _shown_time(evidence.expires_at) if evidence.expires_at else ""
    return [evidence.id, evidence.requirement, evidence.release or "", expiry]


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
    return (
        *standing,
        *_soaking(case.rollout, step, now),
        *unproven(case.rollout.stable, step.requirements, case.evidence, now),
        *_unwatched(case, step),
        *_unapproved(case, step),
    )


def approve(case: Case, approver: str) -> Approval:
    """Agree to a promotion.

    Raises:
        Refused: The approver asked for it himself, or agreed to it already.
    """
    if approver == case.requester:
        message = "you asked for this promotion"
        raise Refused([Refusal("self_approval", message, "ask somebody else to approve it")])
    approval = Approval(actor=approver, seen=seen(case))
    if approval in case.approvals:
        message = "you approved this already"
        raise Refused([Refusal("already_approved", message, "nothing is left for you to do")])
    return approval


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


def _soaking(rollout: Rollout, step: StagePlan, now: datetime) -> Iterator[Refusal]:
    until = rollout.stage_since + timedelta(seconds=step.soak_s)
    if now < until:
        message = f"the feature has been in {rollout.stage} only since {_minute(rollout.stage_since)}"
        yield Refusal("soaking", message, f"wait until {_minute(until)}")


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def unproven(
    release: str | None, needs: Iterable[Requirement], evidence: Iterable[Evidence], now: datetime
) -> Iterator[Refusal]:
    """One refusal for each requirement that no living evidence answers for this release."""
    known = tuple(evidence)
    for need in needs:
        answers = [item for item in known if item.requirement == need.key]
        if not any(_holds(item, need, release, now) for item in answers):
            yield _unmet(need, answers, now)


def _holds(evidence: Evidence, need: Requirement, release: str | None, now: datetime) -> bool:
    fits = not need.per_release or evidence.release == release
    return fits and not _is_expired(evidence, now)


def _is_expired(evidence: Evidence, now: datetime) -> bool:
    return evidence.expires_at is not None and evidence.expires_at <= now


def _unmet(need: Requirement, answers: list[Evidence], now: datetime) -> Refusal:
    what = f"{need.title} ({need.gate})"
    if not answers:
        message = f"no evidence for {what}"
        return Refusal("evidence_missing", message, f"add evidence for {need.key}", need.key)
    if all(_is_expired(evidence, now) for evidence in answers):
        message = f"the evidence for {what} has expired"
        return Refusal("evidence_expired", message, f"renew {need.key}", need.key)
    message = f"the evidence for {what} is for another release"
    return Refusal("evidence_stale", message, f"repeat {need.key} with this release", need.key)


def _unwatched(case: Case, step: StagePlan) -> Iterator[Refusal]:
    acting = sum(watch.acts for watch in case.watches)
    if acting < step.armed_triggers:
        message = f"{acting} of at least {step.armed_triggers} triggers may act"
        yield Refusal("triggers_missing", message, "arm more triggers to act", "triggers")
    yield from firing(case.watches)
    for watch in case.watches:
        if watch.acts and watch.blind and not watch.firing:
            message = f"the trigger {watch.key} sees nothing at the moment"
            yield Refusal("trigger_blind", message, "mend its source first", watch.key)


def _unapproved(case: Case, step: StagePlan) -> Iterator[Refusal]:
    now_seen = seen(case)
    agreed = {approval.actor for approval in case.approvals if approval.seen == now_seen} - {case.requester}
    if len(agreed) < step.approvals:
        message = f"{len(agreed)} of {step.approvals} approvals given for what is asked now"
        yield Refusal("approvals_missing", message, "ask others to approve", "approvals")
