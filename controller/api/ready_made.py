"""Ready-made triggers: what there is, and adding them to a rollout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from marshmallow import Schema, fields

from controller.actors import Actor
from controller.api import trigger_schemas
from controller.api.auth import actor, services
from controller.api.fields import Choice, Key
from controller.api.paging import page_of
from controller.api.parsing import Blueprint
from controller.api.views import trigger_view
from controller.errors import InvalidInput, Problem
from controller.ready_made import ReadyMade, Telemetry, load_catalogue
from controller.rollouts import Where, locate
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.sources import get_source
from controller.store.triggers import StoredTrigger, triggers_of
from stages import Tier
from triggers import Arming

blueprint = Blueprint(
    "ready-made", __name__, url_prefix="/api/v1", description="Triggers that most features need"
)


class CatalogueQuerySchema(Schema):
    """For whom, and from where."""

    tier = Choice(Tier, load_default=Tier.T2)
    telemetry = fields.String(load_default="outcomes")
    source = Key(metadata={"description": "The source to ask; the telemetry's own name if not given"})


class ReadyMadeSchema(Schema):
    """A ready-made trigger. ``trigger`` can be sent to add it; without one, ``why_not`` says what is lacking."""

    key = fields.String()
    trigger_class = fields.String(data_key="class")
    title = fields.String()
    why = fields.String()
    limit_because = fields.String()
    telemetries = fields.List(fields.String())
    trigger = fields.Dict(allow_none=True)
    why_not = fields.String()


class WantedSchema(Schema):
    """Which ones to add. Without ``keys``, all that the telemetry can tell and the rollout does not have."""

    telemetry = fields.String(required=True)
    source = Key(metadata={"description": "The source to ask; the telemetry's own name if not given"})
    keys = fields.List(Key())
    arming = Choice(Arming, load_default=Arming.SHADOW)


class PassedOverSchema(Schema):
    """One that was not added, and why."""

    key = fields.String()
    why = fields.String()


class AddedSchema(Schema):
    """What was added, and what was not."""

    added = fields.List(fields.Nested(trigger_schemas.StandingTriggerSchema))
    passed_over = fields.List(fields.Nested(PassedOverSchema))


@blueprint.get("/ready-made-triggers")
@blueprint.arguments(CatalogueQuerySchema, location="query")
@blueprint.response(200, page_of(ReadyMadeSchema))
def list_ready_made(query: dict[str, Any]) -> dict[str, Any]:
    """Every ready-made trigger, as it is for a tier and a telemetry."""
    telemetry = _telemetry(query["telemetry"])
    source = query.get("source", telemetry.key)
    items = [_view(each, query["tier"], telemetry, source) for each in load_catalogue().triggers.values()]
    return {"items": items, "next_cursor": None}


@blueprint.post("/projects/<project>/environments/<environment>/rollouts/<feature>/ready-made-triggers")
@blueprint.arguments(WantedSchema)
@blueprint.response(201, AddedSchema)
def add_ready_made(content: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Add ready-made triggers with the limits and ladders of the feature's tier: all that are wanted, or none."""
    added, passed = add_wanted(Where(project, environment, feature), content, actor())
    return {"added": [trigger_view(each) for each in added], "passed_over": passed}


def add_wanted(
    where: Where, content: dict[str, Any], actor: Actor
) -> tuple[list[StoredTrigger], list[dict[str, str]]]:
    """Add what `WantedSchema` says: the triggers that were added, and those that were passed over and why.

    Raises:
        InvalidInput: Something that was named cannot be added; then nothing is.
    """
    telemetry = _telemetry(content["telemetry"])
    source = content.get("source", telemetry.key)
    with services().database.read() as tx:
        stored = locate(tx, where)
        _check_source(tx, stored.project_id, source, telemetry)
        there = {
            item.key if isinstance(item, Broken) else item.trigger.key for item in triggers_of(tx, stored.id)
        }
    wanted, passed = _chosen(content.get("keys"), telemetry, there)
    bodies = [each.body(Tier(stored.tier), telemetry, source) for each in wanted]
    definitions = [
        trigger_schemas.TriggerSchema().load({**(body or {}), "arming": content["arming"].value})
        for body in bodies
    ]
    return services().trigger_edits.add_all(where, definitions, actor), passed


def _chosen(
    keys: Sequence[str] | None, telemetry: Telemetry, there: set[str]
) -> tuple[list[ReadyMade], list[dict[str, str]]]:
    """Those that are wanted; where none is named, those that can be added, and why the others cannot."""
    if keys is not None:
        return list(_named(keys, telemetry)), []
    every = load_catalogue().triggers.values()
    against = {
        each.key: "it is there already" if each.key in there else each.why_not(telemetry) for each in every
    }
    passed = [{"key": key, "why": why} for key, why in against.items() if why]
    return [each for each in every if not against[each.key]], passed


def _named(keys: Sequence[str], telemetry: Telemetry) -> Iterator[ReadyMade]:
    catalogue = load_catalogue().triggers
    for place, key in enumerate(keys):
        field = f"keys.{place}"
        if key not in catalogue:
            remedy = f"use one of {', '.join(catalogue)}"
            raise InvalidInput(Problem(field, f"{key!r} is not ready-made", remedy))
        if why := catalogue[key].why_not(telemetry):
            raise InvalidInput(Problem(field, f"{telemetry.key} cannot tell: {why}", "leave it out"))
        yield catalogue[key]


def _telemetry(key: str) -> Telemetry:
    known = load_catalogue().telemetries
    if key not in known:
        raise InvalidInput(Problem("telemetry", f"{key!r} is unknown", f"use one of {', '.join(known)}"))
    return known[key]


def _check_source(tx: Transaction, project_id: int, key: str, telemetry: Telemetry) -> None:
    source = get_source(tx, project_id, key)
    if source.kind != telemetry.kind:
        message = f"{key} is of the kind {source.kind}"
        raise InvalidInput(Problem("source", message, f"name a source of the kind {telemetry.kind}"))


def _view(each: ReadyMade, tier: Tier, telemetry: Telemetry, source: str) -> dict[str, Any]:
    shown = {name: getattr(each, name) for name in ("key", "trigger_class", "title", "why", "limit_because")}
    known = load_catalogue().telemetries.values()
    return {
        **shown,
        "telemetries": [one.key for one in known if not each.why_not(one)],
        "trigger": each.body(tier, telemetry, source),
        "why_not": each.why_not(telemetry),
    }
