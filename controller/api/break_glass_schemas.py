"""What goes in and out of the API about stages entered in an emergency."""

from __future__ import annotations

from marshmallow import Schema, fields

from controller.api.fields import Choice, Text, Whole
from controller.api.schemas import ExposureSchema
from stages import Stage


class BreakGlassRequestSchema(Schema):
    """The next stage, at once and for a while."""

    reason = Text(1000, shortest=20, required=True)
    stage = Choice(Stage, required=True)
    exposure = fields.Nested(ExposureSchema, load_default=None, allow_none=True)
    minutes = Whole(5, 480, required=True, metadata={"description": "How long, until it is taken back"})


class SkippedSchema(Schema):
    """A reason against the stage that did not count."""

    code = fields.String()
    field = fields.String()
    message = fields.String()


class BreakGlassSchema(Schema):
    """A stage that was entered in an emergency. While ``ended_at`` is null, the feature is there because of it."""

    id = fields.Integer()
    by = fields.String(attribute="actor")
    reason = fields.String()
    skipped = fields.List(fields.Nested(SkippedSchema))
    from_stage = fields.String()
    to_stage = fields.String()
    opened_at = fields.AwareDateTime()
    until = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)
    ended_how = fields.String(metadata={"description": "expired, regularise, or the move that led out of it"})
    ended_by = fields.String()
    reviewed_by = fields.String(allow_none=True)
    reviewed_at = fields.AwareDateTime(allow_none=True)
    review = fields.String()
