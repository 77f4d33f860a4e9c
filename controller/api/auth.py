"""Who is asking.

Every endpoint is closed unless a guard opens it. The guard goes by the matched endpoint, never by the path.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import Flask, current_app, g, request

from controller.actors import Actor
from controller.api.doors import permission_for
from controller.api.errors import KeyExpired, Unauthenticated, Unpermitted
from controller.api.fields import has_control_characters
from controller.errors import Forbidden, NotFound, Problem
from controller.permissions import Permission, Rights
from controller.rights import rights_of_key, whom_to_ask
from controller.services import Services
from controller.store.database import DatabaseUnavailable
from controller.store.keys import ApiKey, KeyKind, find_key, mark_used, was_used_lately
from controller.store.projects import get_project


@dataclass(frozen=True, slots=True)
class Caller:
    """Who was let in, and by what."""

    actor: Actor
    key: ApiKey


Guard = Callable[[], None]


def services() -> Services:
    """The parts this process works with."""
    return cast("Services", current_app.extensions["headgate"])


def actor() -> Actor:
    """Who is asking."""
    return cast("Caller", g.caller).actor


def key() -> ApiKey:
    """The API key of who is asking."""
    return cast("Caller", g.caller).key


def rights() -> Rights:
    """What whoever is asking may do."""
    return cast("Rights", g.rights)


def admin_only() -> None:
    """Let admin keys in, as far as their roles go; what belongs to another project is not there for them.

    Raises:
        Unauthenticated: Nobody we know sent this.
        NotFound: There is no such project for this key.
        Forbidden: It is no admin key, or may not do this.
    """
    api_key = _authenticated()
    if api_key.kind is not KeyKind.ADMIN:
        raise _wrong_kind(api_key, "use an admin key")
    _refuse_impossible(request.view_args or {})
    g.rights = rights_of_key(api_key)
    refuse_unless_allowed(permission_for(request.endpoint or ""), (request.view_args or {}).get("project"))


def refuse_unless_allowed(permission: Permission, project_key: str | None) -> None:
    """Let only those go on who may do something in a project; without a project, in the whole installation.

    What belongs to no project may be read by everybody who was let in.

    Raises:
        NotFound: There is no such project, or none that is there for them.
        Forbidden: They may not do this; names the permission, and who could do it.
    """
    mine = rights()
    if permission in mine.everywhere or (project_key is None and permission is Permission.READ):
        return
    with services().database.read() as tx:
        project = get_project(tx, project_key) if project_key else None
        if project is not None and not mine.sees(project.id):
            raise NotFound("project", project.key)
        if not mine.may(permission, project.id if project else None):
            raise Unpermitted(
                permission, project.key if project else "", whom_to_ask(tx, permission, project)
            )


def refuse_to_hand_out(project_key: str, asked: frozenset[Permission]) -> None:
    """Nobody gives away what they do not hold themselves.

    Raises:
        Forbidden: Something of it is not theirs to give.
    """
    with services().database.read() as tx:
        project = get_project(tx, project_key)
        if rights().may_hand_out(asked, project.id):
            return
        ask = whom_to_ask(tx, Permission.ADMINISTER, None)
    lacking = ", ".join(sorted(asked - rights().in_projects.get(project.id, frozenset())))
    problem = Problem("permission", f"you do not hold {lacking} yourself", f"ask somebody who does: {ask}")
    raise Forbidden("more_than_held", problem.message, problem)


def server_only() -> None:
    """Let the keys of an environment in."""
    api_key = _authenticated()
    if api_key.kind is not KeyKind.SERVER or api_key.environment_id is None:
        raise _wrong_kind(api_key, "use a server key")


def anybody() -> None:
    """Let everybody in."""


def register_guards(app: Flask, guards: Mapping[str, Guard]) -> None:
    """Guard every endpoint by the name of its blueprint; one without a guard of its own is for admins."""

    @app.before_request
    def check() -> None:
        if request.endpoint is not None:
            guards.get(request.endpoint.partition(".")[0], admin_only)()


def _authenticated() -> ApiKey:
    parts, now = services(), services().now()
    with parts.database.read() as tx:
        api_key = find_key(tx, _presented(), parts.settings.secret_key)
    if api_key is None:
        raise Unauthenticated
    if api_key.has_expired(now):
        raise KeyExpired
    if not was_used_lately(api_key, now):
        _note_use(api_key, now)
    g.caller = Caller(Actor(f"key:{api_key.name or api_key.id}"), api_key)
    return api_key


def _note_use(api_key: ApiKey, now: datetime) -> None:
    """Note when a key was used. Whoever only reads is let in also while nothing can be written."""
    with contextlib.suppress(DatabaseUnavailable), services().database.write() as tx:
        mark_used(tx, api_key.id, now)


def _wrong_kind(api_key: ApiKey, remedy: str) -> Forbidden:
    problem = Problem("Authorization", f"a key of the kind {api_key.kind} does not open this", remedy)
    return Forbidden("wrong_key_kind", problem.message, problem)


def _refuse_impossible(named: Mapping[str, object]) -> None:
    """Nothing has control characters in its name, and not every database can even be asked for it."""
    for what, name in named.items():
        if has_control_characters(str(name)):
            raise NotFound(what, str(name))


def _presented() -> str:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
