"""All that speaks for or against a promotion, gathered from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.errors import InvalidInput, Problem
from controller.model_calendar import ModelCalendar
from controller.persons import are_one, person_of
from controller.plans import Plans
from controller.record import filled_fields
from controller.store.blindness import patience
from controller.store.break_glass import unreviewed
from controller.store.changes import count_automatic
from controller.store.columns import Broken, Unreadable
from controller.store.database import Transaction
from controller.store.evidence import StoredEvidence, StoredWaiver, evidence_by_feature, waivers_by_feature
from controller.store.features import Feature, features_by_id
from controller.store.groups import memberships
from controller.store.incidents import open_incidents_on
from controller.store.measurements import progress_of
from controller.store.outcomes import MEASURES, count_answers, tally
from controller.store.projects import Project, project_by_id
from controller.store.promotions import Promotion
from controller.store.release_approvals import approvals_of_release
from controller.store.releases import StoredRelease, get_release
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger, triggers_by_rollout, triggers_of
from stages import (
    EXPOSED,
    Case,
    Count,
    Criterion,
    Goodness,
    Measured,
    Missed,
    Plan,
    Refusal,
    Request,
    Requirement,
    Rollout,
    Share,
    Stage,
    StagePlan,
    Subject,
    Watch,
    find_arrival,
    models_of,
    parts,
    retiring,
    why_unpinned,
)
from triggers import Arming, Lack, Phase, holds_back


@dataclass(frozen=True, slots=True)
class Cases:
    """Gathers cases. ``plans`` are the installation's, ``calendar`` tells when models end."""

    plans: Plans
    calendar: ModelCalendar

    def plan_of(self, tx: Transaction, stored: StoredRollout) -> Plan:
        """The plan a rollout follows: that of its tier, tightened by its project, capped by its feature's autonomy."""
        return _plan(self._plans_of(tx, stored.project_id), stored)

    def plan_down(self, tx: Transaction, stored: StoredRollout) -> Plan:
        """The plan that a move down keeps to; where the project's part of it cannot be used, the installation's alone.

        What a project asks for besides may have been overtaken by a new plan of the installation. That is a reason
        not to go up, and none to stay up.
        """
        return _plan(self._plans_down(tx, stored.project_id), stored)

    def steps_of(self, tx: Transaction, stored: Sequence[StoredRollout]) -> dict[int, StagePlan]:
        """What their plans say of the stages in which rollouts are, by their ids; see `plan_down`."""
        plans = {id: self._plans_down(tx, id) for id in {each.project_id for each in stored}}
        return {each.id: _plan(plans[each.project_id], each)[each.rollout.stage] for each in stored}

    def requirements_of(self, tx: Transaction, project_id: int) -> Mapping[str, Requirement]:
        """Everything that a project's plans may ask for, by its key."""
        return self._plans_of(tx, project_id).requirements

    def needs_of(self, tx: Transaction, stored: StoredRollout) -> Mapping[str, Requirement]:
        """What the stage asks for in which a rollout is, by key; the first one where nobody has the feature yet."""
        stage = stored.rollout.stage if stored.rollout.stage in EXPOSED else Stage.BETA
        return {need.key: need for need in self.plan_down(tx, stored)[stage].requirements}

    def missed_in(self, tx: Transaction, feature: Feature, key: str) -> frozenset[Missed]:
        """What follows in the stages of a feature's tier when a requirement is not met; nothing if none asks for it."""
        plan = self._plans_of(tx, feature.project_id).of(feature.risk_tier, protected=True)
        needs = (need for stage in EXPOSED for need in plan[stage].requirements)
        return frozenset(need.missed for need in needs if need.key == key)

    def case(
        self, tx: Transaction, stored: StoredRollout, request: Request, requester: str, now: datetime
    ) -> Case:
        """The case of a promotion, without approvals."""
        recorded, plan, rollout = (
            recorded_of(tx, [stored])[stored.id],
            self.plan_of(tx, stored),
            stored.rollout,
        )
        release = get_release(tx, stored.feature_id, rollout.stable) if rollout.stable else None
        feature, arrival = recorded.feature, find_arrival(rollout, request)
        return replace(
            recorded.case(stored, request, requester, release, now),
            measured=measure(tx, stored, feature, plan, now),
            answers=_answers(tx, stored),
            matters=(
                *self._matters(release, plan, arrival, now),
                *_self_classified(tx, stored, feature, requester),
                *_unreviewed(tx, stored),
                *_unevaluated(tx, stored, now),
                *incident_open(tx, stored),
            ),
        )

    def case_of(self, tx: Transaction, stored: StoredRollout, promotion: Promotion, now: datetime) -> Case:
        """The case of a promotion that was asked for, with the approvals given."""
        request = Request(move="promote", stage=promotion.to_stage, exposure=promotion.exposure)
        case = self.case(tx, stored, request, promotion.requester, now)
        return case.approved_by(
            (approval.actor, approval.seen, memberships(tx, stored.project_id, approval.actor))
            for approval in promotion.approvals
        )

    def case_of_release(
        self, tx: Transaction, stored: StoredRollout, release: StoredRelease, requester: str, now: datetime
    ) -> Case:
        """The case of giving a release to those who have the feature, with the approvals by others than the requester.

        Approvals go by person: those of two keys of one person are one. Nothing is counted for it.
        """
        case, project_id = recorded_of(tx, [stored])[stored.id], stored.project_id
        return case.of_release(stored, release, requester, now).approved_by(
            (
                person_of(tx, project_id, approval.actor),
                approval.seen,
                memberships(tx, project_id, approval.actor),
            )
            for approval in approvals_of_release(tx, stored.id, release.public_id)
            if not are_one(tx, project_id, approval.actor, requester)
        )

    def release_matters(
        self, plan: Plan, release: StoredRelease, stage: Stage, now: datetime
    ) -> Iterator[Refusal]:
        """What is against serving a release in a stage, whatever the evidence: its models."""
        models = models_of(release.bundle)
        if plan.pinned_models:
            for model in models:
                if why := why_unpinned(model.provider, model.id):
                    message = f"the {model.role} {model.id} may change under you: {why}"
                    yield Refusal("model_unpinned", message, "name a dated or numbered version", "model")
        until = now + timedelta(seconds=plan[stage].planned_s)
        yield from retiring(models, self.calendar.current(), now.date(), until.date())

    def _plans_of(self, tx: Transaction, project_id: int) -> Plans:
        return tightened(self.plans, project_by_id(tx, project_id))

    def _plans_down(self, tx: Transaction, project_id: int) -> Plans:
        try:
            return self._plans_of(tx, project_id)
        except InvalidInput:
            return self.plans

    def _matters(
        self, release: StoredRelease | None, plan: Plan, arrival: Stage | None, now: datetime
    ) -> Iterator[Refusal]:
        if release and arrival in EXPOSED:
            yield from known_bad(release)
            yield from self.release_matters(plan, release, arrival, now)


def _plan(plans: Plans, stored: StoredRollout) -> Plan:
    return plans.of(stored.tier, protected=stored.protected, autonomy=stored.autonomy_cap)


def tightened(plans: Plans, project: Project) -> Plans:
    """The plans of the installation with what a project asks for besides.

    Raises:
        InvalidInput: What it asks for cannot be read, or was overtaken by the plans of the installation.
    """
    if isinstance(project.tightening, Unreadable):
        raise InvalidInput(Problem("tightening", "cannot be read", "set the project's plans anew"))
    return plans.tightened(project.tightening or {})


def known_bad(release: StoredRelease) -> Iterator[Refusal]:
    """The reason against a release that is known to be bad."""
    if release.verdict not in (Goodness.UNKNOWN, Goodness.GOOD):
        message = f"{release.public_id} is known to be bad: {release.verdict_reason}"
        yield Refusal("release_bad", message, "introduce another release", "release")


def _unreviewed(tx: Transaction, stored: StoredRollout) -> Iterator[Refusal]:
    """One refusal for each time that somebody broke the glass and nobody else has looked at it."""
    for id in unreviewed(tx, stored.id):
        message = f"nobody has reviewed the break-glass {id}"
        yield Refusal(
            "break_glass_unreviewed", message, "let somebody else than its actor review it", "break_glass"
        )


def _unevaluated(tx: Transaction, stored: StoredRollout, now: datetime) -> Iterator[Refusal]:
    """One refusal if triggers that may hold or act are due and nobody evaluates them."""
    late = [
        item.due_at
        for item in triggers_of(tx, stored.id)
        if isinstance(item, StoredTrigger)
        and item.trigger.arming is not Arming.SHADOW
        and _is_late(item, now)
    ]
    if late:
        message = (
            f"nobody has evaluated triggers that are due since {min(late).isoformat(timespec='seconds')}"
        )
        yield Refusal("evaluations_stopped", message, "see to it that a worker runs and is ready", "triggers")


def _is_late(item: StoredTrigger, now: datetime) -> bool:
    return now - item.due_at > patience(item.trigger.interval_s)


def incident_open(tx: Transaction, stored: StoredRollout) -> Iterator[Refusal]:
    """One refusal for each incident of a rollout that nobody has closed: until then it does not go on."""
    for id in open_incidents_on(tx, stored.id):
        message = f"incident {id} is open"
        yield Refusal("incident_open", message, "settle what it still asks for, and close it", "incident")


def _self_classified(
    tx: Transaction, stored: StoredRollout, feature: Feature, requester: str
) -> Iterator[Refusal]:
    """Who made the tier a lower one does not take the feature up by it."""
    if not (stored.protected and feature.tier_lowered_by and requester):
        return
    if are_one(tx, stored.project_id, requester, feature.tier_lowered_by):
        message = f"you lowered the risk tier yourself; it is {feature.risk_tier} now"
        yield Refusal("self_classified", message, "let somebody else ask for the promotion", "risk_tier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is on record about a rollout and its feature: all that a case is made of but what has to be counted."""

    feature: Feature
    triggers: Sequence[StoredTrigger | Broken]
    evidence: Sequence[StoredEvidence]
    waivers: Sequence[StoredWaiver]

    def case(
        self,
        stored: StoredRollout,
        request: Request,
        requester: str,
        release: StoredRelease | None,
        now: datetime,
    ) -> Case:
        """The case of a move, about a release."""
        watches = tuple(watch_of(item, now, stored.rollout) for item in self.triggers)
        return Case(
            rollout=stored.rollout,
            request=request,
            requester=requester,
            subject=asked_about(self.feature, release, watches),
            verdict=release.goodness if release else Goodness.UNKNOWN,
            evidence=tuple(item.judged for item in self.evidence),
            waivers=tuple(item.judged for item in self.waivers),
            watches=watches,
        )

    def of_release(
        self, stored: StoredRollout, release: StoredRelease, requester: str, now: datetime
    ) -> Case:
        """The case of giving a release to those who have the feature."""
        request = Request(move="introduce", release=release.public_id)
        return self.case(stored, request, requester, release, now)


def recorded_of(tx: Transaction, stored: Sequence[StoredRollout]) -> dict[int, Recorded]:
    """What is on record about rollouts, by their ids, with as many queries as for one."""
    feature_ids = {each.feature_id for each in stored}
    features, triggers = (
        features_by_id(tx, feature_ids),
        triggers_by_rollout(tx, [each.id for each in stored]),
    )
    evidence, waivers = evidence_by_feature(tx, feature_ids), waivers_by_feature(tx, feature_ids)
    return {
        each.id: Recorded(
            feature=features[each.feature_id],
            triggers=triggers[each.id],
            evidence=evidence[each.feature_id],
            waivers=waivers[each.feature_id],
        )
        for each in stored
    }


def watch_of(item: StoredTrigger | Broken, now: datetime, rollout: Rollout) -> Watch:
    """A trigger of a rollout as a promotion sees it.

    It is blind if it cannot be read, was never evaluated, should have been evaluated again long ago, so that what it
    said then says nothing about now, or if its policy for what it lacks is to hold. Where nobody has the feature there
    are no answers to see yet: a source that was asked, and holds none, is what there should be.
    """
    if isinstance(item, Broken):
        return Watch(key=item.key, version=0, acts=True, firing=False, blind=True)
    is_idle = rollout.stage not in EXPOSED and item.state.lack is Lack.NO_DATA
    unseen = item.verdict is None or (holds_back(item.rule, item.state, now) and not is_idle)
    return Watch(
        key=item.trigger.key,
        version=item.version,
        trigger_class=item.trigger.trigger_class.value,
        acts=item.trigger.arming is Arming.ACT and not item.is_muted(now),
        firing=item.state.phase is Phase.FIRING and item.trigger.arming is not Arming.SHADOW,
        blind=unseen or _is_late(item, now),
    )


def measure(
    tx: Transaction, stored: StoredRollout, feature: Feature, plan: Plan, now: datetime
) -> dict[str, Measured]:
    """What the exit criteria of the present stage ask about, by their keys; what nobody measured is left out."""
    if stored.rollout.stage not in EXPOSED:
        return {}
    criteria = plan[stored.rollout.stage].exit_criteria
    found = {each.key: _measured(tx, stored, feature, each, now) for each in criteria}
    return {key: measured for key, measured in found.items() if measured is not None}


def asked_about(
    feature: Feature, release: StoredRelease | None, watches: list[Watch] | tuple[Watch, ...]
) -> Subject:
    """What evidence is asked about, from rows that were read already."""
    return Subject(
        release=release.public_id if release else None,
        parts=parts(release.bundle) if release else {},
        filled=filled_fields(feature),
        version=feature.version,
        watching=frozenset(watch.key for watch in watches if watch.acts and not watch.blind),
    )


def _measured(
    tx: Transaction, stored: StoredRollout, feature: Feature, criterion: Criterion, now: datetime
) -> Measured | None:
    rollout = stored.rollout
    start = max(now - timedelta(seconds=criterion.window_s), rollout.stage_since)
    if criterion.measure == "business_metric":
        return progress_of(tx, feature)
    if criterion.measure == "automatic_actions":
        since = now - timedelta(seconds=criterion.window_s)
        return Count(count_automatic(tx, stored.project_id, rollout.feature, rollout.environment, since))
    if criterion.measure not in MEASURES:
        return None
    counted = tally(
        tx,
        stored.environment_id,
        rollout.feature,
        criterion.measure,
        start,
        now,
        release=rollout.stable,
        limit=criterion.limit,
    )
    return Share(counted.bad, counted.total) if counted.total else None


def _answers(tx: Transaction, stored: StoredRollout) -> int:
    rollout = stored.rollout
    if rollout.stage not in EXPOSED:
        return 0
    return count_answers(tx, stored.environment_id, rollout.feature, rollout.stage_since)
