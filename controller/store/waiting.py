"""What waits for the word of a second person, in all projects: promotions, releases, and proposals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import and_, exists, func, or_, select

from controller.store.board import PLACE, Place, Within, in_projects, place_of, placed
from controller.store.database import Transaction
from controller.store.tables import (
    environments,
    features,
    projects,
    promotions,
    proposals,
    ramps,
    releases,
    rollouts,
    trigger_proposals,
    triggers,
)
from stages import EXPOSED, Goodness, RampState

Id = TypeVar("Id", int, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Generic[Id]):
    """Something about a rollout that may wait for somebody's word: a promotion by its id, or a release by its name."""

    place: Place
    rollout_id: int
    id: Id


def promotions_waiting(tx: Transaction, within: Within, actor: str, limit: int) -> list[Waiting[int]]:
    """The open promotions that another actor asked for."""
    columns = (promotions.c.id.label("promotion"), promotions.c.rollout_id)
    rows = placed(select(*columns, *PLACE)).join(promotions, promotions.c.rollout_id == rollouts.c.id)
    rows = rows.where(*in_projects(within), promotions.c.status == "open", promotions.c.requester != actor)
    return [
        Waiting(place=place_of(row), rollout_id=row.rollout_id, id=row.promotion)
        for row in tx.execute(rows.order_by(promotions.c.id).limit(limit))
    ]


def releases_waiting(tx: Transaction, within: Within, actor: str, limit: int) -> list[Waiting[str]]:
    """The releases that may be waiting to come to the users of a rollout: its candidate, and its feature's newest one.

    Those that this actor made, that users have already, and that are bad are left out; so is what the plan says.
    """
    others = releases.alias("others")
    newest = select(func.max(others.c.id)).where(others.c.feature_id == features.c.id).scalar_subquery()
    meant = or_(releases.c.id == newest, releases.c.public_id == rollouts.c.candidate)
    columns = (releases.c.public_id, rollouts.c.id.label("rollout_id"))
    rows = placed(select(*columns, *PLACE)).join(
        releases, and_(releases.c.feature_id == features.c.id, meant)
    )
    rows = rows.where(
        *in_projects(within),
        environments.c.protected,
        features.c.deleted_at.is_(None),
        rollouts.c.stage.in_([stage.value for stage in EXPOSED]),
        releases.c.public_id != func.coalesce(rollouts.c.stable, ""),
        releases.c.verdict != Goodness.BAD.value,
        releases.c.created_by != actor,
    )
    return [
        Waiting(place=place_of(row), rollout_id=row.rollout_id, id=row.public_id)
        for row in tx.execute(rows.order_by(releases.c.id.desc()).limit(limit))
    ]


def ramps_waiting(tx: Transaction, within: Within, actor: str, limit: int) -> list[Waiting[int]]:
    """The running ramps that another actor started, by their rollouts; whether a step waits is for the plan to say."""
    rows = placed(select(ramps.c.rollout_id, *PLACE)).join(ramps, ramps.c.rollout_id == rollouts.c.id)
    rows = rows.where(
        *in_projects(within),
        features.c.deleted_at.is_(None),
        ramps.c.state == RampState.RUNNING.value,
        ramps.c.started_by != actor,
    )
    return [
        Waiting(place=place_of(row), rollout_id=row.rollout_id, id=row.rollout_id)
        for row in tx.execute(rows.order_by(ramps.c.id).limit(limit))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingProposal:
    """A looser trigger that somebody proposed and nobody has agreed to."""

    place: Place
    project_id: int
    trigger: str
    proposer: str
    since: datetime


def proposals_waiting(tx: Transaction, within: Within, actor: str, limit: int) -> list[WaitingProposal]:
    """The changes of triggers that somebody else proposed and nobody has agreed to."""
    columns = (
        projects.c.id.label("project_id"),
        triggers.c.key.label("trigger"),
        trigger_proposals.c.proposed_by,
        trigger_proposals.c.proposed_at,
    )
    rows = (
        placed(select(*columns, *PLACE))
        .join(triggers, triggers.c.rollout_id == rollouts.c.id)
        .join(trigger_proposals, trigger_proposals.c.trigger_id == triggers.c.id)
        .where(
            *in_projects(within),
            trigger_proposals.c.status == "open",
            trigger_proposals.c.proposed_by != actor,
            # What was about an earlier version is nothing to agree to any more.
            trigger_proposals.c.version == triggers.c.version,
        )
    )
    return [
        WaitingProposal(
            place=place_of(row),
            project_id=row.project_id,
            trigger=row.trigger,
            proposer=row.proposed_by,
            since=row.proposed_at,
        )
        for row in tx.execute(rows.order_by(trigger_proposals.c.id).limit(limit))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingChange:
    """Other settings of a source, or limits of a feature, that somebody proposed and nobody has agreed to."""

    id: int
    project: str
    project_id: int
    about: str
    key: str
    proposer: str
    since: datetime


def changes_waiting(tx: Transaction, within: Within, actor: str, limit: int) -> list[WaitingChange]:
    """The changes of sources and of features that somebody else proposed and nobody has agreed to."""
    is_there = exists().where(
        features.c.project_id == proposals.c.project_id,
        features.c.key == proposals.c.key,
        features.c.deleted_at.is_(None),
    )
    rows = select(proposals, projects.c.key.label("project")).join(
        projects, projects.c.id == proposals.c.project_id
    )
    rows = rows.where(
        *in_projects(within),
        proposals.c.status == "open",
        proposals.c.proposed_by != actor,
        or_(proposals.c.about != "feature", is_there),
    )
    return [
        WaitingChange(
            id=row.id,
            project=row.project,
            project_id=row.project_id,
            about=row.about,
            key=row.key,
            proposer=row.proposed_by,
            since=row.proposed_at,
        )
        for row in tx.execute(rows.order_by(proposals.c.id).limit(limit))
    ]
