"""How an open page learns within a second that what it shows has changed.

The page asks for a short name of the state it shows, more than once a second. That costs two small queries and no
rendering; only when the name is another one are the changed parts fetched, as the very page they stand on.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, make_response, request, url_for

from controller.api.auth import rights, services
from controller.console.blueprint import blueprint
from controller.errors import NotFound
from controller.store.database import Transaction
from controller.store.pulse import pulse
from controller.store.rollouts import project_of

_DIGITS = 19
"""A longer number is no id."""


@dataclass(frozen=True, slots=True)
class Live:
    """Where a page asks for the name of the state it shows, and the name of what it was rendered from."""

    address: str
    seen: str


def live(tx: Transaction, rollout_id: int | None = None) -> Live:
    """Let a page follow what happens: to all projects, or to one rollout and its triggers as well."""
    return Live(url_for("console.show_pulse", rollout=rollout_id), _name(tx, rollout_id))


@blueprint.get("/live")
def show_pulse() -> Response:
    """The name of the present state."""
    given = request.args.get("rollout", "")
    rollout = int(given) if given.isascii() and given.isdecimal() and len(given) < _DIGITS else None
    with services().database.read() as tx:
        if rollout is not None:
            _refuse_foreign(tx, rollout)
        name = _name(tx, rollout)
    response = make_response(name)
    response.mimetype = "text/plain"
    return response


def _name(tx: Transaction, rollout_id: int | None) -> str:
    parts = services()
    alive = parts.ticks.is_alive or not parts.settings.role.evaluates
    return f"{pulse(tx, rollout_id, rights().projects, parts.now())}.{int(alive)}"


def _refuse_foreign(tx: Transaction, rollout_id: int) -> None:
    """What belongs to a project that is not there for somebody is not there either."""
    within = rights().projects
    if within is not None and project_of(tx, rollout_id) not in within:
        raise NotFound("rollout", str(rollout_id))
