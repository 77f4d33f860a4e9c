"""Whether a release may come to users who have the feature: first to some of them, then to all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from stages.plan import StagePlan
from stages.promotion import Case, duration, seen, self_waived, stand_all, unapproved
from stages.refusals import Refusal
from stages.release import Goodness
from stages.request import Request


def check_release(case: Case, step: StagePlan, now: datetime) -> Iterator[Refusal]:
    """Every reason against giving the users of a stage the release that the case asks about.

    The requester is whoever brings it in. What the stage demands of each release is looked at, and who has agreed.
    """
    standings = tuple(each for each in stand_all(case, step, now) if each.requirement.per_release)
    yield from (each.refusal for each in standings if each.refuses)
    yield from self_waived(case.requester, case.waivers, standings)
    if step.release_approvals:
        groups = step.approver_groups
        yield from unapproved(case, lambda: release_seen(case, step), step.release_approvals, groups)


def release_seen(case: Case, step: StagePlan) -> str:
    """The digest of all that whoever approves a release is shown: release, evidence, triggers, record and exposure.

    Left out is what the trial itself changes: the version of the rollout, that the release is being tried by how many,
    and whether it is known to be good by now. One approval holds from the first user to the last, unless anything
    that was shown changes.
    """
    shown = replace(
        case,
        rollout=replace(case.rollout, version=0, candidate=None, candidate_share=0),
        request=Request(move="introduce", release=case.subject.release),
        requester="",
        verdict=Goodness.UNKNOWN,
    )
    return seen(shown, step)


def untried(step: StagePlan, served: timedelta, answers: int) -> Iterator[Refusal]:
    """What a candidate has not shown yet: time served without a breach, and answers given."""
    missing = timedelta(seconds=step.release_soak_s) - served
    if missing > timedelta(0):
        message = "the candidate has served for too short a time without a breach"
        remedy = f"wait; {duration(-(-missing // timedelta(seconds=1)))} more are needed"
        yield Refusal("soaking", message, remedy, "release")
    if answers < step.release_min_samples:
        message = f"{answers} of at least {step.release_min_samples} answers were given by the candidate"
        yield Refusal(
            "samples_missing", message, "wait for more answers, or give it a greater share", "answers"
        )
