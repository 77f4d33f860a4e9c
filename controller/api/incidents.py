"""Incidents: what reverts began, and what people do about it."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

from controller.api import incident_schemas, schemas
from controller.api.auth import actor, services
from controller.api.incident_schemas import Wanted
from controller.api.paging import after, page, page_of
from controller.api.parsing import Blueprint
from controller.incidents import Closing
from controller.store.database import Transaction
from controller.store.incidents import Event, Incident, events_of, get_incident, incidents_of
from controller.store.pointer_moves import StoredMove, moves_of
from controller.store.projects import get_project
from stages import IncidentStatus

blueprint = Blueprint(
    "incidents",
    __name__,
    url_prefix="/api/v1/projects/<project>/incidents",
    description="What reverts began, until a person has closed it",
)


@blueprint.get("")
@blueprint.arguments(incident_schemas.IncidentQuery, location="query")
@blueprint.response(200, page_of(incident_schemas.IncidentSchema))
def list_incidents(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The incidents of a project, newest first."""
    status = query.get("status")
    with services().database.read() as tx:
        found = incidents_of(
            tx,
            get_project(tx, project).id,
            environment=query.get("environment"),
            feature=query.get("feature"),
            status=IncidentStatus(status) if status and status is not Wanted.OPEN else None,
            is_open=status is Wanted.OPEN,
            before=after(query),
            limit=query["limit"] + 1,
        )
    return page(found, query["limit"], lambda incident: incident.id, _view)


@blueprint.get("/<row:id>")
@blueprint.response(200, incident_schemas.IncidentDetailSchema)
def show_incident(project: str, id: int) -> dict[str, Any]:
    """One incident, with its pointer moves, its timeline and what the answers show."""
    with services().database.read() as tx:
        return _detail(tx, get_incident(tx, get_project(tx, project).id, id))


@blueprint.post("/<row:id>/close")
@blueprint.arguments(incident_schemas.ClosingSchema)
@blueprint.response(200, incident_schemas.IncidentDetailSchema)
def close_incident(content: dict[str, Any], project: str, id: int) -> dict[str, Any]:
    """End an incident in a follow-up."""
    return _shown(services().incidents.close(project, id, actor(), Closing(**content)))


@blueprint.post("/<row:id>/verify")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, incident_schemas.IncidentDetailSchema)
def verify_incident(content: dict[str, Any], project: str, id: int) -> dict[str, Any]:
    """Say that the release that came back is what users get, where the answers cannot show it."""
    return _shown(services().incidents.verify(project, id, actor(), content["reason"]))


@blueprint.post("/<row:id>/pointer-moves/<row:number>/retry")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, incident_schemas.IncidentDetailSchema)
def retry_pointer(content: dict[str, Any], project: str, id: int, number: int) -> dict[str, Any]:
    """Try a pointer move again at once, from where the pointer was expected."""
    return _shown(services().incidents.retry(project, id, number, actor(), content["reason"]))


@blueprint.post("/<row:id>/pointer-moves/<row:number>/force")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, incident_schemas.IncidentDetailSchema)
def force_pointer(content: dict[str, Any], project: str, id: int, number: int) -> dict[str, Any]:
    """Move a pointer from wherever somebody else has put it."""
    return _shown(services().incidents.force(project, id, number, actor(), content["reason"]))


@blueprint.post("/<row:id>/pointer-moves/<row:number>/confirm")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, incident_schemas.IncidentDetailSchema)
def confirm_pointer(content: dict[str, Any], project: str, id: int, number: int) -> dict[str, Any]:
    """Say that a pointer is where it should be, because somebody has seen to it."""
    return _shown(services().incidents.confirm(project, id, number, actor(), content["reason"]))


def _shown(incident: Incident) -> dict[str, Any]:
    with services().database.read() as tx:
        return _detail(tx, incident)


def _view(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in type(incident).__slots__} | {
        "status": incident.status.value,
        "time_to_contain_s": _passed_s(incident, incident.opened_at),
        "time_to_restore_s": _passed_s(incident, incident.restored_at),
        "time_to_verify_s": _passed_s(incident, incident.verified_at),
    }


def _passed_s(incident: Incident, until: datetime | None) -> int | None:
    return None if until is None else int((until - incident.began_at).total_seconds())


def _detail(tx: Transaction, incident: Incident) -> dict[str, Any]:
    events = events_of(tx, incident.id)
    return _view(incident) | {
        "verification": _verification(tx, incident, events),
        "pointer_moves": [_move_view(move) for move in moves_of(tx, incident.id)],
        "timeline": _timeline(events),
    }


def _verification(tx: Transaction, incident: Incident, events: list[Event]) -> str:
    """What was said when it was verified; until then, what the answers show by now."""
    said = [event.message for event in events if event.what == "verified"]
    return said[-1] if said else services().verifications.proof(tx, incident).sentence


def _move_view(stored: StoredMove) -> dict[str, Any]:
    move = stored.move
    return {
        "number": stored.number,
        "registry": move.place.registry,
        "name": move.place.name,
        "pointer": move.place.pointer,
        "expected": move.expected,
        "target": move.target,
        "status": stored.status.value,
        "forced": stored.force,
        "attempts": stored.attempts,
        "message": stored.message,
        "due_at": None if stored.status.is_settled else stored.due_at,
        "settled_at": stored.settled_at,
    }


def _timeline(events: list[Event]) -> list[dict[str, Any]]:
    """The events in their order; a registry that is down for hours says the same thing again and again."""

    def alike(event: Event) -> tuple[Any, ...]:
        return event.what, event.actor, event.number, event.result, event.message

    return [_told([*run]) for _, run in groupby(events, alike)]


def _told(run: list[Event]) -> dict[str, Any]:
    first = {name: getattr(run[0], name) for name in Event.__slots__}
    return first | {"until": run[-1].at, "times": len(run)}
