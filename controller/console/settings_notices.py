"""Where notices go: who is told what, whether that arrives, and somebody more or less to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, redirect, request, url_for

from controller.api.auth import services
from controller.api.destinations import DestinationSchema
from controller.api.parsing import load
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.errors import Conflict, HeadgateError, NotFound, Problem
from controller.notices import CHANNELS
from controller.notices.events import EVENTS
from controller.store.destinations import Destination, destinations_of, get_destination
from controller.store.projects import get_project
from stages import Refusal, digest

Answer = Response | str | tuple[str, int]

_FIELDS = ("key", "kind", "url", "secret", "events")
_SHOWN = "show_notices"


@dataclass(frozen=True, slots=True)
class Shown:
    """A destination as it is shown. ``seen`` names how it is, so that nobody overwrites what he has not seen."""

    destination: Destination
    given: Mapping[str, str]
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What could not be done about a destination, or about a new one where ``key`` is empty, and what was entered."""

    key: str
    problems: tuple[Refusal | Problem, ...]
    given: Mapping[str, str]


@blueprint.get("/projects/<project>/settings/notices")
def show_notices(project: str) -> str:
    """The destinations of a project."""
    return _shown(project)


@blueprint.post("/projects/<project>/settings/notices")
def connect_destination(project: str) -> Answer:
    """Tell somebody more."""

    def connect() -> None:
        content = _content(forms.given("key", "kind"))
        events = tuple(content.pop("events"))
        services().notices.connect(project, **content, events=events, actor=actor())

    return _done(project, "", "connected", connect)


@blueprint.post("/projects/<project>/settings/notices/<key>")
def change_destination(project: str, key: str) -> Answer:
    """Reach a destination in another way, or tell it other things, if it is still as it was shown."""

    def change() -> None:
        with services().database.read() as tx:
            stored = get_destination(tx, get_project(tx, project).id, key)
        if _as_shown(stored).seen != request.form.get("seen"):
            problem = Problem("", "somebody else changed it meanwhile", "reload, and look at theirs first")
            raise Conflict("destination_changed", problem.message, problem)
        content = _content({"key": key, "kind": stored.kind})
        services().notices.change(project, key, content["settings"], tuple(content["events"]), actor())

    return _done(project, key, "changed", change)


@blueprint.post("/projects/<project>/settings/notices/<key>/test")
def test_destination(project: str, key: str) -> str:
    """Send a test notice now."""
    return _shown(project, tried={key: services().notices.test(project, key, actor())})


@blueprint.post("/projects/<project>/settings/notices/<key>/disconnect")
def disconnect_destination(project: str, key: str) -> Response:
    """Tell a destination nothing any more."""
    services().notices.disconnect(project, key, actor())
    return make_response(redirect(url_for(f"console.{_SHOWN}", project=project, done="disconnected"), 303))


def _content(named: Mapping[str, str]) -> dict[str, Any]:
    """What was sent, as the API takes it."""
    sent = forms.given("url", "secret", "events")
    settings = {name: sent[name] for name in ("url", "secret") if sent[name]}
    events = sent["events"].replace(",", " ").split() or ["*"]
    content: dict[str, Any] = load(DestinationSchema(), {**named, "settings": settings, "events": events})
    return content


def _done(project: str, key: str, what: str, do: Callable[[], None]) -> Answer:
    try:
        do()
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, Refused(key=key, problems=problems, given=_given())), status
    return make_response(redirect(url_for(f"console.{_SHOWN}", project=project, done=what), 303))


def _given() -> Mapping[str, str]:
    """What was entered. A secret that somebody typed in place of a reference is never sent back."""
    sent = forms.given(*_FIELDS)
    return sent if sent["secret"].startswith("env:") else sent | {"secret": ""}


def _shown(project: str, refused: Refused | None = None, tried: Mapping[str, str] | None = None) -> str:
    with services().database.read() as tx:
        here = frame(tx, project)
        found = [_as_shown(each) for each in destinations_of(tx, get_project(tx, project).id)]
    return page(
        "settings_notices.html",
        here,
        destinations=found,
        kinds=CHANNELS,
        events=EVENTS,
        refused=refused,
        tried=tried or {},
    )


def _as_shown(destination: Destination) -> Shown:
    settings = destination.settings
    given = {name: str(settings.get(name, "")) for name in ("url", "secret")}
    given |= {"events": " ".join(destination.events)}
    return Shown(destination, given, digest(given))
