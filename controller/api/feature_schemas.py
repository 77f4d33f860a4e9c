"""What goes in and out of the API about features and releases."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from controller.api.fields import Choice, FreeForm, Key, Number, Text, Truth, Whole
from controller.api.schemas import SHA256, ReasonSchema, RefusalSchema
from stages import Autonomy, Goodness, Oversight, Tier


class WhenLost(StrEnum):
    """What a client does with a feature when it has lost Headgate for too long."""

    KEEP = "keep"
    REVIEW = "review"
    OFF = "off"


class OnSwitch(StrEnum):
    """What becomes of running conversations when the release they began with is replaced."""

    MOVE = "move"
    """They go on with the release that takes its place."""
    FINISH = "finish"
    """They end with the one they began with."""


class BusinessMetricSchema(Schema):
    """The figure the business watches."""

    name = Text(200, shortest=1, required=True)
    unit = Text(40, load_default="")
    baseline = Number(allow_none=True, load_default=None)
    target = Number(required=True)
    window_days = Whole(1, 730, required=True)

    @validates_schema
    def there_is_something_to_improve(self, content: dict[str, Any], **_: object) -> None:
        """Towards a target that is the baseline nothing would ever be an improvement."""
        if content.get("baseline") == content["target"]:
            raise ValidationError("The target is the baseline, so nothing could improve.", "target")


class DataSourceSchema(Schema):
    """A source of knowledge the feature may retrieve from."""

    name = Text(200, shortest=1, required=True)
    owner = Text(200, shortest=1, required=True)
    permissions = Text(500, load_default="", metadata={"description": "How access is decided in it"})
    freshness = Text(200, load_default="", metadata={"description": "How old its content may be"})
    revocation = Text(200, load_default="", metadata={"description": "How soon withdrawn content is gone"})


class RegulatorySchema(Schema):
    """How a framework classifies the feature. Editions differ in their numbering, so one is named."""

    framework = Text(100, shortest=1, required=True)
    edition = Text(100, shortest=1, required=True)
    id = Text(100, shortest=1, required=True)
    rationale = Text(2000, load_default="")


class FeatureChangeSchema(Schema):
    """What a team says of its feature; only what is sent is changed."""

    name = Text(200)
    description = Text(4000)
    owner = Text(200, shortest=1)
    budget_owner = Text(200)
    risk_tier = Choice(Tier)
    risk_rationale = Text(4000)
    classified_by = Text(200)
    hypothesis = Text(4000)
    success = Text(4000, metadata={"description": "Success in production, in the terms of the business"})
    business_metric = fields.Nested(BusinessMetricSchema, allow_none=True)
    data_sources = fields.List(fields.Nested(DataSourceSchema), validate=validate.Length(max=100))
    oversight = Choice(Oversight, allow_none=True)
    autonomy_cap = Choice(Autonomy)
    people = fields.Dict(
        keys=Key(), values=Text(200), metadata={"description": "Who has which role, such as support"}
    )
    reviewers = fields.List(Text(200, shortest=1), validate=validate.Length(max=100))
    regulatory = fields.List(fields.Nested(RegulatorySchema), validate=validate.Length(max=50))
    expected_daily_answers = Whole(0, 1_000_000_000, allow_none=True)
    review_capacity_per_day = Whole(
        0,
        1_000_000_000,
        allow_none=True,
        metadata={"description": "How many answers its reviewers can look at"},
    )
    automatic_moves_per_day = Whole(
        1,
        1000,
        allow_none=True,
        metadata={"description": "How often triggers may move it before they switch it off"},
    )
    on_switch = Choice(OnSwitch)
    fallback = Text(200)
    when_lost = Choice(WhenLost)
    client_visible = Truth(
        metadata={"description": "Whether client keys, which sit in browsers and apps, may see its answers"}
    )


class FeatureSchema(FeatureChangeSchema):
    """A GenAI capability."""

    key = Key(required=True)
    name = Text(200, load_default="")
    owner = Text(200, shortest=1, required=True)
    risk_tier = Choice(Tier, required=True)
    when_lost = Choice(WhenLost, load_default=WhenLost.REVIEW)
    tier_lowered_by = fields.String(dump_only=True)
    version = fields.Integer(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)


class FeatureRevivalSchema(ReasonSchema):
    """What a deleted feature was."""

    risk_tier = Choice(
        Tier, required=True, metadata={"description": "The tier it had: who revives it knows what it is"}
    )


class ModelSchema(Schema):
    """A pinned model with its parameters."""

    provider = Text(100, shortest=1, required=True)
    id = Text(200, shortest=1, required=True)
    host = Text(100, metadata={"description": "Who runs it, if that is not its provider, such as bedrock"})
    params = FreeForm(load_default=dict)


class PointerSchema(Schema):
    """Where a registry says which version of a prompt is live, and the version this release is made of."""

    registry = Key(required=True)
    name = Text(500, shortest=1, required=True)
    pointer = Text(200, shortest=1, required=True)
    version = Text(200, shortest=1, required=True)


class PromptSchema(Schema):
    """Where the prompt stands, and the hash of its text."""

    ref = Text(500, shortest=1, required=True)
    sha256 = fields.String(validate=SHA256)
    pointer = fields.Nested(PointerSchema)


class NamedPromptSchema(PromptSchema):
    """A further prompt, such as that of a tool or a router."""

    name = Text(100, shortest=1, required=True)


class BundleSchema(Schema):
    """Everything that makes answers what they are. What is not sent is not part of the release."""

    prompt = fields.Nested(PromptSchema, required=True)
    prompts = fields.List(fields.Nested(NamedPromptSchema), validate=validate.Length(1, 100))
    model = fields.Nested(ModelSchema, required=True)
    fallbacks = fields.List(fields.Nested(ModelSchema), validate=validate.Length(1, 10))
    retrieval = FreeForm(load_default=dict)
    guardrails = Text(200)
    tools = FreeForm(load_default=dict)
    judge = FreeForm(load_default=dict)
    eval_set = FreeForm(load_default=dict)
    output_schema = Text(200)
    compatibility = Text(100)
    limits = FreeForm(load_default=dict)


class ReleaseSchema(Schema):
    """An immutable bundle, named by its content."""

    id = fields.String(dump_only=True, attribute="public_id")
    digest = fields.String(dump_only=True)
    number = fields.Integer(dump_only=True)
    bundle = fields.Nested(BundleSchema, required=True)
    notes = Text(4000, load_default="")
    verdict = fields.String(dump_only=True)
    verdict_reason = fields.String(dump_only=True)
    blocked_at = fields.AwareDateTime(dump_only=True, allow_none=True)
    warnings = fields.List(fields.Nested(RefusalSchema), dump_only=True)
    created_by = fields.String(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)


class JudgementSchema(ReasonSchema):
    """What is now known of a release."""

    verdict = Choice(Goodness, required=True)


class DifferenceSchema(Schema):
    """One place in which two releases differ; a side that has nothing there is null."""

    path = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class ComparisonSchema(Schema):
    """How one release differs from another. ``parts`` are those whose evidence no longer counts."""

    before = fields.String()
    after = fields.String()
    parts = fields.List(fields.String())
    differences = fields.List(fields.Nested(DifferenceSchema))
