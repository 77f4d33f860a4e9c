"""How ready a feature is: the score sheet, and the review before it ships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response, make_response, render_template, request
from marshmallow import Schema, fields

from controller.api.auth import services
from controller.api.fields import Choice
from controller.api.parsing import Blueprint
from controller.api.schemas import release_id
from controller.readiness import Item, PreShipReview, Sheet
from controller.rollouts import Where
from stages import Answered, Fact, Gate, Missed, Stage, Standing

blueprint = Blueprint(
    "readiness",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>",
    template_folder="templates",
    description="What is missing for the next stage, and the eight questions before shipping",
)

_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

_PAGES = {"releases": "#releases", "triggers": "/triggers"}
"""Where the console shows what a fact is about, below the feature."""


class StageQuerySchema(Schema):
    """Which stage is asked about."""

    stage = Choice(Stage, load_default=None, metadata={"description": "The next stage unless it is named"})


class SheetQuerySchema(StageQuerySchema):
    """Which stage is asked about, and with which release."""

    release = release_id(
        load_default=None, metadata={"description": "The stable release unless another is named"}
    )


class StandingSchema(Schema):
    """A requirement and how it stands.

    ``answer`` is met, waived, missing, unchecked, insufficient, failed, stale or expired. ``by`` is the id of the
    evidence (e-) or the waiver (w-) it rests on. ``missed`` is what follows where it does not hold: remind, waive or
    block.
    """

    requirement = fields.String()
    gate = fields.String()
    title = fields.String()
    answer = fields.String()
    holds = fields.Boolean()
    missed = fields.Enum(Missed, by_value=True)
    message = fields.String()
    remedy = fields.String()
    by = fields.String()
    bound = fields.Float(allow_none=True)


class ItemSchema(StandingSchema):
    """A line of the score sheet: who provides it, and since when it stands so."""

    role = fields.String()
    owner = fields.String()
    since = fields.AwareDateTime()


class ScoreSchema(Schema):
    """How many requirements hold, and how many there are."""

    met = fields.Integer()
    of = fields.Integer()


class SheetSchema(Schema):
    """What a stage asks of a feature, and how each of it stands."""

    feature = fields.String()
    environment = fields.String()
    stage = fields.String()
    release = fields.String(allow_none=True)
    score = fields.Nested(ScoreSchema)
    gates = fields.Dict(keys=fields.String(), values=fields.Nested(ScoreSchema))
    reminders = fields.Integer(
        metadata={"description": "How many do not hold, and keep nothing from going up for it"}
    )
    items = fields.List(fields.Nested(ItemSchema))
    made_at = fields.AwareDateTime()


class FactSchema(Schema):
    """Something the records say beside the evidence."""

    holds = fields.Boolean()
    message = fields.String()
    remedy = fields.String()
    link = fields.String()


class AnsweredSchema(Schema):
    """A question, its answer (yes, no or stale), and what the answer rests on."""

    key = fields.String()
    question = fields.String()
    answer = fields.String()
    evidence = fields.List(fields.Nested(ItemSchema))
    facts = fields.List(fields.Nested(FactSchema))
    not_asked = fields.List(
        fields.String(), metadata={"description": "What would answer it too, and the stage does not ask for"}
    )


class PreShipReviewSchema(Schema):
    """The eight questions before a feature ships. ``digest`` names exactly the records they were answered from."""

    feature = fields.String()
    environment = fields.String()
    stage = fields.String()
    release = fields.String(allow_none=True)
    release_digest = fields.String(allow_none=True)
    digest = fields.String()
    made_at = fields.AwareDateTime()
    ready = fields.Boolean()
    reminders = fields.Integer(
        metadata={"description": "How many requirements of the stage do not hold, and only remind"}
    )
    answers = fields.List(fields.Nested(AnsweredSchema))


@blueprint.get("/readiness")
@blueprint.arguments(SheetQuerySchema, location="query")
@blueprint.response(200, SheetSchema)
def show_readiness(query: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """What is missing for a stage, who provides it, and since when it is missing."""
    where = Where(project, environment, feature)
    return sheet_view(services().readiness.sheet(where, query["stage"], query["release"]))


@blueprint.get("/pre-ship-review")
@blueprint.arguments(StageQuerySchema, location="query")
@blueprint.response(200, PreShipReviewSchema)
def show_review(query: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """The eight questions before shipping, answered from the records."""
    return review_view(services().readiness.review(Where(project, environment, feature), query["stage"]))


@blueprint.get("/pre-ship-review.html")
@blueprint.arguments(StageQuerySchema, location="query")
@blueprint.doc(responses={"200": {"description": "The page", "content": {"text/html": {}}}})
def show_review_page(query: dict[str, Any], project: str, environment: str, feature: str) -> Response:
    """The same review as a page of its own, to be kept or sent to an auditor."""
    where = Where(project, environment, feature)
    return review_page(services().readiness.review(where, query["stage"]), where)


def review_page(review: PreShipReview, where: Where) -> Response:
    """A review as one HTML file that needs nothing else. Its links lead to the console, where people can sign in."""
    page = render_template(
        "pre_ship_review.html",
        review=review_view(review),
        sheet=review.sheet,
        where=where,
        console=_console(where),
        pages=_PAGES,
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    return response


def _console(where: Where) -> str:
    """Where the console shows the feature."""
    base = (services().settings.public_url or request.host_url).rstrip("/")
    return f"{base}/projects/{where.project}/environments/{where.environment}/features/{where.feature}"


def sheet_view(sheet: Sheet) -> dict[str, Any]:
    """A score sheet as the API shows it."""
    return _heading(sheet) | {
        "score": _score(sheet.score()),
        "gates": {gate.value: _score(sheet.score(gate)) for gate in Gate if sheet.of(gate)},
        "reminders": len(sheet.reminders),
        "items": [_item_view(item) for item in sheet.items],
    }


def review_view(review: PreShipReview) -> dict[str, Any]:
    """A review as the API shows it."""
    release = review.sheet.release
    items = {item.need.key: item for item in review.sheet.items}
    return _heading(review.sheet) | {
        "release_digest": release.digest if release else None,
        "digest": review.seen,
        "ready": all(each.reply == "yes" for each in review.answers),
        "reminders": len(review.sheet.reminders),
        "answers": [
            _answered_view(each, items)
            | {"not_asked": [need.title for need in review.unasked[each.question.key]]}
            for each in review.answers
        ],
    }


def _heading(sheet: Sheet) -> dict[str, Any]:
    return {
        "feature": sheet.feature.key,
        "environment": sheet.stored.rollout.environment,
        "stage": sheet.stage.value,
        "release": sheet.release.public_id if sheet.release else None,
        "made_at": sheet.made_at,
    }


def _score(counts: tuple[int, int]) -> dict[str, int]:
    return {"met": counts[0], "of": counts[1]}


def _item_view(item: Item) -> dict[str, Any]:
    return _standing_view(item.standing) | {"role": item.role, "owner": item.owner, "since": item.since}


def _standing_view(standing: Standing) -> dict[str, Any]:
    need = standing.requirement
    return {
        "requirement": need.key,
        "gate": need.gate.value,
        "title": need.title,
        "answer": standing.answer.value,
        "holds": standing.holds,
        "missed": need.missed,
        "message": standing.message,
        "remedy": standing.remedy,
        "by": standing.by,
        "bound": standing.bound,
    }


def _answered_view(answered: Answered, items: Mapping[str, Item]) -> dict[str, Any]:
    return {
        "key": answered.question.key,
        "question": answered.question.text,
        "answer": answered.reply.value,
        "evidence": [_item_view(items[standing.requirement.key]) for standing in answered.standings],
        "facts": _facts(answered.facts),
    }


def _facts(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    return [{name: getattr(fact, name) for name in ("holds", "message", "remedy", "link")} for fact in facts]
