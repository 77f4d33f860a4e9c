"""What goes in and out of the API about back-tests."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from controller.api.fields import Choice, Key, Text, Whole
from controller.api.trigger_schemas import TriggerSchema
from controller.backtests import From
from triggers import Plant, Window

LONGEST_CSV = 8 << 20
_DAY = 86_400


class SpanSchema(Schema):
    """A span of time in which something was wrong indeed."""

    start = fields.AwareDateTime(data_key="from", required=True)
    end = fields.AwareDateTime(data_key="to", required=True)

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> Window:
        """Make the domain's own object."""
        if content["start"] >= content["end"]:
            raise ValidationError("from must be before to.", "from")
        return Window(**content)


class PlantSchema(Schema):
    """A degradation to be noticed: ``share`` of the good answers are bad, counts and values ``times`` as high."""

    at = fields.AwareDateTime(required=True)
    share = fields.Float(load_default=0.0, validate=validate.Range(0, 1))
    times = fields.Float(load_default=1.0, validate=validate.Range(1, 1000))

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> Plant:
        """Make the domain's own object."""
        return Plant(**content)


class BacktestSchema(Schema):
    """What to replay: a trigger that is there, or a definition; and perhaps another one beside it."""

    trigger = Key()
    definition = fields.Nested(TriggerSchema)
    beside = fields.Nested(TriggerSchema)
    history = Choice(From, load_default=From.SOURCE)
    csv = Text(LONGEST_CSV, load_default="")
    start = fields.AwareDateTime(data_key="from", load_default=None)
    end = fields.AwareDateTime(data_key="to", load_default=None)
    plant = fields.Nested(PlantSchema, load_default=None)
    troubles = fields.List(fields.Nested(SpanSchema), load_default=list, validate=validate.Length(max=100))
    acknowledged_after_s = Whole(60, 30 * _DAY, load_default=3600)

    @validates_schema
    def one_trigger_is_named(self, content: dict[str, Any], **_: object) -> None:
        """Either one that is there or one that is written down."""
        if ("trigger" in content) == ("definition" in content):
            raise ValidationError("Give trigger or definition, one of them.", "trigger")


class FiredSchema(Schema):
    """One time that it would have fired, and what the ladder would have done."""

    at = fields.AwareDateTime()
    until = fields.AwareDateTime(allow_none=True)
    sentence = fields.String()
    numbers = fields.Dict()
    window_start = fields.AwareDateTime()
    window_end = fields.AwareDateTime()
    actions = fields.List(fields.Dict())


class DrawnSchema(Schema):
    """A point of the chart."""

    at = fields.AwareDateTime()
    statistic = fields.Float(allow_none=True)
    line = fields.Float(allow_none=True)
    verdict = fields.String()


class BacktestedSchema(Schema):
    """What one of the settings would have done."""

    key = fields.String()
    method = fields.String()
    params = fields.Dict()
    start = fields.AwareDateTime(data_key="from")
    end = fields.AwareDateTime(data_key="to")
    evaluations = fields.Integer()
    verdicts = fields.Dict(keys=fields.String(), values=fields.Integer())
    failed_windows = fields.Integer()
    failure = fields.String()
    fired = fields.List(fields.Nested(FiredSchema))
    false_alarms_per_month = fields.Float()
    noticed_after_s = fields.Float(allow_none=True)
    planted_fired = fields.List(fields.Nested(FiredSchema))
    chart = fields.List(fields.Nested(DrawnSchema))
    planted_chart = fields.List(fields.Nested(DrawnSchema))


class BacktestResultSchema(Schema):
    """What came of a back-test: a result for each of the settings, in their order."""

    settings = fields.List(fields.Nested(BacktestedSchema))
