"""What a trigger asks people to do: opened with the verdict, closed by a person. Traffic is never touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.actors import Actor
from controller.errors import Conflict, Problem
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.features import feature_by_id
from controller.store.incidents import hold_record
from controller.store.outbox import put
from controller.store.projects import get_project
from controller.store.rollouts import StoredRollout
from controller.store.tasks import Task, add_task, end_task, get_task, open_task, tasks_of
from triggers import Rung


@dataclass(frozen=True, slots=True)
class Tasks:
    """Lists and closes tasks; each closing is recorded."""

    database: Database
    now: Clock

    def close(self, project_key: str, id: int, actor: Actor, resolution: str) -> Task:
        """Say that a task is done, or will not be.

        Raises:
            Conflict: It was closed before.
        """
        with self.database.write() as tx:
            project, now = get_project(tx, project_key), self.now()
            hold_record(tx, project.id)
            task = get_task(tx, project.id, id)
            if not end_task(tx, id, actor.name, resolution, now):
                detail = f"{task.closed_by} closed the task {id} before: {task.resolution}"
                raise Conflict(
                    "task_closed", detail, Problem("task", "it is closed", "look at what came of it")
                )
            change = Change(
                project_id=project.id,
                name="task.close",
                actor=actor,
                at=now,
                feature=task.feature,
                environment=task.environment,
                reason=resolution,
                evidence={"task": id, "kind": task.kind},
            )
            record(tx, change)
            return get_task(tx, project.id, id)

    def of(
        self, project_key: str, *, is_open: bool | None, feature: str | None, before: int | None, limit: int
    ) -> list[Task]:
        """The newest tasks of a project, newest first."""
        with self.database.read() as tx:
            id = get_project(tx, project_key).id
            return tasks_of(tx, id, is_open=is_open, feature=feature, before=before, limit=limit)


def ask_for(
    tx: Transaction, stored: StoredRollout, rung: Rung, actor: Actor, reason: str, now: datetime
) -> tuple[int, bool]:
    """Open the task of a rung, unless the same one has it open already; gives its id and whether it is new.

    Its owner is the one the rung names, or else the feature's. The transaction holds the project's record.
    """
    if earlier := open_task(tx, stored.id, rung.do.value, actor.name):
        return earlier, False
    owner = str(rung.args.get("owner") or feature_by_id(tx, stored.feature_id).owner)
    id = add_task(tx, stored.id, rung.do.value, owner, reason, actor.name, now)
    told = {
        "task": id,
        "kind": rung.do.value,
        "owner": owner,
        "feature": stored.rollout.feature,
        "environment": stored.rollout.environment,
        "reason": reason,
    }
    put(tx, stored.project_id, "task.opened", told, now, destination=str(rung.args.get("webhook", "")))
    return id, True
