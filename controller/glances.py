"""What stands between many features and their next stages, as far as it can be told without counting answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from controller.cases import Cases, Recorded, known_bad, recorded_of, tightened
from controller.errors import InvalidInput
from controller.plans import Plans
from controller.store.board import open_incidents, open_promotions
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.features import Feature
from controller.store.projects import Project
from controller.store.releases import StoredRelease, releases_by
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger
from stages import Autonomy, Plan, Refusal, Request, Stage, check_promotion, find_arrival

_COUNTED = frozenset({"samples_missing", "criterion_missed", "criterion_unmeasured", "approvals_missing"})
"""Reasons that take counting answers or asking people; the feature's own page tells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A rollout with all that a card shows. ``next`` is None where there is no further stage.

    ``blocked`` are the reasons against it that records tell; what has to be counted is left out.
    """

    stored: StoredRollout
    feature: Feature
    stable: StoredRelease | None
    candidate: StoredRelease | None
    triggers: Sequence[StoredTrigger | Broken]
    incident: int | None
    asked: Stage | None
    next: Stage | None
    blocked: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read for all of them at once."""

    recorded: Mapping[int, Recorded]
    releases: Mapping[tuple[int, str], StoredRelease]
    incidents: Mapping[int, int]
    promotions: Mapping[int, Stage]

    def release(self, stored: StoredRollout, public_id: str | None) -> StoredRelease | None:
        """A release of the rollout's feature."""
        return self.releases.get((stored.feature_id, public_id)) if public_id else None


@dataclass(frozen=True, slots=True)
class Glances:
    """Looks at many rollouts of one project, with as many queries as for one."""

    cases: Cases

    def at(
        self, tx: Transaction, project: Project, stored: Sequence[StoredRollout], now: datetime
    ) -> list[Glance]:
        """A glance at each."""
        read = _read(tx, stored)
        plans = _plans(self.cases, project)

        @cache
        def plan_of(tier: str, autonomy: Autonomy, *, protected: bool) -> Plan:
            return plans.of(tier, protected=protected, autonomy=autonomy)

        return [
            self._glance(each, read, plan_of(each.tier, each.autonomy_cap, protected=each.protected), now)
            for each in stored
        ]

    def _glance(self, stored: StoredRollout, read: _Read, plan: Plan, now: datetime) -> Glance:
        rollout = stored.rollout
        arrival = find_arrival(rollout, Request(move="promote"))
        return Glance(
            stored=stored,
            feature=read.recorded[stored.id].feature,
            stable=read.release(stored, rollout.stable),
            candidate=read.release(stored, rollout.candidate),
            triggers=read.recorded[stored.id].triggers,
            incident=read.incidents.get(stored.id),
            asked=read.promotions.get(stored.id),
            next=arrival,
            blocked=tuple(self._blocked(stored, read, plan, arrival, now)) if arrival else (),
        )

    def _blocked(
        self, stored: StoredRollout, read: _Read, plan: Plan, arrival: Stage, now: datetime
    ) -> Iterator[Refusal]:
        release = read.release(stored, stored.rollout.stable)
        request = Request(move="promote", stage=arrival)
        case = read.recorded[stored.id].case(stored, request, "", release, now)
        if release:
            yield from known_bad(release)
            yield from self.cases.release_matters(plan, release, arrival, now)
        if incident := read.incidents.get(stored.id):
            message = f"the incident {incident} is open"
            yield Refusal("incident_open", message, "settle what it still asks for, and close it", "incident")
        yield from (each for each in check_promotion(case, plan, now) if each.code not in _COUNTED)


def _read(tx: Transaction, stored: Sequence[StoredRollout]) -> _Read:
    rollout_ids = [each.id for each in stored]
    served = [(each.feature_id, release) for each in stored for release in each.rollout.serves]
    return _Read(
        recorded=recorded_of(tx, stored),
        releases=releases_by(tx, served),
        incidents=open_incidents(tx, rollout_ids),
        promotions=open_promotions(tx, rollout_ids),
    )


def _plans(cases: Cases, project: Project) -> Plans:
    """The project's plans; the installation's where its own part cannot be used, so that the board is shown."""
    try:
        return tightened(cases.plans, project)
    except InvalidInput:
        return cases.plans
