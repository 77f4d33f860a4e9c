"""The end of a project: its rows, its keys and its record, and nothing of any other project."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select

from controller.store.announcements import KEYS, announce, flags_of
from controller.store.database import Transaction
from controller.store.tables import environments, features, projects, rollouts, triggers


@dataclass(frozen=True, slots=True)
class Removed:
    """What is left to say of a project: the ids of its environments, and where its record ended."""

    environments: tuple[int, ...]
    changes: int
    last_hash: str


def remove_project(tx: Transaction, project_id: int) -> Removed:
    """Delete a project with everything that belongs to it; its keys open nothing from the commit on."""
    head = tx.execute(
        select(projects.c.head_seq, projects.c.head_hash).where(projects.c.id == project_id)
    ).one()
    there = tuple(tx.scalars(select(environments.c.id).where(environments.c.project_id == project_id)))
    mine = select(features.c.id).where(features.c.project_id == project_id)
    led = select(rollouts.c.id).where(rollouts.c.feature_id.in_(mine))
    # Triggers come first: they hold their source, and whoever evaluates one locks it before the project.
    tx.execute(delete(triggers).where(triggers.c.rollout_id.in_(led)))
    tx.execute(delete(projects).where(projects.c.id == project_id))
    for topic in (KEYS, *map(flags_of, there)):
        announce(tx, topic)
    return Removed(there, head.head_seq, head.head_hash)
