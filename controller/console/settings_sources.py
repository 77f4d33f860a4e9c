"""Metric sources: what is connected, whether it answers, and other settings for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, redirect, request, url_for

from controller.api.auth import services
from controller.api.parsing import load
from controller.api.schemas import SourceSchema
from controller.catalog import BUILT_IN_SOURCES
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.errors import Conflict, HeadgateError, InvalidInput, NotFound, Problem
from controller.source_desk import HIDDEN, shown
from controller.sources import SOURCES, Tried
from controller.store.projects import get_project
from controller.store.sources import StoredSource, get_source, sources_of
from controller.strict_json import InvalidJSON, loads
from stages import Refusal, digest

Answer = Response | str | tuple[str, int]

_SECRETS = frozenset({"secret", "api_key", "application_key"})
"""The settings that are secrets, in whatever kind of source."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A source as it may be shown. ``seen`` names its settings, so that nobody overwrites what he has not seen."""

    source: StoredSource
    settings: str
    seen: str

    @property
    def is_built_in(self) -> bool:
        """Whether there is nothing to set."""
        return self.source.kind in BUILT_IN_SOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What could not be done about a source, or about a new one where ``key`` is empty, and what was entered."""

    key: str
    problems: tuple[Refusal | Problem, ...]
    given: Mapping[str, str]


@blueprint.get("/projects/<project>/settings/sources")
def show_sources(project: str) -> str:
    """The sources of a project."""
    return _shown(project)


@blueprint.post("/projects/<project>/settings/sources")
def connect_source(project: str) -> Answer:
    """Connect a source."""

    def connect() -> None:
        sent = forms.given("key", "kind")
        content = load(SourceSchema(), {**sent, "settings": settings_given()})
        services().sources.connect(project, content["key"], content["kind"], content["settings"], actor())

    return _done(project, "", "connected", connect)


@blueprint.post("/projects/<project>/settings/sources/<key>")
def change_source(project: str, key: str) -> Answer:
    """Give a source other settings, if they are still those that were shown."""

    def change() -> None:
        with services().database.read() as tx:
            stored = get_source(tx, get_project(tx, project).id, key)
        if _as_shown(stored).seen != request.form.get("seen"):
            problem = Problem(
                "settings", "somebody else changed them meanwhile", "reload, and look at theirs first"
            )
            raise Conflict("source_changed", problem.message, problem)
        services().sources.change(project, key, settings_given(), actor())

    return _done(project, key, "changed", change)


@blueprint.post("/projects/<project>/settings/sources/<key>/test")
def test_source(project: str, key: str) -> str:
    """Ask a source something that costs little."""
    return _shown(project, tried={key: services().sources.test(project, key)})


def settings_given() -> dict[str, Any]:
    """The settings that were entered.

    Raises:
        InvalidInput: They are no JSON object.
    """
    text = forms.given("settings")["settings"] or "{}"
    try:
        settings = loads(text.encode())
    except InvalidJSON as invalid:
        raise InvalidInput(Problem("settings", f"are not valid JSON: {invalid}", "mend them")) from invalid
    if not isinstance(settings, dict):
        raise InvalidInput(Problem("settings", "are not a JSON object", 'write {"url": "https://…"}'))
    return settings


def _done(project: str, key: str, what: str, do: Callable[[], None]) -> Answer:
    try:
        do()
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        given = forms.given("key", "kind") | {"settings": _without_secrets()}
        return _shown(project, Refused(key=key, problems=problems, given=given)), status
    return make_response(redirect(url_for("console.show_sources", project=project, done=what), 303))


def _without_secrets() -> str:
    """What was entered, but for secrets: those are never sent back. What is no JSON is left for mending."""
    try:
        return _written(_emptied(settings_given()))
    except InvalidInput:
        return forms.given("settings")["settings"]


def _emptied(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _emptied_value(name, value) for name, value in settings.items()}


def _emptied_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _emptied(value)
    is_secret = name in _SECRETS and isinstance(value, str) and value != HIDDEN
    return "" if is_secret and not value.startswith("env:") else value


def _shown(project: str, refused: Refused | None = None, tried: Mapping[str, Tried] | None = None) -> str:
    with services().database.read() as tx:
        here = frame(tx, project)
        sources = [_as_shown(source) for source in sources_of(tx, get_project(tx, project).id)]
    return page(
        "settings_sources.html",
        here,
        sources=sources,
        kinds=[kind for kind in SOURCES if kind not in BUILT_IN_SOURCES],
        refused=refused,
        tried=tried or {},
    )


def _as_shown(source: StoredSource) -> Shown:
    settings = shown(source.settings)
    return Shown(source, _written(settings), digest(settings))


def _written(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, ensure_ascii=False, indent=2)
