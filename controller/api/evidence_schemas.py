"""What goes in and out of the API about requirements, evidence and plans."""

from __future__ import annotations

from marshmallow import Schema, fields

from controller.api.fields import Key, Moment, Number, Text
from controller.api.schemas import SHA256, ReasonSchema, release_id
from stages import Artifact, Gate, Missed, Part


class ThresholdSchema(Schema):
    """What a metric has to reach by its confidence bound."""

    metric = fields.String()
    at_least = fields.Float(allow_none=True)
    at_most = fields.Float(allow_none=True)
    confidence = fields.Float()


class RequirementSchema(Schema):
    """Something that must be shown before a stage is entered."""

    key = fields.String()
    gate = fields.Enum(Gate, by_value=True)
    title = fields.String()
    owner = fields.String()
    why = fields.String()
    artifact = fields.Enum(Artifact, by_value=True)
    fields_ = fields.List(fields.String(), data_key="fields", attribute="fields")
    proves = fields.List(fields.Enum(Part, by_value=True))
    per_release = fields.Boolean()
    threshold = fields.Nested(ThresholdSchema, allow_none=True)
    min_samples = fields.Integer()
    layers = fields.List(fields.String())
    valid_s = fields.Integer(allow_none=True)
    missed = fields.Enum(
        Missed,
        by_value=True,
        metadata={
            "description": "What follows when it is not met: it reminds, may be waived for a while, or blocks"
        },
    )


class DatasetSchema(Schema):
    """The cases that were asked."""

    name = fields.String()
    version = fields.String()
    size = fields.Integer(allow_none=True)
    layers = fields.Dict(keys=fields.String(), values=fields.Integer())


class MetricSchema(Schema):
    """One number of a report. ``supports`` and ``allows`` are its one-sided 95 % bounds."""

    name = fields.String()
    kind = fields.String()
    value = fields.Float(allow_none=True)
    n = fields.Integer()
    passed = fields.Integer()
    failed = fields.Integer()
    errored = fields.Integer()
    unscored = fields.Integer()
    supports = fields.Function(lambda metric: metric.supports_at_least())
    allows = fields.Function(lambda metric: metric.allows_at_most())


class ReportSchema(Schema):
    """What an evaluation found, whichever tool ran it."""

    tool = fields.String()
    tool_version = fields.String()
    run_id = fields.String()
    started_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    partial_ = fields.String(data_key="partial", attribute="partial")
    subject = fields.Dict(keys=fields.String(), values=fields.String())
    dataset = fields.Nested(DatasetSchema)
    metrics = fields.List(fields.Nested(MetricSchema))
    notes = fields.List(fields.String())


class EvidenceSchema(Schema):
    """Something handed in for a requirement."""

    id = fields.Integer(dump_only=True)
    requirement = Text(64, shortest=1, required=True)
    release = release_id(load_default=None, allow_none=True)
    summary = Text(4000, load_default="")
    uri = Text(2000, load_default="")
    sha256 = fields.String(required=True, validate=SHA256)
    made_at = Moment(load_default=None, allow_none=True)
    expires_at = Moment(load_default=None, allow_none=True)
    report = fields.Nested(ReportSchema, dump_only=True, allow_none=True)
    accepted_by = fields.String(dump_only=True)
    accepted_at = fields.AwareDateTime(dump_only=True)


class UploadQuerySchema(Schema):
    """What a report file is handed in for. Its bytes are the body of the request."""

    requirement = Text(64, shortest=1, required=True)
    release = release_id(load_default=None)
    tool = Text(40, load_default="", metadata={"description": "Left out, the file says itself what it is"})
    name = Text(200, load_default="", metadata={"description": "The name of the file"})
    expires_at = Moment(load_default=None)


class WaiverSchema(ReasonSchema):
    """A requirement that somebody lets pass for a while, because a trigger watches in its place."""

    id = fields.Integer(dump_only=True)
    requirement = Text(64, shortest=1, required=True)
    release = release_id(load_default=None, allow_none=True)
    trigger = Key(required=True)
    expires_at = Moment(required=True)
    approver = fields.String(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)
    revoked_at = fields.AwareDateTime(dump_only=True, allow_none=True)


class MeasurementSchema(Schema):
    """A value of the business metric, as of a moment."""

    id = fields.Integer(dump_only=True)
    value = Number(required=True)
    at = Moment(load_default=None, allow_none=True)
    note = Text(1000, load_default="")
    reported_by = fields.String(dump_only=True)
    reported_at = fields.AwareDateTime(dump_only=True)


class GroupSchema(Schema):
    """People whose word a plan may ask for, by their actor names."""

    key = fields.String(dump_only=True)
    members = fields.List(Text(200, shortest=1), required=True)


class TighteningSchema(ReasonSchema):
    """Where a project asks for more than the installation's plans, in the form of docs/plans.md."""

    tightening = fields.Dict(keys=fields.String(), required=True, allow_none=True)


class PlansSchema(Schema):
    """The plans that a project follows, per tier and stage, and its own part of them."""

    requirements = fields.Dict(keys=fields.String())
    tiers = fields.Dict(keys=fields.String())
    tightening = fields.Dict(allow_none=True)
