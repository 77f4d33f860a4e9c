"""Rollouts, their moves and promotions."""

from __future__ import annotations

from typing import Any

from flask import request

from controller.api import schemas
from controller.api.auth import actor, services
from controller.api.expectations import expected_version, with_version
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.api.views import rollout_view, standing_view
from controller.errors import NotFound
from controller.rollouts import Order, Where, locate, locate_environment
from controller.store.columns import Broken
from controller.store.idempotency import Once
from controller.store.promotions import get_promotion, promotions_of
from controller.store.rollouts import StoredRollout, rollouts_in
from stages import Request, digest

blueprint = Blueprint(
    "rollouts",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts",
    description="Where features stand, and how they move",
)


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.RolloutSchema))
def list_rollouts(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """The rollouts of an environment."""
    with services().database.read() as tx:
        id = locate_environment(tx, project, environment).id
        found = rollouts_in(tx, id, after=after(query) or 0, limit=query["limit"] + 1)
    return page(found, query["limit"], lambda item: item.id, lambda item: rollout_view(item, environment))


@blueprint.get("/<feature>")
@blueprint.response(200, schemas.RolloutSchema)
def show_rollout(project: str, environment: str, feature: str) -> Any:
    """One rollout; its ETag goes into If-Match."""
    return _shown(Where(project, environment, feature))


@blueprint.post("/<feature>/moves")
@blueprint.arguments(schemas.MoveSchema)
@blueprint.arguments(schemas.ExpectationSchema, location="headers", unknown="exclude")
@blueprint.response(200, schemas.RolloutSchema)
def move(
    content: dict[str, Any], headers: dict[str, Any], project: str, environment: str, feature: str
) -> Any:
    """Make a move. Going down needs nothing but a reason."""
    reason = content.pop("reason")
    order = Order(
        request=Request(**content),
        actor=actor(),
        reason=reason,
        expected_version=expected_version(headers),
        once=_once(headers),
    )
    where = Where(project, environment, feature)
    services().rollouts.move(where, order)
    return _shown(where)


@blueprint.get("/<feature>/promotions")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.PromotionSchema))
def list_promotions(query: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """What was asked for, and what stands against it now."""
    rollouts = services().rollouts
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        found = promotions_of(tx, stored.id, after(query) or 0, query["limit"] + 1)
        standings = [rollouts.standing(tx, stored, promotion) for promotion in found]
    return page(standings, query["limit"], lambda standing: standing.promotion.id, standing_view)


@blueprint.post("/<feature>/promotions")
@blueprint.arguments(schemas.PromotionRequestSchema)
@blueprint.response(201, schemas.PromotionSchema)
def ask_promotion(content: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Ask for the next stage. It is entered at once when no approval is missing."""
    where, reason = Where(project, environment, feature), content["reason"]
    standing = services().rollouts.ask_promotion(
        where, content["stage"], content["exposure"], actor(), reason
    )
    return standing_view(standing)


@blueprint.get("/<feature>/promotions/<int:id>")
@blueprint.response(200, schemas.PromotionSchema)
def show_promotion(project: str, environment: str, feature: str, id: int) -> dict[str, Any]:
    """One promotion, and what stands against it now."""
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        return standing_view(services().rollouts.standing(tx, stored, get_promotion(tx, stored.id, id)))


@blueprint.post("/<feature>/promotions/<int:id>/approvals")
@blueprint.response(201, schemas.PromotionSchema)
def approve_promotion(project: str, environment: str, feature: str, id: int) -> dict[str, Any]:
    """Agree to a promotion as it stands now; the last approval applies it."""
    where = Where(project, environment, feature)
    return standing_view(services().rollouts.approve_promotion(where, id, actor()))


@blueprint.delete("/<feature>/promotions/<int:id>")
@blueprint.response(200, schemas.PromotionSchema)
def withdraw_promotion(project: str, environment: str, feature: str, id: int) -> dict[str, Any]:
    """Take a promotion back."""
    return standing_view(services().rollouts.withdraw_promotion(Where(project, environment, feature), id))


def _shown(where: Where) -> Any:
    with services().database.read() as tx:
        id = locate_environment(tx, where.project, where.environment).id
        found = rollouts_in(tx, id, feature=where.feature)
    if not found:
        raise NotFound("feature", where.feature)
    return with_version(rollout_view(found[0], where.environment), _version(found[0]))


def _version(item: StoredRollout | Broken) -> int | None:
    return None if isinstance(item, Broken) else item.rollout.version


def _once(headers: dict[str, Any]) -> Once | None:
    if "idempotency_key" not in headers:
        return None
    return Once(actor().name, headers["idempotency_key"], digest([request.path, request.get_json()]))
