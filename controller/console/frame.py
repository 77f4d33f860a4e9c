"""The frame around every page: which project and environment is looked at, the ways to go, and whether all is well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import render_template, request, url_for

from controller.api.auth import rights, services
from controller.console.live import Live
from controller.console.words import Sign, done
from controller.errors import NotFound
from controller.store.claims import oldest_due
from controller.store.database import Transaction
from controller.store.features import features_of
from controller.store.projects import (
    Environment,
    Project,
    all_environments,
    all_projects,
)

Place = TypeVar("Place", Project, Environment)

_HEALTHY = Sign("evaluating", "quiet", "good")
_ELSEWHERE = Sign("evaluated by workers", "quiet", "plain")
_DEAD = Sign("not evaluating", "alarm", "alarm")
_LATE = Sign("evaluations are late", "alarm", "alarm")
_PATIENCE = timedelta(minutes=1)
"""How late an evaluation may be before nobody can say any more how things are."""


@dataclass(frozen=True, slots=True)
class Way:
    """A page that the navigation leads to."""

    name: str
    address: str
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page knows. ``late_since``: when a trigger fell due that nobody evaluated."""

    project: Project | None
    environment: Environment | None
    places: list[tuple[Project, list[Environment]]]
    late_since: datetime | None
    health: Sign
    now: datetime

    @property
    def keys(self) -> dict[str, Any]:
        """The place as the parts of an address."""
        kept = {"project": self.project, "environment": self.environment}
        return {name: each.key for name, each in kept.items() if each is not None}

    @property
    def ways(self) -> tuple[Way, ...]:
        """The pages of this project."""
        if self.project is None:
            return ()
        here, place = request.endpoint or "", self.keys
        board = Way("Board", url_for("console.show_board", **place), here == "console.show_board")
        incidents = Way(
            "Incidents",
            url_for("console.show_incidents", project=self.project.key),
            here in ("console.show_incidents", "console.show_incident"),
        )
        audit = Way(
            "Audit",
            url_for("console.show_audit", project=self.project.key),
            here in ("console.show_audit", "console.verify_audit", "console.show_served"),
        )
        address = url_for("console.show_keys", project=self.project.key)
        settings = Way("Settings", address, request.path.startswith(address.removesuffix("/keys")))
        return board, incidents, audit, settings


def frame(tx: Transaction, project_key: str = "", environment_key: str = "") -> Frame:
    """The frame of a place. Without keys: the first project with features, its first protected environment.

    Raises:
        NotFound: There is no such project or environment.
    """
    projects = [each for each in all_projects(tx) if rights().sees(each.id)]
    environments = all_environments(tx)
    places = [(each, [one for one in environments if one.project_id == each.id]) for each in projects]
    project = _named("project", project_key, projects) if project_key else _first(tx, projects)
    environment = None
    if project is not None:
        mine = [one for one in environments if one.project_id == project.id]
        protected = [one for one in mine if one.protected]
        environment = next(iter(protected or mine), None)
        if environment_key:
            environment = _named("environment", environment_key, mine)
    now = services().now()
    late_since = _late_since(tx, now)
    return Frame(
        project=project,
        environment=environment,
        places=places,
        late_since=late_since,
        health=_health(is_late=late_since is not None),
        now=now,
    )


def page(template: str, frame: Frame, live: Live | None = None, **shown: Any) -> str:
    """Render a page in its frame; with ``live`` it follows what happens."""
    # A form goes to the address of its page, which may still say what was done before.
    told = done(request.args.get("done", "")) if request.method == "GET" else ""
    return render_template(template, frame=frame, live=live, now=frame.now, done=told, **shown)


def _named(what: str, key: str, among: Iterable[Place]) -> Place:
    found = next((each for each in among if each.key == key), None)
    if found is None:
        raise NotFound(what, key)
    return found


def _first(tx: Transaction, projects: list[Project]) -> Project | None:
    described = (project for project in projects if features_of(tx, project.id, limit=1))
    return next(described, next(iter(projects), None))


def _late_since(tx: Transaction, now: datetime) -> datetime | None:
    due = oldest_due(tx, now)
    return due if isinstance(due, datetime) and now - due > _PATIENCE else None


def _health(*, is_late: bool) -> Sign:
    """Whether triggers are evaluated: as this process knows of itself, and as the rows tell of all processes."""
    parts = services()
    if parts.settings.role.evaluates and not parts.ticks.is_alive:
        return _DEAD
    if is_late:
        return _LATE
    return _HEALTHY if parts.settings.role.evaluates else _ELSEWHERE
