"""Everything one process works with, put together once."""

from __future__ import annotations

from dataclasses import dataclass

from controller.catalog import Catalog
from controller.evaluations import Evaluations
from controller.flags.snapshots import Snapshots
from controller.http import Outbound
from controller.plans import Plans, load_plans
from controller.rollouts import Clock, Rollouts
from controller.settings import Settings
from controller.sources.access import Access
from controller.store.database import Database
from controller.ticks import Ticks
from controller.trigger_edits import TriggerEdits


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a process. ``now`` is its clock."""

    settings: Settings
    now: Clock
    database: Database
    plans: Plans
    catalog: Catalog
    rollouts: Rollouts
    trigger_edits: TriggerEdits
    evaluations: Evaluations
    ticks: Ticks
    snapshots: Snapshots


def build_services(settings: Settings, now: Clock) -> Services:
    """Put the parts together; nothing runs yet."""
    database = Database(settings.database_url)
    plans = load_plans(settings.plans)
    access = Access(Outbound(), database)
    rollouts = Rollouts(database, plans, now)
    evaluations = Evaluations(database, rollouts, access, now, settings.read_deadline_s)
    ticks = Ticks(
        database,
        evaluations,
        now,
        tick_s=settings.tick_s,
        lease_s=settings.lease_s,
        read_deadline_s=settings.read_deadline_s,
        lane_width=settings.lane_width,
        retention_days=settings.retention_days,
    )
    return Services(
        settings=settings,
        now=now,
        database=database,
        plans=plans,
        catalog=Catalog(database, plans, access, now, settings.secret_key),
        rollouts=rollouts,
        trigger_edits=TriggerEdits(database, access, now),
        evaluations=evaluations,
        ticks=ticks,
        snapshots=Snapshots(database, settings.valid_for_s),
    )
