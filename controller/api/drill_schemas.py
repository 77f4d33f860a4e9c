"""What goes in and out of the API about kill drills."""

from __future__ import annotations

from marshmallow import Schema, fields

from controller.api.fields import Key, Text, Truth, Whole


class DrillChangeSchema(Schema):
    """How a stop is rehearsed; what is not sent stays."""

    enabled = Truth(metadata={"description": "Whether it is done by itself"})
    every_hours = Whole(1, 8760, metadata={"description": "How often"})
    limit_s = Whole(1, 600, metadata={"description": "Until when every live instance has to have it"})
    requirement = Key(
        allow_none=True, metadata={"description": "What it is evidence for; with null it is none"}
    )
    expires_days = Whole(1, 365, metadata={"description": "For how long that evidence counts"})
    reason = Text(1000, load_default="", load_only=True)


class DrillSchema(Schema):
    """How a stop is rehearsed in an environment."""

    enabled = fields.Boolean()
    every_hours = fields.Integer()
    limit_s = fields.Integer()
    requirement = fields.String(allow_none=True)
    expires_days = fields.Integer()
    canary_on = fields.Boolean(metadata={"description": "False while a drill is running"})
    due_at = fields.AwareDateTime()


class DrillRunSchema(Schema):
    """How a drill went. ``took_ms`` is null where it did not get everywhere, or nothing can be told."""

    id = fields.Integer()
    state = fields.String(metadata={"description": "running, passed, failed or void"})
    started_by = fields.String()
    reason = fields.String()
    started_at = fields.AwareDateTime()
    limit_s = fields.Integer()
    revision = fields.Integer()
    live = fields.Integer()
    reached = fields.Integer()
    took_ms = fields.Float(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    sentence = fields.String()
    evidence = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"description": "What was filed, by feature"}
    )
