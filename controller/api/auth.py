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
from controller.api.errors import Unauthenticated
from controller.api.fields import has_control_characters
from controller.errors import Forbidden, NotFound, Problem
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


def admin_only() -> None:
    """Let admin keys in; one that belongs to a project sees no other, as if there were none.

    What belongs to no project may be read with either.
    """
    api_key = _authenticated()
    if api_key.kind is not KeyKind.ADMIN:
        raise _wrong_kind(api_key, "use an admin key")
    _refuse_impossible(request.view_args or {})
    wanted = (request.view_args or {}).get("project")
    if api_key.project_id is None:
        return
    if wanted is None:
        if request.method == "GET":
            return
        problem = Problem("Authorization", "this key belongs to one project", "use a key for all projects")
        raise Forbidden("wrong_key_scope", problem.message, problem)
    with services().database.read() as tx:
        if get_project(tx, wanted).id != api_key.project_id:
            raise NotFound("project", wanted)


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
