"""The use cases of agreeing that a release comes to those who have the feature: look, approve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from controller.actors import Actor, ActorKind
from controller.cases import Cases, incident_open, known_bad, recorded_of
from controller.persons import ONE, are_one, person_of
from controller.rollouts import Clock, Where, locate, not_a_person
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.groups import memberships
from controller.store.release_approvals import add_release_approval, approvals_of_release
from controller.store.releases import StoredRelease, get_release
from controller.store.rollouts import StoredRollout, lock_rollout
from stages import (
    CHANGED_SINCE_SEEN,
    EXPOSED,
    Approval,
    Case,
    Goodness,
    Refusal,
    Refused,
    StagePlan,
    awaits_only_approval,
    check_release,
    firing,
    release_seen,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStanding:
    """What stands against a release coming to those who have the feature in its present stage.

    ``needed`` is how many people have to agree, ``approved_by`` who agreed to what is shown now, ``seen`` its digest.
    """

    release: str
    stage: str
    needed: int
    approved_by: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    seen: str


class ReleaseApprovals:
    """Lets people agree to a release; whoever brings it in then needs theirs."""

    def __init__(self, database: Database, cases: Cases, now: Clock) -> None:
        self._database = database
        self._cases = cases
        self._now = now

    def look(self, where: Where, release: str, actor: Actor) -> ReleaseStanding:
        """What stands against the actor bringing a release in.

        Raises:
            NotFound: There is no such rollout or release.
            Refused: Nobody has the feature, so that there is nothing to agree to.
        """
        with self._database.read() as tx:
            stored = locate(tx, where)
            _refuse_unless_exposed(stored)
            return self.standing(tx, stored, get_release(tx, stored.feature_id, release), actor)

    def approve(self, where: Where, release: str, actor: Actor, seen: str | None = None) -> ReleaseStanding:
        """Agree that a release comes to those who have the feature, as things are now.

        ``seen`` is the digest of what the approver looked at, if that is to be made sure of.

        Raises:
            NotFound: There is no such rollout or release.
            Refused: The actor is no person, agreed already, looked at something else, or nobody has the feature.
        """
        if actor.kind is not ActorKind.HUMAN:
            raise Refused([not_a_person(actor)])
        with self._database.write() as tx:
            lock_rollout(tx, locate(tx, where).id)
            stored = locate(tx, where)
            _refuse_unless_exposed(stored)
            found = get_release(tx, stored.feature_id, release)
            approval = Approval(actor.name, release_seen(*self._shown(tx, stored, found)))
            if seen not in (None, approval.seen):
                raise Refused([CHANGED_SINCE_SEEN])
            _refuse_twice(tx, stored, release, approval)
            add_release_approval(tx, stored.id, release, approval, self._now())
            self._record(tx, stored, release, actor)
            return self.standing(tx, stored, found, actor)

    def standing(
        self, tx: Transaction, stored: StoredRollout, release: StoredRelease, actor: Actor
    ) -> ReleaseStanding:
        """The same of a rollout that is read already, and in a stage in which users have the feature."""
        now, plan, stage = self._now(), self._cases.plan_of(tx, stored), stored.rollout.stage
        case, step = self._cases.case_of_release(tx, stored, release, actor.name, now), plan[stage]
        shown = release_seen(case, step)
        given = approvals_of_release(tx, stored.id, release.public_id)
        against = (
            *known_bad(release),
            *check_release(case, step, now),
            *self._cases.release_matters(plan, release, stage, now),
            *firing(case.watches),
            *(incident_open(tx, stored) if stored.protected else ()),
        )
        return ReleaseStanding(
            release=release.public_id,
            stage=stage.value,
            needed=step.release_approvals,
            approved_by=tuple(sorted({each.actor for each in given if each.seen == shown})),
            refusals=against,
            seen=shown,
        )

    def lacking_only_people(
        self, tx: Transaction, offered: Sequence[tuple[StoredRollout, StoredRelease]]
    ) -> Iterator[tuple[StoredRollout, StoredRelease]]:
        """Those of some releases that lack nothing but people before they may come to the users of a rollout."""
        rollouts, now = [stored for stored, _ in offered], self._now()
        recorded, steps = recorded_of(tx, rollouts), self._cases.steps_of(tx, rollouts)
        for stored, release in offered:
            step = steps[stored.id]
            if step.release_approvals and release.goodness is not Goodness.BAD:
                case = recorded[stored.id].of_release(stored, release, "", now)
                if awaits_only_approval(tuple(check_release(case, step, now))):
                    yield stored, release

    def awaits(self, tx: Transaction, stored: StoredRollout, release: StoredRelease, actor: Actor) -> bool:
        """Whether people are all that a release lacks, and a person's word is among what is missing.

        That of whoever made it is not: somebody else looks at it, or brings it in.
        """
        step = self._cases.plan_of(tx, stored)[stored.rollout.stage]
        if not step.release_approvals or release.goodness is Goodness.BAD:
            return False
        project_id, now = stored.project_id, self._now()
        case = self._cases.case_of_release(tx, stored, release, "", now)
        word = Approval(
            person_of(tx, project_id, actor.name),
            release_seen(case, step),
            memberships(tx, project_id, actor.name),
        )
        agreed = [each.actor for each in case.approvals if each.seen == word.seen]
        is_mine = person_of(tx, project_id, release.created_by) == word.actor
        if is_mine or any(are_one(tx, project_id, each, actor.name) for each in agreed):
            return False
        before = tuple(check_release(case, step, now))
        after = tuple(check_release(replace(case, approvals=(*case.approvals, word)), step, now))
        return awaits_only_approval(before) and after != before

    def _shown(
        self, tx: Transaction, stored: StoredRollout, release: StoredRelease
    ) -> tuple[Case, StagePlan]:
        case = self._cases.case_of_release(tx, stored, release, "", self._now())
        return case, self._cases.plan_of(tx, stored)[stored.rollout.stage]

    def _record(self, tx: Transaction, stored: StoredRollout, release: str, actor: Actor) -> None:
        change = Change(
            project_id=stored.project_id,
            name="release.approve",
            actor=actor,
            at=self._now(),
            feature=stored.rollout.feature,
            environment=stored.rollout.environment,
            evidence={"release": release, "stage": stored.rollout.stage.value},
        )
        record(tx, change)


def _refuse_unless_exposed(stored: StoredRollout) -> None:
    if stored.rollout.stage not in EXPOSED:
        message = f"nobody has the feature in {stored.rollout.stage}, so a release comes to nobody"
        remedy = "introduce it; what is agreed to then is the promotion"
        raise Refused([Refusal("nobody_exposed", message, remedy, "release")])


def _refuse_twice(tx: Transaction, stored: StoredRollout, release: str, approval: Approval) -> None:
    """One person agrees once, with whatever key."""
    for given in approvals_of_release(tx, stored.id, release):
        if given.seen == approval.seen and are_one(tx, stored.project_id, given.actor, approval.actor):
            mine = given.actor == approval.actor
            message = "you approved this release already" if mine else f"{given.actor} approved it, and {ONE}"
            raise Refused([Refusal("already_approved", message, "nothing is left for you to do")])
