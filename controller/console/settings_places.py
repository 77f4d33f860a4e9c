"""Environments of a project."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.parsing import load
from controller.api.schemas import EnvironmentSchema
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.errors import HeadgateError, NotFound, Problem
from controller.store.projects import environments_of, get_project
from stages import Refusal


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
    return onward("show_environments", project=project, done="made")


def _environments(project: str, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        mine = environments_of(tx, get_project(tx, project).id)
    return page("settings_environments.html", here, seen, mine=mine, problems=problems, given=request.form)
