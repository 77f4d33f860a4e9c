"""What goes in and out of the API, except for triggers. Unknown fields are refused everywhere."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validate, validates_schema

from controller.api.fields import Choice, FreeForm, Key, Language, Moment, Pattern, Text, Truth, Whole
from controller.permissions import Role
from controller.store.keys import KeyKind
from stages import WHOLE, Autonomy, Mode, Replacement, Stage

RELEASE = r"^r-[0-9a-f]{12}$"
SHA256 = Pattern(r"^[0-9a-f]{64}$", error="64 hex digits are needed.")


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


class ExposureSchema(Schema):
    """Who gets the feature. What is not sent stays as it is."""

    share = share()
    cohorts = fields.List(Key(), validate=validate.Length(max=100))
    tasks = fields.List(Key(), validate=validate.Length(max=100))
    languages = fields.List(Language(), validate=validate.Length(max=100))
    autonomy = Choice(Autonomy)

    @validates_schema
    def something_is_asked_for(self, content: dict[str, Any], **_: object) -> None:
        """An exposure without any part asks for nothing."""
        if not content:
            raise ValidationError("At least one of share, cohorts, tasks, languages and autonomy is needed.")

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> dict[str, Any]:
        """Make the parts those of the domain's own object."""
        lists = {
            name: frozenset(content[name]) for name in ("cohorts", "tasks", "languages") if name in content
        }
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
    replacement = fields.String(allow_none=True)
    live_s = fields.Integer()
    live_since = fields.String(allow_none=True)
    version = fields.Integer(allow_none=True)
    # By its name: its module stands on this one.
    break_glass = fields.Nested("BreakGlassSchema", allow_none=True)
    broken = fields.String(allow_none=True)


class MoveSchema(ReasonSchema):
    """A move of a rollout, other than a promotion."""

    move = Text(20, shortest=1, required=True)
    stage = Choice(Stage, load_default=None, allow_none=True)
    mode = Choice(Mode, load_default=None, allow_none=True)
    exposure = fields.Nested(ExposureSchema, load_default=None, allow_none=True)
    release = release_id(load_default=None, allow_none=True)
    share = share(1, WHOLE - 1, load_default=None, allow_none=True)
    replacement = Choice(
        Replacement,
        load_default=None,
        allow_none=True,
        metadata={"description": "With stop: what takes the place of the feature"},
    )


class ExpectationSchema(Schema):
    """What the caller has seen."""

    if_match = fields.String(
        data_key="If-Match", metadata={"description": 'The ETag that was read, such as "7"'}
    )


class SeenSchema(Schema):
    """What an approver has looked at."""

    if_match = fields.String(
        data_key="If-Match",
        validate=Pattern(r'"?[0-9a-f]{64}"?', error="What was seen has 64 hex digits."),
        metadata={"description": "The seen of what was looked at; left out, it is not made sure of"},
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
    approved_by = fields.List(
        fields.String(),
        metadata={"description": "Who agreed to it as it is now; void approvals are left out"},
    )
    refusals = fields.List(fields.Nested(RefusalSchema))
    forecast = fields.List(
        fields.String(),
        metadata={
            "description": "While it is open: how long the triggers would take to notice trouble, slowest first"
        },
    )
    seen = fields.String(
        metadata={"description": "What an approval would be bound to now; goes into If-Match"}
    )
    created_at = fields.AwareDateTime()


class ReleaseStandingSchema(Schema):
    """What stands against a release coming to those who have the feature, and who agreed that it does."""

    release = fields.String()
    stage = fields.String()
    needed = fields.Integer(
        metadata={"description": "How many people other than whoever brings it in must agree"}
    )
    approved_by = fields.List(fields.String())
    refusals = fields.List(fields.Nested(RefusalSchema))
    seen = fields.String(
        metadata={"description": "What an approval would be bound to now; goes into If-Match"}
    )


class SourceSchema(Schema):
    """A metric source. Secrets in its settings are taken, and shown as *** only."""

    key = Key(required=True)
    kind = Text(40, shortest=1, required=True)
    settings = FreeForm(load_default=dict)
    created_at = fields.AwareDateTime(dump_only=True)


class SourceSettingsSchema(Schema):
    """Other settings for a metric source, all of them."""

    settings = FreeForm(required=True)


class TriedSourceSchema(Schema):
    """Whether a metric source works, and what was seen or what stands against it."""

    works = fields.Boolean()
    message = fields.String()


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
    roles = fields.List(
        Choice(Role),
        load_default=[],
        metadata={"description": "For admin keys, which need at least one: what it lets its holder do"},
    )
    may_break_glass = Truth(
        load_default=False,
        metadata={"description": "For admin keys: may enter a stage without the evidence, for a while"},
    )
    expires_at = Moment(
        load_default=None,
        allow_none=True,
        metadata={"description": "From when on it opens nothing; null: it goes on"},
    )
    created_by = fields.String(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)
    last_used_at = fields.AwareDateTime(dump_only=True, allow_none=True)
    revoked_at = fields.AwareDateTime(dump_only=True, allow_none=True)


class KeyExpirySchema(Schema):
    """When a key is to run out."""

    expires_at = Moment(required=True)


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
