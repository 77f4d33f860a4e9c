"""What goes in and out of the API about ramps and forecasts."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from controller.api.fields import QueryWhole
from controller.api.schemas import RefusalSchema
from stages import EXPOSED, WHOLE


class RampSchema(Schema):
    """Where the ramp of a rollout stands."""

    state = fields.String(metadata={"description": "running, paused, off or finished"})
    why = fields.List(
        fields.Nested(RefusalSchema),
        metadata={"description": "Why it does not go on; of a running one, what it waits for"},
    )
    started_by = fields.String()
    share = fields.Integer(metadata={"description": "The present one, in basis points"})
    next_share = fields.Integer(allow_none=True)
    step_since = fields.AwareDateTime(allow_none=True)
    credited_s = fields.Integer(metadata={"description": "Good seconds earned at this step"})
    hold_s = fields.Integer(metadata={"description": "Good seconds the step asks for"})
    answers = fields.Integer(metadata={"description": "Given since the step began"})
    min_samples = fields.Integer(metadata={"description": "Answers the step asks for"})
    approvals = fields.Integer(metadata={"description": "People who have to approve the next step"})
    approved_by = fields.List(fields.String(), metadata={"description": "Who approved it as it is now"})
    next_at = fields.AwareDateTime(
        allow_none=True,
        metadata={
            "description": "When the next step is taken at the earliest; null if that is not up to time alone"
        },
    )
    seen = fields.String(
        metadata={
            "description": "What an approval would be bound to now; goes into If-Match. Empty without a step"
        }
    )


class ForecastQuerySchema(Schema):
    """What a forecast is about."""

    stage = fields.String(required=True, validate=validate.OneOf([stage.value for stage in EXPOSED]))
    share = QueryWhole(
        1, WHOLE, load_default=None, metadata={"description": "Basis points; else that the stage begins with"}
    )
    answers_per_day = QueryWhole(
        0,
        10**9,
        load_default=None,
        metadata={"description": "At that share; else what was observed or is expected"},
    )


class TriggerForecastSchema(Schema):
    """How long one trigger would take to notice twice its limit."""

    trigger = fields.String()
    arming = fields.String()
    expected_s = fields.Float(
        allow_none=True, metadata={"description": "Null if never, or if nobody can tell"}
    )
    answers = fields.Float(allow_none=True, metadata={"description": "How many will have been given by then"})
    within_planned = fields.Float(
        allow_none=True,
        metadata={"description": "The probability that it happens in the length of the stage"},
    )
    sentence = fields.String()


class ForecastSchema(Schema):
    """What the triggers would notice in a stage, the slowest first."""

    stage = fields.String()
    share = fields.Integer()
    traffic = fields.String(metadata={"description": "asked, observed, expected or unknown"})
    answers_per_hour = fields.Float(allow_none=True)
    planned_s = fields.Integer(
        metadata={"description": "How long the stage is meant to last; 0 if nobody said"}
    )
    triggers = fields.List(fields.Nested(TriggerForecastSchema))
    sentences = fields.List(
        fields.String(), metadata={"description": "What is shown to whoever decides about a promotion"}
    )
