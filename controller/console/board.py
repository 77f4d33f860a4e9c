"""The board: where every feature of an environment stands."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, make_response, render_template, request

from controller.api.auth import services
from controller.console.blueprint import blueprint
from controller.console.overview import COLUMNS, all_places, find_place, overview
from controller.console.words import Sign
from controller.store.database import Transaction

_HEALTHY = Sign("evaluating", "quiet", "good")
_ELSEWHERE = Sign("evaluated by workers", "quiet", "plain")
_DEAD = Sign("not evaluating", "alarm", "alarm")
_LATE = Sign("evaluations are late", "alarm", "alarm")


@blueprint.get("/")
def show_board() -> str:
    """The page."""
    with services().database.read() as tx:
        shown = _shown(tx)
        places = all_places(tx)
    return render_template("board.html", places=places, base_url=_base_url(), **shown)


@blueprint.get("/board")
def show_changes() -> Response:
    """The parts of the page that change; 304 while they are what the asker has."""
    with services().database.read() as tx:
        shown = _shown(tx)
    body = render_template("live.html", base_url=_base_url(), **shown)
    response = make_response(body)
    response.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    response.make_conditional(request)
    return response


def _shown(tx: Transaction) -> dict[str, Any]:
    parts = services()
    now = parts.now()
    place = find_place(tx, request.args.get("project", ""), request.args.get("environment", ""))
    board = overview(tx, place, now)
    return {
        "board": board,
        "stages": COLUMNS,
        "health": _health(late=board.late_since is not None),
        "now": now,
    }


def _health(*, late: bool) -> Sign:
    """Whether triggers are evaluated: as this process knows of itself, and as the rows tell of all processes."""
    parts = services()
    if parts.settings.role.evaluates and not parts.ticks.is_alive:
        return _DEAD
    if late:
        return _LATE
    return _HEALTHY if parts.settings.role.evaluates else _ELSEWHERE


def _base_url() -> str:
    return (services().settings.public_url or request.host_url).rstrip("/")
