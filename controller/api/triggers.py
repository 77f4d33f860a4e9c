"""Triggers and their readings."""

from __future__ import annotations

from typing import Any

from controller.api import schemas, trigger_schemas
from controller.api.auth import actor, services
from controller.api.expectations import expected_version, with_version
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.api.spec import ETAG
from controller.api.views import trigger_view
from controller.errors import InvalidInput, NotFound, Problem
from controller.explanations import explanation
from controller.rollouts import Where, locate
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.readings import StoredReading, reading_by_id, readings_of
from controller.store.triggers import StoredTrigger, triggers_of
from controller.trigger_definitions import Definition

blueprint = Blueprint(
    "triggers",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>/triggers",
    description="What stops a feature",
)


@blueprint.get("")
@blueprint.response(200, page_of(trigger_schemas.StandingTriggerSchema))
def list_triggers(project: str, environment: str, feature: str) -> dict[str, Any]:
    """The triggers of a rollout."""
    with services().database.read() as tx:
        found = triggers_of(tx, locate(tx, Where(project, environment, feature)).id)
    return {"items": [trigger_view(item) for item in found], "next_cursor": None}


@blueprint.post("")
@blueprint.arguments(trigger_schemas.TriggerSchema)
@blueprint.response(201, trigger_schemas.StandingTriggerSchema, headers=ETAG)
def add_trigger(content: Definition, project: str, environment: str, feature: str) -> Any:
    """Add a trigger. Unless armed it only watches."""
    stored = services().trigger_edits.add(Where(project, environment, feature), content, actor())
    return trigger_view(stored), 201, {"ETag": f'"{stored.version}"'}


@blueprint.get("/<key>")
@blueprint.response(200, trigger_schemas.StandingTriggerSchema, headers=ETAG)
def show_trigger(project: str, environment: str, feature: str, key: str) -> Any:
    """One trigger, and where it stands."""
    with services().database.read() as tx:
        found = _find(tx, Where(project, environment, feature), key)
    return with_version(trigger_view(found), None if isinstance(found, Broken) else found.version)


@blueprint.put("/<key>")
@blueprint.arguments(trigger_schemas.TriggerSchema)
@blueprint.arguments(schemas.ExpectationSchema, location="headers", unknown="exclude")
@blueprint.response(200, trigger_schemas.StandingTriggerSchema, headers=ETAG)
def change_trigger(
    content: Definition, headers: dict[str, Any], project: str, environment: str, feature: str, key: str
) -> Any:
    """Put another definition in a trigger's place; it then starts afresh."""
    if content.key != key:
        raise InvalidInput(Problem("key", f"is not {key!r}", "send the key that is in the address"))
    where, version = Where(project, environment, feature), expected_version(headers)
    stored = services().trigger_edits.change(where, content, actor(), "", version)
    return with_version(trigger_view(stored), stored.version)


@blueprint.delete("/<key>")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(204)
def drop_trigger(content: dict[str, Any], project: str, environment: str, feature: str, key: str) -> None:
    """Remove a trigger, also one that was set aside because it cannot be read."""
    services().trigger_edits.drop(Where(project, environment, feature), key, actor(), content["reason"])


@blueprint.post("/<key>/acknowledge")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, trigger_schemas.StandingTriggerSchema)
def acknowledge(
    content: dict[str, Any], project: str, environment: str, feature: str, key: str
) -> dict[str, Any]:
    """Say that a person has seen to it: the trigger is quiet again and counts from now."""
    where = Where(project, environment, feature)
    return trigger_view(services().trigger_edits.acknowledge(where, key, actor(), content["reason"]))


@blueprint.get("/<key>/readings")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(trigger_schemas.ReadingSchema))
def list_readings(
    query: dict[str, Any], project: str, environment: str, feature: str, key: str
) -> dict[str, Any]:
    """What a trigger read and said, newest first."""
    with services().database.read() as tx:
        trigger = _find(tx, Where(project, environment, feature), key)
        found = readings_of(tx, trigger.id, before=after(query), limit=query["limit"] + 1)
    return page(found, query["limit"], lambda reading: reading.id, _plain)


@blueprint.get("/<key>/readings/<row:id>")
@blueprint.response(200, trigger_schemas.ExplainedReadingSchema)
def explain_reading(project: str, environment: str, feature: str, key: str, id: int) -> dict[str, Any]:
    """All that a verdict depended on, and whether the same comes of it again."""
    with services().database.read() as tx:
        trigger = _find(tx, Where(project, environment, feature), key)
        reading = reading_by_id(tx, trigger.id, id)
        told = explanation(tx, trigger, reading)
    return _plain(reading) | {"record": told.record and told.record.to_json(), "recomputed": told.told}


def _find(tx: Transaction, where: Where, key: str) -> StoredTrigger | Broken:
    for item in triggers_of(tx, locate(tx, where).id):
        if key == (item.key if isinstance(item, Broken) else item.trigger.key):
            return item
    raise NotFound("trigger", key)


def _plain(reading: StoredReading) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in StoredReading.__slots__} | {
        "version": reading.rule_version
    }
