"""Applications for tests: a process builds few of them, and tests take turns at them, each with services of its own.

Nearly every test wants one, and building one costs more than most tests do: addresses are compiled, and described for
the OpenAPI document.
"""

from __future__ import annotations

from flask import Flask

from app import create_app, services_of
from controller.console.throttle import Throttle
from controller.rollouts import Clock
from controller.services import build_services
from controller.settings import Role, Settings

_idle: list[Flask] = []


def take(settings: Settings, now: Clock) -> Flask:
    """An application on these settings, as `create_app` makes it; to be given back."""
    if settings.role is not Role.ALL or not _idle:
        return create_app(settings, now)
    app = _idle.pop()
    app.extensions |= {"headgate": build_services(settings, now), "headgate-console-throttle": Throttle()}
    return app


def give_back(app: Flask) -> None:
    """Close its database, and let another test have it."""
    parts = services_of(app)
    parts.database.close()
    if parts.settings.role is Role.ALL:
        _idle.append(app)


def forget_idle() -> None:
    """Let whoever takes the next application have one that is new."""
    _idle.clear()
