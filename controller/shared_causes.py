"""Features that suffer from one thing outside of them: found when a release is about to be blamed, and kept together.

None of this keeps a feature from going down. It only keeps a release from being blamed for what it did not do: the
rollout is held in the stead of a revert, and the rest of its ladder goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.actors import SYSTEM, Actor
from controller.errors import Conflict, Problem
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.incidents import hold_record, reverted_by
from controller.store.outbox import put
from controller.store.projects import get_project
from controller.store.releases import get_release, judge_release
from controller.store.rollouts import StoredRollout
from controller.store.shared_incidents import (
    Firing,
    SharedIncident,
    end_shared_incident,
    firing_in,
    get_shared_incident,
    join_shared_incident,
    open_shared_incident,
    open_shared_incidents,
    shared_incidents_of,
)
from controller.store.triggers import StoredTrigger
from controller.viability import bundle_of, target_of
from stages import (
    TOGETHER,
    Goodness,
    Model,
    Suffering,
    Trouble,
    control_is_beyond,
    control_suffers_too,
    find_shared_cause,
    models_of,
)
from triggers import Reading, Status, TriggerClass

LOOK_EVERY_S = 30.0
"""How often it is looked whether what features suffered from is over."""

_OF_THEIR_OWN = frozenset(
    {
        TriggerClass.SENSITIVE_DATA,
        TriggerClass.MODEL_RETIRING,
        TriggerClass.EVIDENCE_EXPIRED,
        TriggerClass.REVIEW_QUEUE,
        TriggerClass.BUSINESS_METRIC,
    }
)
"""What is watched for here is never somebody else's fault, or must be undone whosever fault it is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a release is not to blame. ``trouble`` is who is, if it is somebody outside.

    ``escape``: the release that would come back does not have the trouble, so going back to it helps.
    """

    why: str
    trouble: Trouble | None = None
    escape: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """What was read of the stable release beside a candidate, and the limit that the candidate was judged by."""

    reading: Reading | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class SharedCauses:
    """Finds shared causes, and keeps those who suffer from one together until it is over."""

    database: Database
    now: Clock

    def find(
        self,
        tx: Transaction,
        stored: StoredRollout,
        watching: StoredTrigger,
        control: Control,
        since: datetime,
    ) -> Finding | None:
        """Why the newest release of a rollout is not to blame for what a trigger fires about; None if it may be."""
        if watching.trigger.trigger_class in _OF_THEIR_OWN:
            return None
        if stored.rollout.candidate and (why := _suffers(watching, control)):
            return Finding(why)
        trouble = self._trouble(tx, stored, since)
        if trouble is None:
            return None
        back = _model_of(tx, stored, target_of(stored))
        return Finding(trouble.why, trouble, escape=back is not None and not trouble.touches(back))

    def note(
        self,
        tx: Transaction,
        stored: StoredRollout,
        trigger: str,
        trouble: Trouble,
        actor: Actor,
        now: datetime,
    ) -> None:
        """Keep a rollout with those that have the same trouble. The transaction holds the project's record."""
        same = [each for each in open_shared_incidents(tx, stored.project_id) if _is_same(each, trouble)]
        if same:
            join_shared_incident(tx, same[0].id, stored.id, trigger, now)
            return
        id = open_shared_incident(tx, stored.project_id, trouble, actor.name, now)
        join_shared_incident(tx, id, stored.id, trigger, now)
        for firing in _suffering_from(tx, stored.project_id, trouble):
            join_shared_incident(tx, id, firing.rollout_id, firing.trigger, now)
            _clear(tx, stored.project_id, firing, trouble, now)
        members = get_shared_incident(tx, stored.project_id, id).members
        told = {
            "shared_incident": id,
            "provider": trouble.provider,
            "model": trouble.model,
            "features": sorted({member.feature for member in members}),
            "reason": trouble.why,
        }
        put(tx, stored.project_id, "incident.shared", told, now)

    def of(self, project_key: str, *, before: int | None, limit: int) -> list[SharedIncident]:
        """The newest of a project, newest first."""
        with self.database.read() as tx:
            return shared_incidents_of(tx, get_project(tx, project_key).id, before=before, limit=limit)

    def close(self, project_key: str, id: int, actor: Actor, resolution: str) -> SharedIncident:
        """Say that it is over.

        Raises:
            Conflict: It was closed before.
        """
        with self.database.write() as tx:
            project_id = get_project(tx, project_key).id
            hold_record(tx, project_id)
            incident = get_shared_incident(tx, project_id, id)
            if not self._end(tx, incident, actor, resolution):
                detail = f"{incident.closed_by} closed it before: {incident.resolution}"
                problem = Problem("shared_incident", "it is closed", "look at what came of it")
                raise Conflict("incident_closed", detail, problem)
            return get_shared_incident(tx, project_id, id)

    def close_those_over(self) -> None:
        """Close those of which no member's trigger fires any more."""
        with self.database.read() as tx:
            over = [each for each in open_shared_incidents(tx) if not _goes_on(tx, each)]
        for incident in over:
            with self.database.write() as tx:
                hold_record(tx, incident.project_id)
                if not _goes_on(tx, get_shared_incident(tx, incident.project_id, incident.id)):
                    self._end(tx, incident, SYSTEM, "no trigger of these features fires any more")

    def _trouble(self, tx: Transaction, stored: StoredRollout, since: datetime) -> Trouble | None:
        rollout = stored.rollout
        model = _model_of(tx, stored, rollout.candidate or rollout.stable)
        if model is None:
            return None
        for incident in open_shared_incidents(tx, stored.project_id):
            if incident.trouble.touches(model):
                return incident.trouble
        mine = Suffering(rollout.feature, since, model)
        firing = [each for each in firing_in(tx, stored.project_id) if each.rollout_id != stored.id]
        others = [suffering for each in firing if (suffering := _suffering(tx, each)) is not None]
        return find_shared_cause(mine, others)

    def _end(self, tx: Transaction, incident: SharedIncident, actor: Actor, resolution: str) -> bool:
        now = self.now()
        if not end_shared_incident(tx, incident.id, actor.name, resolution, now):
            return False
        told = {"shared_incident": incident.id, "provider": incident.provider, "model": incident.model}
        change = Change(
            project_id=incident.project_id,
            name="shared_incident.close",
            actor=actor,
            at=now,
            reason=resolution,
            evidence=told,
        )
        record(tx, change)
        put(tx, incident.project_id, "incident.shared_closed", {**told, "reason": resolution}, now)
        return True


def _suffers(watching: StoredTrigger, control: Control) -> str:
    """Why a candidate is not to blame: the stable release beside it is beyond what the candidate was judged by."""
    reading, limit = control.reading, control.limit
    if reading is None or limit is None or reading.status is not Status.OK:
        return ""
    if reading.total is not None:
        return control_suffers_too(reading.bad or 0, reading.total, limit)
    if reading.value is None:
        return ""
    is_below = bool(watching.trigger.method.params().get("below"))
    return control_is_beyond(reading.value, limit, reading.samples, below=is_below)


def _model_of(tx: Transaction, stored: StoredRollout, release: str | None) -> Model | None:
    models = models_of(bundle_of(tx, stored.feature_id, release))
    return next((model for model in models if model.role == "model"), None)


def _suffering(tx: Transaction, firing: Firing) -> Suffering | None:
    if firing.trigger_class in _OF_THEIR_OWN:
        return None
    models = models_of(bundle_of(tx, firing.feature_id, firing.release))
    model = next((model for model in models if model.role == "model"), None)
    return Suffering(firing.feature, firing.since, model) if model else None


def _suffering_from(tx: Transaction, project_id: int, trouble: Trouble) -> list[Firing]:
    found = [(firing, _suffering(tx, firing)) for firing in firing_in(tx, project_id)]
    return [firing for firing, suffering in found if suffering and trouble.touches(suffering.model)]


def _clear(tx: Transaction, project_id: int, firing: Firing, trouble: Trouble, now: datetime) -> None:
    """Take back what was said of releases that the first to suffer were reverted from, before the cause was known."""
    for release in reverted_by(tx, firing.rollout_id, f"trigger:{firing.trigger}", now - TOGETHER):
        before, reason = get_release(tx, firing.feature_id, release), f"shared cause: {trouble.why}"
        if before.blocked_at is None:
            continue
        judge_release(tx, firing.feature_id, release, Goodness.UNKNOWN.value, reason)
        change = Change(
            project_id=project_id,
            name="release.judge",
            actor=SYSTEM,
            at=now,
            feature=firing.feature,
            reason=reason,
            before={"release": release, "verdict": before.verdict},
            after={"release": release, "verdict": Goodness.UNKNOWN.value},
        )
        record(tx, change)


def _is_same(incident: SharedIncident, trouble: Trouble) -> bool:
    return (incident.provider, incident.model) == (trouble.provider, trouble.model)


def _goes_on(tx: Transaction, incident: SharedIncident) -> bool:
    members = {member.rollout_id for member in incident.members}
    return any(
        firing.rollout_id in members for firing in _suffering_from(tx, incident.project_id, incident.trouble)
    )
