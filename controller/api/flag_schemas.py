"""What goes in and out of the API about plain flags."""

from __future__ import annotations

from enum import StrEnum

from marshmallow import Schema, ValidationError, fields, validate, validates

from controller.api.fields import Choice, FreeForm, QueryTruth, QueryWhole, Text, Truth
from controller.api.schemas import ReasonSchema
from controller.flags.plain import NUMBER, FlagType
from controller.flags.refusing import MAX_TAG, MAX_TAGS


class State(StrEnum):
    """Whether a flag answers at all."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


_TYPE = validate.OneOf([*FlagType, NUMBER])


class PlainFlagSchema(Schema):
    """A flag as it shall be. ``state`` to ``metadata`` are as flagd has them."""

    type = fields.String(
        load_default=None,
        allow_none=True,
        validate=_TYPE,
        metadata={"description": "That of the variants, unless it is said; it stays the same for good"},
    )
    state = Choice(State, load_default=State.ENABLED)
    variants = fields.Dict(keys=fields.String(), required=True)
    defaultVariant = fields.Raw(  # noqa: N815 - as flagd has it
        load_default=None,
        allow_none=True,
        metadata={"description": "The name of a variant; with null the caller's own default applies"},
    )
    targeting = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    description = Text(2000, load_default="")
    owner = Text(200, load_default="")
    tags = fields.List(Text(MAX_TAG, shortest=1), load_default=list, validate=validate.Length(max=MAX_TAGS))
    client_visible = Truth(
        load_default=False, metadata={"description": "Whether browsers and phones may see its answers"}
    )
    reason = Text(1000, load_default="", load_only=True)

    @validates("tags")
    def no_commas(self, tags: list[str], **_: object) -> None:
        """A file has tags with commas between them."""
        if any("," in tag or tag != tag.strip() for tag in tags):
            raise ValidationError("A tag has no commas, and no spaces around it.")


class PlainFlagViewSchema(Schema):
    """A flag as it is. ``broken`` says why it cannot be read, and is answered with the caller's default."""

    key = fields.String()
    type = fields.String()
    state = fields.String(allow_none=True)
    variants = fields.Dict(allow_none=True)
    defaultVariant = fields.String(allow_none=True)  # noqa: N815 - as flagd has it
    targeting = fields.Dict(allow_none=True)
    metadata = fields.Dict(allow_none=True)
    description = fields.String()
    owner = fields.String()
    tags = fields.List(fields.String())
    client_visible = fields.Boolean()
    version = fields.Integer()
    created_by = fields.String()
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
    broken = fields.String(allow_none=True)


class RevivalSchema(ReasonSchema):
    """What a deleted flag was."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(list(FlagType)),
        metadata={"description": "The type it had: who revives it knows what it means"},
    )


class StaleQuery(Schema):
    """Since when."""

    days = QueryWhole(1, 365, load_default=30, metadata={"description": "For how many whole days"})


class StaleFlagSchema(Schema):
    """A flag that may be cleaned up, and why.

    It is ``not_evaluated``, ``same_answer`` or, though it is gone, ``still_asked_for``. ``not_known``: it seems so, but
    somebody reads all flags at once.
    """

    key = fields.String()
    kind = fields.String(metadata={"description": "plain or feature"})
    type = fields.String()
    owner = fields.String()
    why = fields.String()
    answer = fields.String(allow_none=True, metadata={"description": "The one variant everybody got"})
    value = fields.Raw(allow_none=True)
    evaluations = fields.Integer()
    last_evaluated = fields.AwareDateTime(allow_none=True)
    sentence = fields.String()


class StaleReportSchema(Schema):
    """What is stale. ``cannot_tell`` says why that may not be all; it is empty if it is."""

    days = fields.Integer()
    since = fields.AwareDateTime()
    cannot_tell = fields.String()
    flags = fields.List(fields.Nested(StaleFlagSchema))


class FileQuery(Schema):
    """How a file is taken over."""

    dry_run = QueryTruth(load_default=False, metadata={"description": "Only say what would change"})
    replace = QueryTruth(load_default=False, metadata={"description": "Delete what is not in the file"})
    reason = Text(1000, load_default="")


class FlagFileSchema(Schema):
    """A flagd file."""

    schema = fields.String(data_key="$schema")
    evaluators = FreeForm(data_key="$evaluators")
    flags = fields.Dict(keys=fields.String(), values=fields.Dict(), required=True)
    metadata = FreeForm()


class FlagImportSchema(Schema):
    """What a file changed, or would change."""

    created = fields.List(fields.String())
    changed = fields.List(fields.String())
    deleted = fields.List(fields.String())
    shared = fields.List(fields.String(), metadata={"description": "Shared rules that change"})
    unchanged = fields.Integer()
    dry_run = fields.Boolean()
