"""Where the SDKs report what became of answers. What they ask for is answered by `controller.delivery`."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from controller.api.auth import key, services
from controller.api.fields import Choice, Key, Moment, Number, Text, Truth, Whole
from controller.api.parsing import Blueprint
from controller.api.schemas import release_id
from controller.api.spec import SERVER_KEY
from controller.errors import InvalidInput, Problem
from controller.store.features import feature_keys
from controller.store.outcomes import add_outcomes
from stages import Mode

blueprint = Blueprint("sdk", __name__, url_prefix="/sdk/v1", description="For SDKs: flags in, outcomes out")

_LARGEST = 2**31 - 1


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
    """An outcome of a feature that is not there would be counted by nobody, and nobody would know.

    All of them are named at once: who sends a batch leaves those out, and sends the others again.
    """
    remedy = "report outcomes under the key of a feature of this project"
    problems = [
        Problem(f"outcomes.{place}.feature", f"there is no feature {outcome['feature']!r} here", remedy)
        for place, outcome in enumerate(reported)
        if outcome["feature"] not in known
    ]
    if problems:
        raise InvalidInput(*problems)


def _environment() -> int:
    environment = key().environment_id
    if environment is None:
        raise TypeError("the guard lets only keys of an environment in")
    return environment
