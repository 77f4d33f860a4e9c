"""Incidents: what reverts began, how long each took, what it spared users, and the follow-up it ends in."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from controller.api.auth import services
from controller.api.incident_schemas import ClosingSchema
from controller.api.parsing import load
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.incident_story import story
from controller.console.live import live
from controller.console.onward import onward
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem
from controller.incidents import Closing
from controller.store.incidents import get_incident, incidents_of
from controller.store.projects import get_project
from stages import FollowUp, Refusal, Refused

Answer = Response | str | tuple[str, int]

FOLLOW_UPS = {
    FollowUp.REGRESSION_TEST: ("A regression test", "Cases that would have found it, in the evaluation set."),
    FollowUp.DATA_FIX: ("A fix of the data", "Sources or an index that were wrong."),
    FollowUp.PROMPT_CHANGE: ("A change of the prompt", "Instructions that were wrong."),
    FollowUp.WORKFLOW_DECISION: (
        "A decision about the work",
        "Another way of working, such as a review that stays, or an end of the feature.",
    ),
}
_PAGE = 50


@blueprint.get("/projects/<project>/incidents")
def show_incidents(project: str) -> str:
    """The incidents of a project, newest first; the open ones alone if that is asked for."""
    only_open = bool(request.args.get("open"))
    before = request.args.get("before", "")
    with services().database.read() as tx:
        here = frame(tx, project)
        seen = live(tx)
        found = incidents_of(
            tx,
            get_project(tx, project).id,
            is_open=only_open,
            before=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,  # noqa: PLR2004
            limit=_PAGE + 1,
        )
    more = found[_PAGE - 1].id if len(found) > _PAGE else None
    return page("incidents.html", here, seen, incidents=found[:_PAGE], only_open=only_open, more=more)


@blueprint.get("/projects/<project>/incidents/<int:id>")
def show_incident(project: str, id: int) -> str:
    """One incident."""
    return _shown(project, id)


@blueprint.post("/projects/<project>/incidents/<int:id>/close")
def close_incident(project: str, id: int) -> Answer:
    """End it in a follow-up."""
    given: dict[str, Any] = {name: request.form.get(name, "") for name in ("follow_up", "text", "reason")}
    given["by_hand"] = bool(request.form.get("by_hand"))
    try:
        if not given["follow_up"]:
            raise InvalidInput(Problem("follow_up", "there is no follow-up", "choose what it ends in"))
        content: dict[str, Any] = load(ClosingSchema(), given)
        services().incidents.close(project, id, actor(), Closing(**content))
    except (HeadgateError, Refused) as error:
        return _refused(project, id, error)
    return _done(project, id, "closed")


@blueprint.post("/projects/<project>/incidents/<int:id>/verify")
def verify_incident(project: str, id: int) -> Answer:
    """Say that the release that came back is what users get."""
    try:
        services().incidents.verify(project, id, actor(), forms.reason())
    except (HeadgateError, Refused) as error:
        return _refused(project, id, error)
    return _done(project, id, "verified")


@blueprint.post("/projects/<project>/incidents/<int:id>/pointer-moves/<int:number>")
def settle_pointer(project: str, id: int, number: int) -> Answer:
    """Try a pointer move again, force it, or say that it is as it should be."""
    desk = services().incidents
    acts = {"retry": desk.retry, "force": desk.force, "confirm": desk.confirm}
    try:
        do = acts.get(request.form.get("act", ""))
        if do is None:
            raise InvalidInput(Problem("act", "there is no such act", f"use one of {', '.join(acts)}"))
        do(project, id, number, actor(), forms.reason())
    except (HeadgateError, Refused) as error:
        return _refused(project, id, error)
    return _done(project, id, "pointer")


def _shown(project: str, id: int, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    with services().database.read() as tx:
        incident = get_incident(tx, get_project(tx, project).id, id)
        here = frame(tx, project, incident.environment)
        seen = live(tx, incident.rollout_id)
        told = story(tx, incident, services().verifications, here.now)
    address = url_for("console.show_incident", project=project, id=id, _external=False)
    base = (services().settings.public_url or request.host_url).rstrip("/")
    return page(
        "incident.html",
        here,
        seen,
        incident=incident,
        told=told,
        problems=problems,
        given=request.form,
        follow_ups=FOLLOW_UPS,
        handover=told.handover(f"{base}{address}"),
    )


def _refused(project: str, id: int, error: HeadgateError | Refused) -> tuple[str, int]:
    if isinstance(error, NotFound):
        raise error
    problems, status = forms.told(error)
    return _shown(project, id, problems), status


def _done(project: str, id: int, what: str) -> Response:
    return onward("show_incident", project=project, id=id, done=what)
