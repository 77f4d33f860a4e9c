"""Stages entered in an emergency: who may, for how long, and who looked at it afterwards."""

from __future__ import annotations

from typing import Any

from controller.api import break_glass_schemas, schemas
from controller.api.auth import actor, services
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.break_glass import Emergency
from controller.rollouts import Where, locate
from controller.store.break_glass import BreakGlass, break_glasses_of, get_break_glass

blueprint = Blueprint(
    "break_glass",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>/break-glass",
    description="Entering a stage in an emergency",
)


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(break_glass_schemas.BreakGlassSchema))
def list_break_glasses(query: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Every time that the glass was broken for a feature in an environment, oldest first."""
    with services().database.read() as tx:
        id = locate(tx, Where(project, environment, feature)).id
        found = break_glasses_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda glass: glass.id, break_glass_view)


@blueprint.post("")
@blueprint.arguments(break_glass_schemas.BreakGlassRequestSchema)
@blueprint.response(201, break_glass_schemas.BreakGlassSchema)
def break_glass(content: dict[str, Any], project: str, environment: str, feature: str) -> BreakGlass:
    """Enter the next stage now, without what it asks for; it is taken back when the time is over."""
    return services().break_glass.enter(Where(project, environment, feature), Emergency(**content), actor())


@blueprint.get("/<row:id>")
@blueprint.response(200, break_glass_schemas.BreakGlassSchema)
def show_break_glass(project: str, environment: str, feature: str, id: int) -> BreakGlass:
    """One time that the glass was broken."""
    with services().database.read() as tx:
        return get_break_glass(tx, locate(tx, Where(project, environment, feature)).id, id)


@blueprint.post("/<row:id>/regularise")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, break_glass_schemas.BreakGlassSchema)
def regularise(content: dict[str, Any], project: str, environment: str, feature: str, id: int) -> BreakGlass:
    """Confirm, as somebody else, that the feature has what the stage asks for: it is not taken back any more."""
    where = Where(project, environment, feature)
    return services().break_glass.regularise(where, id, actor(), content["reason"])


@blueprint.post("/<row:id>/review")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, break_glass_schemas.BreakGlassSchema)
def review(content: dict[str, Any], project: str, environment: str, feature: str, id: int) -> BreakGlass:
    """Say, as somebody else, what you found when you looked at it; until then nothing is promoted."""
    where = Where(project, environment, feature)
    return services().break_glass.review(where, id, actor(), content["reason"])


def break_glass_view(glass: BreakGlass) -> dict[str, Any]:
    """All that is known of one time that the glass was broken, by the names of its fields."""
    return {name: getattr(glass, name) for name in type(glass).__slots__}
