"""What goes in and out of the API about instances of product code."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from controller.api.fields import Moment, Pattern, QueryWhole, Text, Whole
from controller.api.paging import PageQuery

_LARGEST = 2**31 - 1
_MOST_FLAGS = 20_000
_MOST_COUNTED = 10**9


class ReceiptSchema(Schema):
    """What an instance runs, and how often it answered each flag with each variant since the last receipt."""

    instance = fields.String(
        required=True,
        validate=Pattern(
            r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$", error="An instance is named by a UUID."
        ),
    )
    revision = Whole(0, _LARGEST, load_default=None, allow_none=True)
    etag = Text(200, load_default="", allow_none=True)
    sdk = Text(
        100, load_default="", metadata={"description": "Name and version, such as headgate-python/1.2.0"}
    )
    app = Text(100, load_default="", allow_none=True)
    app_version = Text(100, load_default="", allow_none=True)
    applied_at = Moment(
        required=True, metadata={"description": "When it put the revision in use, by its own clock"}
    )
    evaluations = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(
            keys=fields.String(), values=Whole(0, _MOST_COUNTED), validate=validate.Length(max=200)
        ),
        load_default=dict,
        validate=validate.Length(max=_MOST_FLAGS),
        metadata={"description": "Counts by flag and variant; default stands for the caller's own default"},
    )


class LivenessSchema(Schema):
    """When an instance counts as gone."""

    minutes = QueryWhole(
        1, 1440, load_default=3, metadata={"description": "Silent for longer: not seen lately"}
    )


class InstancesQuery(PageQuery, LivenessSchema):
    """Which page of instances."""


class SpreadQuery(LivenessSchema):
    """Which revision is asked about."""

    revision = QueryWhole(1, _LARGEST, metadata={"description": "The newest one, unless it is said"})


class InstanceSchema(Schema):
    """A process of the product. ``lag_s``: for how long it has been behind; null if it is not."""

    instance = fields.String()
    sdk = fields.String()
    app = fields.String()
    app_version = fields.String()
    revision = fields.Integer(allow_none=True)
    is_live = fields.Boolean()
    lag_s = fields.Float(allow_none=True)
    applied_at = fields.AwareDateTime()
    first_seen_at = fields.AwareDateTime()
    seen_at = fields.AwareDateTime()


class VersionSchema(Schema):
    """Instances that are alike."""

    sdk = fields.String()
    app = fields.String()
    app_version = fields.String()
    live = fields.Integer()
    reached = fields.Integer()


class SpreadSchema(Schema):
    """How far a revision has come. ``after_ms`` is null until it is everywhere."""

    revision = fields.Integer()
    made_at = fields.AwareDateTime(allow_none=True)
    live = fields.Integer()
    reached = fields.Integer()
    unseen = fields.Integer(metadata={"description": "Silent for too long to be counted on"})
    is_everywhere = fields.Boolean()
    after_ms = fields.Float(allow_none=True)
    oldest_lag_s = fields.Float(allow_none=True)
    versions = fields.List(fields.Nested(VersionSchema))
    sentence = fields.String()
