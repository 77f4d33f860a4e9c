"""The composition root: settings in, an application out."""

from __future__ import annotations

import gc
import logging
from datetime import UTC, datetime

from flask import Flask, Response

from controller import console
from controller.api import (
    backtests,
    break_glass,
    delivered,
    destinations,
    docs,
    drills,
    evidence,
    features,
    governance,
    health,
    hooks,
    incidents,
    instances,
    members,
    narrowings,
    plain_flags,
    projects,
    proposals,
    ramps,
    readiness,
    ready_made,
    receipts,
    registries,
    requirements,
    revert_targets,
    rollouts,
    sdk,
    shared_incidents,
    tasks,
    trigger_reviews,
    triggers,
    users,
)
from controller.api.auth import Guard, anybody, register_guards, server_only
from controller.api.errors import register_errors
from controller.api.parsing import MAX_BODY_BYTES
from controller.api.spec import OPTIONS, DocumentedApi
from controller.bootstrap import first_start, wait_until_migrated
from controller.bridge import Bridge
from controller.delivery.exchange import Receive, Scope, Send
from controller.delivery.plane import Delivery
from controller.flags.snapshots import Snapshots
from controller.rollouts import Clock
from controller.server.processes import end_with_the_first, give_up
from controller.services import Services, build_services
from controller.settings import Role, Settings, load_settings
from controller.store.database import Database, DatabaseUnavailable
from controller.store.migrate import migrate

_PARTS = (
    projects,
    proposals,
    members,
    users,
    governance,
    features,
    evidence,
    rollouts,
    ramps,
    incidents,
    shared_incidents,
    registries,
    destinations,
    break_glass,
    readiness,
    triggers,
    ready_made,
    backtests,
    trigger_reviews,
    narrowings,
    revert_targets,
    tasks,
    plain_flags,
    instances,
    drills,
    requirements,
    sdk,
    receipts,
)
"""The parts of the API, in the order its document shows them."""
_NEW_OBJECTS = 50_000
"""After so many more objects a process looks for garbage that refers to itself."""


def utc_now() -> datetime:
    """The clock of a real process."""
    return datetime.now(UTC)


def create_app(settings: Settings, now: Clock = utc_now) -> Flask:
    """Build the control plane of a process. It does not tick by itself: `serve` starts that."""
    app = Flask("headgate", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["headgate"] = build_services(settings, now)
    app.register_blueprint(health.blueprint)
    guards: dict[str, Guard] = {"health": anybody}
    if settings.role.serves:
        guards |= _register_doors(app)
    register_guards(app, guards)
    register_errors(app)
    app.after_request(_harden)
    return app


def services_of(app: Flask) -> Services:
    """The parts an application was built from."""
    parts: Services = app.extensions["headgate"]
    return parts


def create_delivery(settings: Settings, now: Clock = utc_now) -> Delivery:
    """Build the delivery plane of a process that does nothing else."""
    database = Database(settings.database_url)
    return Delivery(settings, database, Snapshots(database, settings.valid_for_s), now)


def delivery_beside(app: Flask) -> Delivery:
    """Build the delivery plane beside a control plane, on the same database."""
    parts = services_of(app)
    return Delivery(parts.settings, parts.database, parts.snapshots, parts.now)


class BothPlanes:
    """Two planes on one port: what is answered from memory, and everything else, in threads."""

    def __init__(self, delivery: Delivery, control: Bridge) -> None:
        self._delivery = delivery
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a request to the plane its address belongs to."""
        is_ours = scope["type"] != "http" or self._delivery.covers(scope["path"])
        await (self._delivery if is_ours else self._control)(scope, receive, send)


def serve() -> Delivery | BothPlanes | Bridge:
    """What the server runs in its process: the planes of its role on the settings of the environment, ticking."""
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("alembic", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    end_with_the_first()
    try:
        planes = _planes(settings)
    except (DatabaseUnavailable, OSError) as unavailable:
        why = getattr(unavailable.__cause__, "orig", None) or unavailable
        give_up(f"the database cannot be used: {why}")
    # What stands now stands until the end: nobody needs to look through it for garbage again and again.
    gc.freeze()
    # Thousands of streams stand as well; looking through them every 700 new objects took a quarter of a publication.
    # What streams leave that have ended refers to itself: looking at older objects each second time bounds it to 30 MB.
    gc.set_threshold(_NEW_OBJECTS, 2, 2)
    return planes


def _planes(settings: Settings) -> Delivery | BothPlanes | Bridge:
    if settings.role is Role.DELIVERY:
        return create_delivery(settings)
    app = create_app(settings)
    _start(app)
    control = Bridge(app.wsgi_app, settings.threads)
    return BothPlanes(delivery_beside(app), control) if settings.role.delivers else control


def _start(app: Flask) -> None:
    parts = services_of(app)
    settings = parts.settings
    if settings.is_embedded:
        migrate(parts.database)
    wait_until_migrated(parts.database)
    if settings.role.serves:
        first_start(parts)
    parts.watchdog.start()
    if settings.role.evaluates:
        parts.ticks.start()
    else:
        parts.ticks.start_beside()


def _harden(response: Response) -> Response:
    """Headers that keep a browser from guessing, framing or leaking, and a cache from keeping anything."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
    return response


def _register_doors(app: Flask) -> dict[str, Guard]:
    app.config.update(
        API_TITLE="Headgate",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS=OPTIONS | {"paths": delivered.PATHS},
    )
    api = DocumentedApi(app)
    for part in _PARTS:
        api.register_blueprint(part.blueprint)
    delivered.name_groups(api)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(hooks.blueprint)
    app.register_blueprint(console.blueprint)
    return {
        "sdk": server_only,
        "receipts": server_only,
        "docs": anybody,
        "hooks": anybody,  # It knows senders by their signatures.
        "api-docs": anybody,
        "console": console.signed_in,
    }
