"""The narrower exposures that a ladder can name."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from controller.api import schemas
from controller.api.auth import actor, services
from controller.api.fields import KEY
from controller.api.paging import page_of
from controller.api.parsing import Blueprint
from controller.api.spec import key_in_path
from controller.rollouts import Where
from controller.store.columns import Broken
from controller.store.narrowings import Narrowing
from controller.store.rollouts import exposure_to_json

blueprint = Blueprint(
    "narrowings",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>/narrowings",
    description="Narrower exposures that a ladder can name",
)


class NarrowingSchema(schemas.ReasonSchema):
    """What a name stands for. What is not sent is not limited."""

    exposure = fields.Nested(schemas.ExposureSchema, required=True)


class StandingNarrowingSchema(Schema):
    """A narrowing. ``broken`` says why it cannot be read, if it cannot."""

    key = fields.String()
    exposure = fields.Dict(allow_none=True)
    broken = fields.String(allow_none=True)


@blueprint.get("")
@blueprint.response(200, page_of(StandingNarrowingSchema))
def list_narrowings(project: str, environment: str, feature: str) -> dict[str, Any]:
    """The narrowings of a rollout."""
    found = services().narrowings.of(Where(project, environment, feature))
    return {"items": [_view(item) for item in found], "next_cursor": None}


@blueprint.put("/<key>")
@blueprint.arguments(NarrowingSchema)
@blueprint.response(200, StandingNarrowingSchema)
def define_narrowing(
    content: dict[str, Any], project: str, environment: str, feature: str, key: str
) -> dict[str, Any]:
    """Say what a name stands for."""
    key_in_path("key", key, KEY)
    where = Where(project, environment, feature)
    return _view(services().narrowings.define(where, key, content["exposure"], actor(), content["reason"]))


@blueprint.delete("/<key>")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(204)
def drop_narrowing(content: dict[str, Any], project: str, environment: str, feature: str, key: str) -> None:
    """Remove one that no ladder names."""
    services().narrowings.drop(Where(project, environment, feature), key, actor(), content["reason"])


def _view(item: Narrowing | Broken) -> dict[str, Any]:
    if isinstance(item, Broken):
        return {"key": item.key, "exposure": None, "broken": item.why}
    return {"key": item.key, "exposure": exposure_to_json(item.ceiling), "broken": None}
