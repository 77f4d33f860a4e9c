"""Rollouts, their moves and promotions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from controller.api import schemas
from controller.api.auth import actor, key, refuse_unless_allowed, services
from controller.api.expectations import expected_version, with_version
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint, read_json
from controller.api.spec import ETAG
from controller.api.views import rollout_view, standing_view
from controller.errors import NotFound
from controller.permissions import Permission
from controller.rollouts import Order, Where, locate, locate_environment
from controller.store.break_glass import open_break_glass, open_break_glasses
from controller.store.changes import changes_of
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.idempotency import Once
from controller.store.projects import Environment
from controller.store.promotions import get_promotion, promotions_of
from controller.store.rollouts import StoredRollout, rollouts_in
from stages import UP, Request, digest

blueprint = Blueprint(
    "rollouts",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts",
    description="Where features stand, and how they move",
)

_PAGE = 100


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.RolloutSchema))
def list_rollouts(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """The rollouts of an environment."""
    with services().database.read() as tx:
        id = locate_environment(tx, project, environment).id
        found = rollouts_in(tx, id, after=after(query) or 0, limit=query["limit"] + 1)
        glasses = open_break_glasses(tx, [item.id for item in found])
    views = {item.id: rollout_view(item, environment, glasses.get(item.id)) for item in found}
    return page(found, query["limit"], lambda item: item.id, lambda item: views[item.id])


@blueprint.get("/<feature>")
@blueprint.response(200, schemas.RolloutSchema, headers=ETAG)
def show_rollout(project: str, environment: str, feature: str) -> Any:
    """One rollout; its ETag goes into If-Match."""
    return _shown(Where(project, environment, feature))


@blueprint.post("/<feature>/moves")
@blueprint.arguments(schemas.MoveSchema)
@blueprint.arguments(schemas.MoveHeadersSchema, location="headers", unknown="exclude")
@blueprint.response(200, schemas.RolloutSchema, headers=ETAG)
def move(
    content: dict[str, Any], headers: dict[str, Any], project: str, environment: str, feature: str
) -> Any:
    """Make a move. Going down needs nothing but a reason."""
    if content["move"] in UP:
        refuse_unless_allowed(Permission.EDIT, project)
    reason, exposure = content.pop("reason"), content.pop("exposure")
    order = Order(
        request=Request(**content),
        exposure=exposure,
        actor=actor(),
        reason=reason,
        expected_version=expected_version(headers),
        once=_once(headers),
    )
    where = Where(project, environment, feature)
    return _shown(where, services().rollouts.move(where, order))


@blueprint.get("/<feature>/promotions")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.PromotionSchema))
def list_promotions(query: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """What was asked for, and what stands against it now."""
    promotions = services().promotions
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        found = promotions_of(tx, stored.id, after(query) or 0, query["limit"] + 1)
        standings = [promotions.standing(tx, stored, promotion) for promotion in found]
    return page(standings, query["limit"], lambda standing: standing.promotion.id, standing_view)


@blueprint.post("/<feature>/promotions")
@blueprint.arguments(schemas.PromotionRequestSchema)
@blueprint.response(201, schemas.PromotionSchema)
def ask_promotion(content: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Ask for the next stage. It is entered at once when no approval is missing."""
    where, reason = Where(project, environment, feature), content["reason"]
    standing = services().promotions.ask(where, content["stage"], content["exposure"], actor(), reason)
    return standing_view(standing)


@blueprint.get("/<feature>/promotions/<row:id>")
@blueprint.response(200, schemas.PromotionSchema)
def show_promotion(project: str, environment: str, feature: str, id: int) -> dict[str, Any]:
    """One promotion, and what stands against it now."""
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        return standing_view(services().promotions.standing(tx, stored, get_promotion(tx, stored.id, id)))


@blueprint.post("/<feature>/promotions/<row:id>/approvals")
@blueprint.arguments(schemas.SeenSchema, location="headers", unknown="exclude")
@blueprint.response(201, schemas.PromotionSchema)
def approve_promotion(
    headers: dict[str, Any], project: str, environment: str, feature: str, id: int
) -> dict[str, Any]:
    """Agree to a promotion as it stands now, or as it was seen; the last approval applies it."""
    where, seen = Where(project, environment, feature), headers.get("if_match")
    bound_to = seen.strip('"') if seen else None
    return standing_view(services().promotions.approve(where, id, actor(), bound_to))


@blueprint.delete("/<feature>/promotions/<row:id>")
@blueprint.response(200, schemas.PromotionSchema)
def withdraw_promotion(project: str, environment: str, feature: str, id: int) -> dict[str, Any]:
    """Take a promotion back."""
    where = Where(project, environment, feature)
    return standing_view(services().promotions.withdraw(where, id, actor()))


@blueprint.get("/<feature>/releases/<release>")
@blueprint.response(200, schemas.ReleaseStandingSchema)
def show_release_standing(project: str, environment: str, feature: str, release: str) -> Any:
    """What stands against you bringing a release to those who have the feature."""
    return services().release_approvals.look(Where(project, environment, feature), release, actor())


@blueprint.post("/<feature>/releases/<release>/approvals")
@blueprint.arguments(schemas.SeenSchema, location="headers", unknown="exclude")
@blueprint.response(201, schemas.ReleaseStandingSchema)
def approve_release(
    headers: dict[str, Any], project: str, environment: str, feature: str, release: str
) -> Any:
    """Agree that a release comes to those who have the feature, as things are now, or as they were seen."""
    where, seen = Where(project, environment, feature), headers.get("if_match")
    bound_to = seen.strip('"') if seen else None
    return services().release_approvals.approve(where, release, actor(), bound_to)


def _shown(where: Where, at_version: int | None = None) -> Any:
    """The rollout as it is, or as it was at an earlier version: whoever asks again gets the answer that was given."""
    with services().database.read() as tx:
        environment = locate_environment(tx, where.project, where.environment)
        found = rollouts_in(tx, environment.id, feature=where.feature)
        if not found:
            raise NotFound("feature", where.feature)
        version = _version(found[0])
        view = rollout_view(found[0], where.environment, open_break_glass(tx, found[0].id))
        if at_version not in (None, version) and (earlier := _recorded(tx, environment, where, at_version)):
            return with_version({**view, "broken": None, **earlier}, at_version)
    return with_version(view, version)


def _recorded(
    tx: Transaction, environment: Environment, where: Where, version: int | None
) -> Mapping[str, Any] | None:
    """What the record of changes says a rollout was at a version."""
    before: int | None = None
    while recorded := changes_of(
        tx, environment.project_id, before=before, limit=_PAGE, feature=where.feature
    ):
        for change in recorded:
            # Changes of triggers carry versions too, but no stage.
            is_move = change.environment == environment.key and "stage" in change.after
            if is_move and change.after["version"] == version:
                return change.after
        before = recorded[-1].seq
    return None


def _version(item: StoredRollout | Broken) -> int | None:
    return None if isinstance(item, Broken) else item.rollout.version


def _once(headers: dict[str, Any]) -> Once | None:
    if "idempotency_key" not in headers:
        return None
    # By the id of the API key: two of them may have the same name, in different projects even.
    return Once(f"key:{key().id}", headers["idempotency_key"], digest([request.path, read_json(request)]))
