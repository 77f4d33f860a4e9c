"""Environments of a project, and the plans that its features follow in those that are protected."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, request, url_for

from controller.api.auth import services
from controller.api.parsing import load
from controller.api.schemas import EnvironmentSchema
from controller.cases import tightened
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.words import GATES, MISSED
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem
from controller.plans import Plans
from controller.store.projects import Project, environments_of, get_project
from stages import EXPOSED, Refusal, Requirement, Tier


@blueprint.get("/projects/<project>/settings/environments")
def show_environments(project: str) -> str:
    """The environments of a project, and the form for a new one."""
    return _environments(project)


@blueprint.post("/projects/<project>/settings/environments")
def make_environment(project: str) -> Response | tuple[str, int]:
    """Make an environment, with every feature at the beginning of its way."""
    sent = forms.given("key", "name")
    is_protected = bool(request.form.get("protected"))
    try:
        content: dict[str, Any] = load(EnvironmentSchema(), {**sent, "protected": is_protected})
        services().catalog.make_environment(
            project, content["key"], content["name"], actor(), protected=content["protected"]
        )
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _environments(project, problems), status
    return make_response(redirect(url_for("console.show_environments", project=project, done="made"), 303))


@blueprint.get("/projects/<project>/settings/plans")
def show_plans(project: str) -> str:
    """What each stage of each tier asks for and allows in this project. It is only read here."""
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        mine = get_project(tx, project)
    plans, fault = _plans(mine)
    return page(
        "settings_plans.html",
        here,
        seen,
        tiers=[(tier, plans.of(tier, protected=True)) for tier in Tier],
        stages=EXPOSED,
        gates=_by_gate(plans),
        is_tightened=bool(mine.tightening),
        fault=fault,
        missed=MISSED,
    )


def _environments(project: str, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        mine = environments_of(tx, get_project(tx, project).id)
    return page("settings_environments.html", here, seen, mine=mine, problems=problems, given=request.form)


def _plans(project: Project) -> tuple[Plans, str]:
    """The plans of a project; those of the installation, and why, where its own cannot be read."""
    plans = services().plans
    try:
        return tightened(plans, project), ""
    except InvalidInput as fault:
        return plans, fault.detail


def _by_gate(plans: Plans) -> list[tuple[str, list[Requirement]]]:
    needs = plans.requirements.values()
    return [(title, [need for need in needs if need.gate is gate]) for gate, title in GATES.items()]
