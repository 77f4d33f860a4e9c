"""What several features suffer from together."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from controller.api.auth import actor, services
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.api.tasks import ResolutionSchema
from controller.store.shared_incidents import SharedIncident

blueprint = Blueprint(
    "shared_incidents",
    __name__,
    url_prefix="/api/v1/projects/<project>/shared-incidents",
    description="What several features suffer from together",
)


class MemberSchema(Schema):
    """A feature that suffers, and the trigger that says so."""

    feature = fields.String()
    environment = fields.String()
    trigger = fields.String()
    joined_at = fields.AwareDateTime()


class SharedIncidentSchema(Schema):
    """One cause and everybody who suffers from it. Without a model it is about a whole provider."""

    id = fields.Integer()
    provider = fields.String()
    model = fields.String()
    reason = fields.String()
    opened_by = fields.String()
    opened_at = fields.AwareDateTime()
    closed_by = fields.String()
    closed_at = fields.AwareDateTime(allow_none=True)
    resolution = fields.String()
    members = fields.List(fields.Nested(MemberSchema))


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(SharedIncidentSchema))
def list_shared_incidents(query: dict[str, Any], project: str) -> dict[str, Any]:
    """Those of a project, newest first."""
    found = services().shared_causes.of(project, before=after(query), limit=query["limit"] + 1)
    return page(found, query["limit"], lambda incident: incident.id, _plain)


@blueprint.post("/<row:id>/close")
@blueprint.arguments(ResolutionSchema)
@blueprint.response(200, SharedIncidentSchema)
def close_shared_incident(content: dict[str, Any], project: str, id: int) -> SharedIncident:
    """Say that it is over."""
    return services().shared_causes.close(project, id, actor(), content["resolution"])


def _plain(incident: SharedIncident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in SharedIncident.__slots__}
