"""The first run: from nothing to a feature that works, step by step.

Each step is a form that calls a use case. The page shows what there is, so it can be left and taken up again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Response, request

from controller.api.auth import rights, services
from controller.api.feature_schemas import FeatureSchema, ReleaseSchema
from controller.api.parsing import load
from controller.api.schemas import EnvironmentSchema, ProjectSchema, SourceSchema
from controller.api.trigger_schemas import TriggerSchema
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.first_steps import STEPS, Offer, Way, base_url, chosen, offers, way
from controller.console.frame import page
from controller.console.onward import onward
from controller.demo import find_demo
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem
from controller.ready_made import load_catalogue
from controller.rollouts import Order, Where
from controller.sources import Tried
from controller.store.keys import KeyKind
from controller.store.projects import get_project
from controller.store.sources import sources_of
from stages import Refusal, Refused, Request, Stage, Tier
from triggers import Arming

Answer = Response | str | tuple[str, int]
Problems = tuple[Refusal | Problem, ...]

_PLACE = ("project", "environment", "feature")
_LONGEST_KEY = 63
_SUGGESTED = 4
_FIELDS = {
    "bundle.prompt.ref": "prompt",
    "bundle.model.provider": "provider",
    "bundle.model.id": "model",
    "settings.url": "url",
}
"""What the forms call otherwise than the API."""
ENVIRONMENTS = {
    "development": ("Development", "Asks for nothing: a feature goes up as soon as you say so."),
    "production": ("Production", "Protected: each stage asks for evidence, time and approvals of others."),
}


@blueprint.get("/first-run")
def show_first_run() -> str:
    """The page."""
    return _shown(request.args)


@blueprint.post("/first-run/project")
def begin_project() -> Answer:
    """Make a project and its first environment; where the project is there already, the environment alone."""

    def make() -> Mapping[str, str]:
        place, kind = _place(), request.form.get("kind", "")
        if kind not in ENVIRONMENTS:
            raise InvalidInput(Problem("kind", "is no environment", "choose one of them"))
        environment = load(EnvironmentSchema(), {"key": kind, "name": ENVIRONMENTS[kind][0]})
        key = place.get("project", "")
        if not key:
            described = load(ProjectSchema(), _named(forms.given("name", "key")))
            key = described["key"]
            services().catalog.make_project(key, described["name"], described["business_unit"], actor())
        protected = kind == "production"
        services().catalog.make_environment(key, kind, environment["name"], actor(), protected=protected)
        return {"project": key, "environment": kind}

    return _try("project", make)


@blueprint.post("/first-run/feature")
def begin_feature() -> Answer:
    """Describe the first feature."""

    def make() -> Mapping[str, str]:
        place = _place("project")
        described = load(FeatureSchema(), _named(forms.given("name", "key", "owner", "risk_tier")))
        key = described.pop("key")
        services().catalog.make_feature(place["project"], key, described, actor())
        return {**place, "feature": key}

    return _try("feature", make)


@blueprint.post("/first-run/key")
def begin_key() -> Answer:
    """Make a server key, and show it this once."""

    def make() -> str:
        place = _place("project", "environment")
        _, text = services().catalog.make_key(
            place["project"], KeyKind.SERVER, "first run", place["environment"], actor()
        )
        return _shown(place, "product", key_text=text)

    return _answered("product", make)


@blueprint.post("/first-run/source")
def connect_prometheus() -> Answer:
    """Connect Prometheus, or give it another address; then ask it something, and show what came of it."""

    def connect() -> str:
        place, given = _place("project"), forms.given("key", "url")
        settings = {"url": given["url"]}
        content = load(SourceSchema(), {"key": given["key"], "kind": "prometheus", "settings": settings})
        _connect(place["project"], content)
        return _shown(place, "metrics", tried=services().sources.test(place["project"], content["key"]))

    return _answered("metrics", connect)


@blueprint.post("/first-run/triggers")
def pick_triggers() -> Answer:
    """Add the ready-made triggers that were picked, with the limits of the feature's tier."""

    def add() -> Mapping[str, str]:
        place, picked = _place(*_PLACE), request.form.getlist("keys")
        if not picked:
            raise InvalidInput(Problem("keys", "none is picked", "pick at least one"))
        arming = request.form.get("arming", "")
        if arming not in list(Arming):
            raise InvalidInput(Problem("arming", "is none", "choose what they may do"))
        with services().database.read() as tx:
            far = way(tx, place)
        definitions = [TriggerSchema().load({**body, "arming": arming}) for body in _bodies(far, picked)]
        services().trigger_edits.add_all(_where(place), definitions, actor())
        return place

    return _try("triggers", add)


@blueprint.post("/first-run/release")
def begin_release() -> Answer:
    """Seal the first release, and make it the one that users get."""

    def seal() -> Mapping[str, str]:
        place, given = _place(*_PLACE), forms.given("prompt", "provider", "model", "notes")
        model = {"provider": given["provider"], "id": given["model"]}
        bundle = {"prompt": {"ref": given["prompt"]}, "model": model}
        content = load(ReleaseSchema(), {"bundle": bundle, "notes": given["notes"]})
        release, _ = services().catalog.make_release(
            place["project"], place["feature"], content["bundle"], content["notes"], actor()
        )
        introduce = Request(move="introduce", release=release.public_id)
        order = Order(request=introduce, actor=actor(), reason=given["notes"] or "the first release")
        services().rollouts.move(_where(place), order)
        return place

    return _try("release", seal)


@blueprint.post("/first-run/begin")
def begin_beta() -> Answer:
    """Ask for beta; where nothing else is asked for, it is entered at once."""

    def ask() -> Mapping[str, str]:
        place, share = _place(*_PLACE), forms.share()
        exposure = None if share is None else {"share": share}
        services().promotions.ask(_where(place), Stage.BETA, exposure, actor(), "first run")
        return place

    return _try("begin", ask)


def _shown(
    asked: Mapping[str, str],
    step: str = "",
    problems: Problems = (),
    *,
    key_text: str = "",
    tried: Tried | None = None,
) -> str:
    services().receipts.flush_if_possible()
    with services().database.read() as tx:
        far = way(tx, asked)
        demo = find_demo(tx)
        if demo is not None and not rights().sees(demo.id):
            demo = None
    wanted = request.args.get("step", "")
    telemetry = chosen(far, request.args.get("ask") or request.form.get("ask", ""))
    offered = list(offers(far, telemetry)) if telemetry else []
    return page(
        "first-run.html",
        far.frame,
        far=far,
        open=step or (wanted if wanted in STEPS and far.can(wanted) else far.next),
        problems=problems,
        given=request.form,
        picked=request.form.getlist("keys") if "arming" in request.form else _suggested(far, offered),
        key_text=key_text,
        tried=tried,
        telemetry=telemetry,
        offers=offered,
        environments=ENVIRONMENTS,
        base_url=base_url(request.host_url),
        demo=demo,
    )


def _suggested(far: Way, offered: list[Offer]) -> list[str]:
    """Some to begin with; whoever has triggers knows which others they want."""
    if far.triggers:
        return []
    return [offer.ready.key for offer in offered if not offer.why_not][:_SUGGESTED]


def _try(step: str, do: Callable[[], Mapping[str, str]]) -> Answer:
    """Take a step and go on to the next one."""

    def go_on() -> Response:
        place: dict[str, Any] = dict(do())
        return onward("show_first_run", **place)

    return _answered(step, go_on)


def _answered(step: str, answer: Callable[[], Response | str]) -> Answer:
    """Take a step; if it is refused, the page says why, with what was written."""
    try:
        return answer()
    except NotFound:
        raise
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        named = tuple(replace(each, field=_FIELDS.get(each.field, each.field)) for each in problems)
        return _shown(_place(), step, named), status


def _place(*needed: str) -> dict[str, str]:
    """What was made before, as the form names it.

    Raises:
        InvalidInput: Something that is needed is not named.
    """
    place = {name: request.form.get(f"at_{name}", "") for name in _PLACE}
    for name in needed:
        if not place[name]:
            raise InvalidInput(Problem(name, "is not named", "take the steps in their order"))
    return {name: key for name, key in place.items() if key}


def _where(place: Mapping[str, str]) -> Where:
    return Where(place["project"], place["environment"], place["feature"])


def _named(given: Mapping[str, str]) -> dict[str, str]:
    """What was given, with a key made of the name where none was."""
    return {**given, "key": given["key"] or _key_of(given["name"])}


def _key_of(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_KEY].rstrip("-")


def _connect(project: str, content: Mapping[str, Any]) -> None:
    """Connect a source; where there is one of this key, it gets the settings instead."""
    key, settings = content["key"], content["settings"]
    with services().database.read() as tx:
        there = {source.key: source for source in sources_of(tx, get_project(tx, project).id)}
    if key not in there:
        services().sources.connect(project, key, content["kind"], settings, actor())
    elif there[key].kind == content["kind"]:
        services().sources.change(project, key, settings, actor())
    else:
        taken = Problem("key", f"{key} is another kind of source", "choose another name for it")
        raise InvalidInput(taken)


def _bodies(far: Way, picked: list[str]) -> list[dict[str, Any]]:
    """The bodies of the triggers that were picked.

    Raises:
        InvalidInput: One of them cannot be had from there.
    """
    telemetry = chosen(far, request.form.get("ask", ""))
    catalogue, tier = load_catalogue().triggers, Tier(far.about.stored.tier) if far.about else Tier.T2
    bodies = []
    for key in picked:
        ready = catalogue.get(key)
        body = ready.body(tier, telemetry.telemetry, telemetry.source.key) if ready and telemetry else None
        if body is None:
            raise InvalidInput(Problem("keys", f"{key} cannot be had from there", "leave it out"))
        bodies.append(body)
    return bodies
