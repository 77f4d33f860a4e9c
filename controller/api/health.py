"""Whether this process lives, whether it can do its work, and its metrics."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from controller.api.auth import services
from controller.store.database import DatabaseUnavailable
from controller.store.migrate import is_migrated

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def live() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Everything this process needs for its work is there; what is not is named."""
    checks = _checks()
    fine = all(state == "ok" for state in checks.values())
    return jsonify(status="ok" if fine else "failed", checks=checks), 200 if fine else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    """Our own metrics, in the format of Prometheus."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _checks() -> dict[str, str]:
    parts = services()
    checks = {"database": _database()}
    if parts.settings.role.evaluates:
        checks["scheduler"] = "ok" if parts.ticks.is_alive else "no tick has succeeded lately"
    return checks


def _database() -> str:
    try:
        return (
            "ok"
            if is_migrated(services().database)
            else "the schema is not up to date; run: headgate migrate"
        )
    except DatabaseUnavailable as unavailable:
        return f"unavailable: {unavailable}"
