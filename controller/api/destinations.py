"""Where notices go, and what became of them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from controller.api.auth import actor, services
from controller.api.fields import FreeForm, Key, Text
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.notices.events import names_of
from controller.sealing import shown
from controller.store.deliveries import Delivery, DeliveryStatus
from controller.store.destinations import Destination, destinations_of
from controller.store.projects import get_project

blueprint = Blueprint(
    "destinations",
    __name__,
    url_prefix="/api/v1/projects/<project>/destinations",
    description="Where notices go",
)


class DestinationChangeSchema(Schema):
    """How a destination is reached, and what it is told."""

    settings = FreeForm(load_default=dict)
    events = fields.List(Text(100, shortest=1), load_default=lambda: ["*"], validate=validate.Length(1, 100))


class DestinationSchema(DestinationChangeSchema):
    """Somebody who is told things. A secret in its settings is taken, and shown as *** only."""

    key = Key(required=True)
    kind = Text(40, shortest=1, required=True)
    created_at = fields.AwareDateTime(dump_only=True)


class TestedSchema(Schema):
    """What came of trying a destination; the message says what was wrong."""

    sent = fields.Boolean()
    message = fields.String()


class DeliveryQuery(PageQuery):
    """Which deliveries are wanted."""

    status = fields.String(validate=validate.OneOf([status.value for status in DeliveryStatus]))


class DeliverySchema(Schema):
    """A notice on its way. ``message`` is what was wrong at the last attempt."""

    id = fields.Integer()
    notice = fields.String()
    event = fields.String()
    status = fields.String()
    attempts = fields.Integer()
    message = fields.String()
    created_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime()
    settled_at = fields.AwareDateTime(allow_none=True)


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(DestinationSchema))
def list_destinations(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The destinations of a project."""
    with services().database.read() as tx:
        found = destinations_of(tx, get_project(tx, project).id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda destination: destination.id, _plain)


@blueprint.post("")
@blueprint.arguments(DestinationSchema)
@blueprint.response(201, DestinationSchema)
def connect_destination(content: dict[str, Any], project: str) -> dict[str, Any]:
    """Connect a destination; it is told what happens from now on."""
    events = tuple(content.pop("events"))
    return _plain(services().notices.connect(project, **content, events=events, actor=actor()))


@blueprint.put("/<key>")
@blueprint.arguments(DestinationChangeSchema)
@blueprint.response(200, DestinationSchema)
def change_destination(content: dict[str, Any], project: str, key: str) -> dict[str, Any]:
    """Reach it in another way, or tell it other things. A secret sent as *** stays, as long as its address does."""
    events = tuple(content["events"])
    return _plain(services().notices.change(project, key, content["settings"], events, actor()))


@blueprint.delete("/<key>")
@blueprint.response(204)
def disconnect_destination(project: str, key: str) -> None:
    """Tell it nothing any more, not even what waits for it."""
    services().notices.disconnect(project, key, actor())


@blueprint.post("/<key>/test")
@blueprint.response(200, TestedSchema)
def test_destination(project: str, key: str) -> dict[str, Any]:
    """Send a test notice now."""
    sent, told = services().notices.test(project, key, actor())
    return {"sent": sent, "message": told or "it arrived"}


@blueprint.get("/<key>/deliveries")
@blueprint.arguments(DeliveryQuery, location="query")
@blueprint.response(200, page_of(DeliverySchema))
def list_deliveries(query: dict[str, Any], project: str, key: str) -> dict[str, Any]:
    """What was and is to be sent to it, newest first."""
    status, before, limit = query.get("status"), after(query), query["limit"]
    found = services().notices.sent(project, key, status=status, before=before, limit=limit + 1)
    return page(found, limit, lambda delivery: delivery.id, _sent)


@blueprint.post("/<key>/deliveries/<row:id>/again")
@blueprint.response(204)
def send_again(project: str, key: str, id: int) -> None:
    """Send a notice anew, under the id it had, such as one that was given up."""
    services().notices.send_again(project, key, id)


def _plain(destination: Destination) -> dict[str, Any]:
    """A destination without its secrets."""
    plain = {name: getattr(destination, name) for name in Destination.__slots__}
    return plain | {"settings": shown(destination.settings)}


def _sent(delivery: Delivery) -> dict[str, Any]:
    told = {name: getattr(delivery, name) for name in Delivery.__slots__}
    return told | {"notice": f"msg_{delivery.message_id}", "event": names_of(delivery.event)[0]}
