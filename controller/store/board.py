"""What the board shows, in a number of queries that does not grow with the number of features."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Text, and_, exists, func, or_, select, type_coerce

from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.projects import Environment
from controller.store.pulse import in_trouble
from controller.store.rollouts import JOINED, StoredRollout, stored_rollout
from controller.store.tables import (
    break_glasses,
    changes,
    environments,
    evidence,
    features,
    incidents,
    projects,
    promotions,
    releases,
    rollouts,
    triggers,
)
from stages import EXPOSED, Mode, Stage, Tier

Within: TypeAlias = Collection[int] | None
"""The ids of the projects to look in; None: all."""


PLACE = (
    projects.c.key.label("project"),
    environments.c.key.label("environment"),
    features.c.key.label("feature"),
    features.c.name,
)
"""The columns that say where a row is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rollouts are asked for; empty is whatever it is. ``text`` is looked for in names and owners."""

    text: str = ""
    tier: Tier | None = None
    mode: Mode | None = None
    troubled: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether anything is left out."""
        return self != Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands, in the words of an address, with what the feature is called."""

    project: str
    environment: str
    feature: str
    name: str


def count_stages(tx: Transaction, environment_id: int, wanted: Wanted, now: datetime) -> dict[str, int]:
    """How many of the rollouts asked for are in each stage; a stage that cannot be read is counted as it is written."""
    counted = select(rollouts.c.stage, func.count()).join(features, features.c.id == rollouts.c.feature_id)
    mine = counted.where(rollouts.c.environment_id == environment_id, *_conditions(wanted, now))
    return {str(stage): int(count) for stage, count in tx.execute(mine.group_by(rollouts.c.stage))}


def rollouts_by_stage(
    tx: Transaction,
    environment_id: int,
    wanted: Wanted,
    now: datetime,
    *,
    each: int,
    stage: Stage | None = None,
    skip: int = 0,
) -> list[StoredRollout | Broken]:
    """At most ``each`` rollouts of every stage, or of one: those in trouble first, then by name."""
    trouble = exists().where(triggers.c.rollout_id == rollouts.c.id, in_trouble(now))
    place = func.row_number().over(
        partition_by=rollouts.c.stage,
        order_by=[
            trouble.desc(),
            func.lower(func.coalesce(func.nullif(features.c.name, ""), features.c.key)),
            rollouts.c.id,
        ],
    )
    ranked = select(rollouts.c.id, place.label("place")).join(
        features, features.c.id == rollouts.c.feature_id
    )
    ranked = ranked.where(rollouts.c.environment_id == environment_id, *_conditions(wanted, now))
    if stage is not None:
        ranked = ranked.where(rollouts.c.stage == stage.value)
    numbered = ranked.subquery()
    page = JOINED.join(numbered, numbered.c.id == rollouts.c.id)
    page = page.where(numbered.c.place > skip, numbered.c.place <= skip + each)
    return [stored_rollout(row) for row in tx.execute(page.order_by(numbered.c.place))]


def open_incidents(tx: Transaction, rollout_ids: Iterable[int]) -> dict[int, int]:
    """The oldest open incident of each of these rollouts that has one."""
    rows = select(incidents.c.rollout_id, func.min(incidents.c.id).label("oldest"))
    mine = rows.where(incidents.c.rollout_id.in_(list(rollout_ids)), incidents.c.closed_at.is_(None))
    return {row.rollout_id: row.oldest for row in tx.execute(mine.group_by(incidents.c.rollout_id))}


def open_promotions(tx: Transaction, rollout_ids: Iterable[int]) -> dict[int, Stage]:
    """To which stage a promotion of these rollouts is asked for, where one is open."""
    rows = select(promotions.c.rollout_id, promotions.c.to_stage)
    mine = rows.where(promotions.c.rollout_id.in_(list(rollout_ids)), promotions.c.status == "open")
    return {rollout: Stage(stage) for rollout, stage in tx.execute(mine)}


def stop_reasons(tx: Transaction, environment: Environment, keys: Iterable[str]) -> dict[str, str]:
    """For what reason features were stopped in an environment, by their keys; the newest stop counts."""
    told = select(changes.c.feature, changes.c.reason).where(
        changes.c.project_id == environment.project_id,
        changes.c.environment == environment.key,
        changes.c.name == "stop",
        changes.c.feature.in_(list(keys)),
    )
    return {row.feature: row.reason for row in tx.execute(told.order_by(changes.c.seq))}


def troubled_triggers(tx: Transaction, within: Within, now: datetime, limit: int) -> list[tuple[Place, int]]:
    """Where triggers are in trouble, with their ids."""
    rows = placed(select(triggers.c.id.label("found"), *PLACE)).join(
        triggers, triggers.c.rollout_id == rollouts.c.id
    )
    rows = rows.where(*in_projects(within), in_trouble(now), features.c.deleted_at.is_(None))
    rows = rows.order_by(triggers.c.id).limit(limit)
    return [(place_of(row), row.found) for row in tx.execute(rows)]


def expiring_evidence(
    tx: Transaction,
    within: Within,
    lifetimes: Mapping[str, int],
    now: datetime,
    soon: timedelta,
    limit: int,
) -> list[tuple[Place, str, datetime]]:
    """What evidence of features that users have expires soon or has expired, and when: requirement and end.

    ``lifetimes`` are the seconds that evidence for a requirement lives. Evidence that newer one stands beside is left
    out, and so is what is about a release that is not served.
    """
    newer = evidence.alias("newer")
    made = func.coalesce(evidence.c.made_at, evidence.c.accepted_at)
    ends = [
        and_(evidence.c.requirement == key, made < now + soon - timedelta(seconds=seconds))
        for key, seconds in lifetimes.items()
    ]
    superseded = exists().where(
        newer.c.feature_id == evidence.c.feature_id,
        newer.c.requirement == evidence.c.requirement,
        or_(
            newer.c.release == evidence.c.release,
            and_(newer.c.release.is_(None), evidence.c.release.is_(None)),
        ),
        newer.c.id > evidence.c.id,
    )
    columns = (evidence.c.requirement, evidence.c.made_at, evidence.c.accepted_at, evidence.c.expires_at)
    rows = placed(select(*columns, *PLACE)).join(evidence, evidence.c.feature_id == features.c.id)
    rows = rows.where(
        *in_projects(within),
        environments.c.protected,
        rollouts.c.stage.in_([stage.value for stage in EXPOSED]),
        or_(evidence.c.release.is_(None), evidence.c.release == rollouts.c.stable),
        or_(evidence.c.expires_at < now + soon, *ends),
        ~superseded,
    )
    return [
        (place_of(row), row.requirement, end)
        for row in tx.execute(rows.order_by(evidence.c.id).limit(limit))
        if isinstance(end := _end(row, lifetimes), datetime)
    ]


def incidents_waiting(tx: Transaction, within: Within, limit: int) -> list[tuple[Place, int, str, datetime]]:
    """The open incidents: id, status and since when."""
    columns = (incidents.c.id.label("found"), incidents.c.status, incidents.c.opened_at)
    rows = placed(select(*columns, *PLACE)).join(incidents, incidents.c.rollout_id == rollouts.c.id)
    rows = (
        rows.where(*in_projects(within), incidents.c.closed_at.is_(None))
        .order_by(incidents.c.id)
        .limit(limit)
    )
    return [(place_of(row), row.found, row.status, row.opened_at) for row in tx.execute(rows)]


def unreviewed_glass(tx: Transaction, within: Within, limit: int) -> list[tuple[Place, int, str, datetime]]:
    """Where somebody broke the glass and nobody else has looked at it: id, actor and when."""
    columns = (break_glasses.c.id.label("found"), break_glasses.c.actor, break_glasses.c.opened_at)
    rows = placed(select(*columns, *PLACE)).join(break_glasses, break_glasses.c.rollout_id == rollouts.c.id)
    rows = rows.where(*in_projects(within), break_glasses.c.reviewed_at.is_(None))
    rows = rows.order_by(break_glasses.c.id).limit(limit)
    return [(place_of(row), row.found, row.actor, row.opened_at) for row in tx.execute(rows)]


def served_bundles(tx: Transaction, within: Within) -> list[tuple[Place, str]]:
    """The bundles of the stable releases that users get, as the text they are kept as."""
    served = and_(releases.c.feature_id == features.c.id, releases.c.public_id == rollouts.c.stable)
    rows = placed(select(type_coerce(releases.c.bundle, Text).label("bundle"), *PLACE)).join(releases, served)
    exposed = rollouts.c.stage.in_([stage.value for stage in EXPOSED])
    rows = rows.where(*in_projects(within), exposed, environments.c.protected)
    return [(place_of(row), row.bundle) for row in tx.execute(rows.order_by(rollouts.c.id))]


def in_projects(within: Within) -> list[ColumnElement[bool]]:
    """The condition that a row belongs to one of these projects."""
    return [] if within is None else [projects.c.id.in_(within)]


def placed(rows: Any) -> Any:
    """A statement about rollouts, with all that says where they are."""
    return (
        rows.select_from(rollouts)
        .join(features, features.c.id == rollouts.c.feature_id)
        .join(environments, environments.c.id == rollouts.c.environment_id)
        .join(projects, projects.c.id == environments.c.project_id)
    )


def place_of(row: Any) -> Place:
    """The place in a row that was asked for with `PLACE`."""
    return Place(
        project=row.project, environment=row.environment, feature=row.feature, name=row.name or row.feature
    )


def _end(row: Any, lifetimes: Mapping[str, int]) -> datetime | None:
    lifetime = lifetimes.get(row.requirement)
    made = row.made_at or row.accepted_at
    ends = [
        row.expires_at,
        made + timedelta(seconds=lifetime) if lifetime and isinstance(made, datetime) else None,
    ]
    return min((end for end in ends if isinstance(end, datetime)), default=None)


def _conditions(wanted: Wanted, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [features.c.deleted_at.is_(None)]
    if wanted.text:
        columns = (features.c.key, features.c.name, features.c.owner)
        found.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    if wanted.tier:
        found.append(features.c.risk_tier == wanted.tier.value)
    if wanted.mode:
        found.append(rollouts.c.mode == wanted.mode.value)
    if wanted.troubled:
        found.append(exists().where(triggers.c.rollout_id == rollouts.c.id, in_trouble(now)))
    return found
