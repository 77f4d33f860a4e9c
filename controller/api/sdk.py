"""What the SDKs ask for: the flag document, and where they report what became of answers."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from controller.api.auth import key, services
from controller.api.fields import Choice, Key, Moment, Number, Text, Truth, Whole
from controller.api.parsing import Blueprint
from controller.api.schemas import release_id
from controller.api.spec import ETAG, SERVER_KEY
from controller.errors import InvalidInput, Problem
from controller.observability import LOOKUPS
from controller.store.features import feature_keys
from controller.store.outcomes import add_outcomes
from stages import Mode

blueprint = Blueprint("sdk", __name__, url_prefix="/sdk/v1", description="For SDKs: flags in, outcomes out")

_LARGEST = 2**31 - 1

_FLAGS = {"type": "object", "required": ["$schema", "metadata", "flags"]}
DOCUMENT: dict[str, Any] = {
    "security": SERVER_KEY,
    "parameters": [{"in": "header", "name": "If-None-Match", "schema": {"type": "string"}}],
    "responses": {
        "200": {
            "description": "A flag document in the flagd format",
            "headers": ETAG,
            "content": {"application/json": {"schema": _FLAGS}},
        },
        "304": {"description": "The caller has it already", "headers": ETAG},
    },
}
"""How an address that gives the flag document is described."""


class OutcomeSchema(Schema):
    """What became of one answer. What nobody judged is null, and never counts as good."""

    id = Text(64, shortest=8, required=True, attribute="public_id")
    feature = Key(required=True)
    release = release_id(load_default=None, allow_none=True)
    at = Moment(required=True)
    task = Text(63, load_default=None, allow_none=True)
    mode = Choice(Mode, load_default=None, allow_none=True)
    latency_ms = Whole(0, _LARGEST, load_default=None, allow_none=True)
    cost_usd = Number(load_default=None, allow_none=True, validate=validate.Range(0))
    input_tokens = Whole(0, _LARGEST, load_default=None, allow_none=True)
    output_tokens = Whole(0, _LARGEST, load_default=None, allow_none=True)
    grounded = Truth(load_default=None, allow_none=True)
    citations_valid = Truth(load_default=None, allow_none=True)
    sensitive_data = Truth(load_default=None, allow_none=True)
    review = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(["accepted", "rejected"])
    )
    abandoned = Truth(load_default=None, allow_none=True)
    escalated = Truth(load_default=None, allow_none=True)
    error = Truth(load_default=None, allow_none=True)


class OutcomesSchema(Schema):
    """A batch of outcomes."""

    outcomes = fields.List(fields.Nested(OutcomeSchema), required=True, validate=validate.Length(max=500))


class AcceptedSchema(Schema):
    """How many outcomes were new."""

    accepted = fields.Integer()
    duplicates = fields.Integer()


@blueprint.get("/flags")
@blueprint.doc(**DOCUMENT)
def flags() -> Response:
    """The flags of the environment the key belongs to, with their rules."""
    return document_response()


def document_response() -> Response:
    """The flag document of the caller's environment, or 304 if the caller has it."""
    snapshot = services().snapshots.current(_environment())
    response = Response(snapshot.body, mimetype="application/json")
    response.set_etag(snapshot.etag)
    response.headers["Cache-Control"] = "private, no-cache"
    if request.if_none_match.contains_weak(snapshot.etag):
        response.status_code = 304
        response.set_data(b"")
    LOOKUPS.labels("document", response.status_code).inc()
    return response


@blueprint.post("/outcomes")
@blueprint.arguments(OutcomesSchema)
@blueprint.response(202, AcceptedSchema)
@blueprint.doc(security=SERVER_KEY)
def report(content: dict[str, Any]) -> dict[str, int]:
    """Report what became of answers. An outcome whose id was seen before changes nothing."""
    parts, reported = services(), content["outcomes"]
    with parts.database.write() as tx:
        _check_features(reported, feature_keys(tx, _environment()))
        accepted = add_outcomes(tx, _environment(), reported, parts.now())
    return {"accepted": accepted, "duplicates": len(reported) - accepted}


def _check_features(reported: list[dict[str, Any]], known: set[str]) -> None:
    """An outcome of a feature that is not there would be counted by nobody, and nobody would know."""
    for place, outcome in enumerate(reported):
        feature = outcome["feature"]
        if feature not in known:
            remedy = "report outcomes under the key of a feature of this project"
            raise InvalidInput(
                Problem(f"outcomes.{place}.feature", f"there is no feature {feature!r} here", remedy)
            )


def _environment() -> int:
    environment = key().environment_id
    if environment is None:
        raise TypeError("the guard lets only keys of an environment in")
    return environment
