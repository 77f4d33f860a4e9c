"""What goes in and out of the API, except for triggers. Unknown fields are refused everywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validate, validates_schema

from controller.api.fields import Choice, FreeForm, Key, Moment, Number, Pattern, Text, Truth, Whole
from controller.store.keys import KeyKind
from stages import WHOLE, Autonomy, Gate, Goodness, Mode, Stage, Tier

RELEASE = r"^r-[0-9a-f]{12}$"
_SHA256 = Pattern(r"^[0-9a-f]{64}$", error="64 hex digits are needed.")


class WhenLost(StrEnum):
    """What a client does with a feature when it has lost Headgate for too long."""

    KEEP = "keep"
    REVIEW = "review"
    OFF = "off"


def release_id(**kwargs: Any) -> fields.String:
    """The id of a release."""
    return fields.String(
        validate=Pattern(RELEASE, error="A release id reads r- and 12 hex digits."), **kwargs
    )


def share(low: int = 0, high: int = WHOLE, **kwargs: Any) -> Whole:
    """A share in basis points."""
    return Whole(low, high, metadata={"description": "Basis points: 100 is one per cent"}, **kwargs)


class ReasonSchema(Schema):
    """Why something is done."""

    reason = Text(1000, shortest=1, required=True)


class ProjectSchema(Schema):
    """A tenant."""

    key = Key(required=True)
    name = Text(200, load_default="")
    business_unit = Text(200, load_default="")
    created_at = fields.AwareDateTime(dump_only=True)


class EnvironmentSchema(Schema):
    """A place where features run."""

    key = Key(required=True)
    name = Text(200, load_default="")
    protected = Truth(load_default=True, metadata={"description": "Enforces evidence, soak and approvals"})
    revision = fields.Integer(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)


class BusinessMetricSchema(Schema):
    """The figure the business watches."""

    name = Text(200, shortest=1, required=True)
    unit = Text(40, load_default="")
    baseline = Number(allow_none=True, load_default=None)
    target = Number(required=True)
    window_days = Whole(1, 730, required=True)


class DataSourceSchema(Schema):
    """A source of knowledge the feature may retrieve from."""

    name = Text(200, shortest=1, required=True)
    owner = Text(200, shortest=1, required=True)
    permissions = Text(500, load_default="")
    freshness = Text(200, load_default="")


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
    business_metric = fields.Nested(BusinessMetricSchema, allow_none=True)
    data_sources = fields.List(fields.Nested(DataSourceSchema), validate=validate.Length(max=100))
    fallback = Text(200)
    when_lost = Choice(WhenLost)


class FeatureSchema(FeatureChangeSchema):
    """A GenAI capability."""

    key = Key(required=True)
    name = Text(200, load_default="")
    owner = Text(200, shortest=1, required=True)
    risk_tier = Choice(Tier, required=True)
    when_lost = Choice(WhenLost, load_default=WhenLost.REVIEW)
    version = fields.Integer(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)


class ModelSchema(Schema):
    """A pinned model with its parameters."""

    provider = Text(100, shortest=1, required=True)
    id = Text(200, shortest=1, required=True)
    params = FreeForm(load_default=dict)


class PromptSchema(Schema):
    """Where the prompt stands, and the hash of its text."""

    ref = Text(500, shortest=1, required=True)
    sha256 = fields.String(validate=_SHA256)


class BundleSchema(Schema):
    """Everything that makes answers what they are."""

    prompt = fields.Nested(PromptSchema, required=True)
    model = fields.Nested(ModelSchema, required=True)
    retrieval = FreeForm(load_default=dict)
    guardrails = Text(200)
    tools = FreeForm(load_default=dict)
    judge = FreeForm(load_default=dict)
    eval_set = FreeForm(load_default=dict)
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
    created_by = fields.String(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)


class JudgementSchema(ReasonSchema):
    """What is now known of a release."""

    verdict = Choice(Goodness, required=True)


class RequirementSchema(Schema):
    """Something that must be shown before a stage is entered."""

    key = fields.String()
    gate = fields.Enum(Gate, by_value=True)
    title = fields.String()
    per_release = fields.Boolean()


class EvidenceSchema(Schema):
    """An accepted answer to a requirement."""

    id = fields.Integer(dump_only=True)
    requirement = Text(64, shortest=1, required=True)
    release = release_id(load_default=None, allow_none=True)
    summary = Text(4000, load_default="")
    uri = Text(2000, load_default="")
    sha256 = fields.String(required=True, validate=_SHA256)
    expires_at = Moment(load_default=None, allow_none=True)
    accepted_by = fields.String(dump_only=True)
    accepted_at = fields.AwareDateTime(dump_only=True)


class ExposureSchema(Schema):
    """Who gets the feature. What is not sent stays as it is."""

    share = share()
    cohorts = fields.List(Key(), validate=validate.Length(max=100))
    tasks = fields.List(Key(), validate=validate.Length(max=100))
    autonomy = Choice(Autonomy)

    @validates_schema
    def something_is_asked_for(self, content: dict[str, Any], **_: object) -> None:
        """An exposure without any part asks for nothing."""
        if not content:
            raise ValidationError("At least one of share, cohorts, tasks and autonomy is needed.")

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> dict[str, Any]:
        """Make the parts those of the domain's own object."""
        lists = {name: frozenset(content[name]) for name in ("cohorts", "tasks") if name in content}
        return content | lists


class RolloutSchema(Schema):
    """Where a feature stands in an environment. ``broken`` says why its row cannot be read, if it cannot."""

    feature = fields.String()
    environment = fields.String()
    stage = fields.String(allow_none=True)
    stage_since = fields.String(allow_none=True)
    mode = fields.String()
    exposure = fields.Dict(allow_none=True)
    review = fields.Dict(allow_none=True)
    stable = fields.String(allow_none=True)
    candidate = fields.String(allow_none=True)
    candidate_share = fields.Integer()
    previous = fields.String(allow_none=True)
    holds = fields.List(fields.String())
    version = fields.Integer(allow_none=True)
    broken = fields.String(allow_none=True)


class MoveSchema(ReasonSchema):
    """A move of a rollout, other than a promotion."""

    move = Text(20, shortest=1, required=True)
    stage = Choice(Stage, load_default=None, allow_none=True)
    mode = Choice(Mode, load_default=None, allow_none=True)
    exposure = fields.Nested(ExposureSchema, load_default=None, allow_none=True)
    release = release_id(load_default=None, allow_none=True)
    share = share(1, WHOLE - 1, load_default=None, allow_none=True)


class ExpectationSchema(Schema):
    """What the caller has seen."""

    if_match = fields.String(
        data_key="If-Match", metadata={"description": 'The ETag that was read, such as "7"'}
    )


class MoveHeadersSchema(ExpectationSchema):
    """What the caller has seen, and whether it may be asking again."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        validate=validate.Length(1, 200),
        metadata={"description": "Sent again with the same key, a request counts once"},
    )


class PromotionRequestSchema(ReasonSchema):
    """A request to go up."""

    stage = Choice(Stage, required=True)
    exposure = fields.Nested(ExposureSchema, load_default=None, allow_none=True)


class RefusalSchema(Schema):
    """One reason against something."""

    code = fields.String()
    field = fields.String()
    message = fields.String()
    remedy = fields.String()


class PromotionSchema(Schema):
    """A request to go up, and what still stands against it."""

    id = fields.Integer()
    stage = fields.String()
    exposure = fields.Dict(allow_none=True)
    requester = fields.String()
    reason = fields.String()
    status = fields.String()
    approved_by = fields.List(fields.String())
    refusals = fields.List(fields.Nested(RefusalSchema))
    created_at = fields.AwareDateTime()


class SourceSchema(Schema):
    """A metric source."""

    key = Key(required=True)
    kind = Text(40, shortest=1, required=True)
    settings = FreeForm(load_default=dict)
    created_at = fields.AwareDateTime(dump_only=True)


class ChangeSchema(Schema):
    """One recorded change."""

    seq = fields.Integer()
    at = fields.AwareDateTime()
    name = fields.String()
    feature = fields.String()
    environment = fields.String()
    actor = fields.String()
    actor_kind = fields.String()
    reason = fields.String()
    before = fields.Dict()
    after = fields.Dict()
    evidence = fields.Dict()
    previous_hash = fields.String()
    hash = fields.String()


class ApiKeySchema(Schema):
    """An API key, without its secret."""

    id = fields.String(dump_only=True)
    kind = Choice(KeyKind, required=True)
    name = Text(100, shortest=1, required=True)
    environment = Key(load_only=True, load_default=None, allow_none=True)
    created_by = fields.String(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)
    last_used_at = fields.AwareDateTime(dump_only=True, allow_none=True)
    revoked_at = fields.AwareDateTime(dump_only=True, allow_none=True)


class NewApiKeySchema(ApiKeySchema):
    """An API key at the only moment its text is shown."""

    text = fields.String(dump_only=True, required=True)


class ProblemItemSchema(Schema):
    """What is wrong with one field. The reasons against a move have a code of their own each."""

    code = fields.String()
    field = fields.String(required=True)
    message = fields.String(required=True)
    remedy = fields.String(required=True)


class ProblemSchema(Schema):
    """An error (RFC 9457). Answers to OFREP clients also say it in the words of OFREP."""

    class Meta:
        """The standard lets a problem have more members."""

        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "Stable; docs/errors.md lists them all"})
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(ProblemItemSchema), required=True)
