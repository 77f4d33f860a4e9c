"""What goes in and out of the API about incidents."""

from __future__ import annotations

from enum import StrEnum

from marshmallow import Schema, fields

from controller.api.fields import Choice, Text, Truth
from controller.api.paging import PageQuery
from stages import FollowUp


class Wanted(StrEnum):
    """Which incidents somebody asks for: those of one status, or those that are not closed."""

    OPEN = "open"
    CONTAINED = "contained"
    RESTORED = "restored"
    VERIFIED = "verified"
    CLOSED = "closed"


class IncidentQuery(PageQuery):
    """Which incidents of a project."""

    status = Choice(Wanted)
    environment = Text(63)
    feature = Text(63)


class IncidentSchema(Schema):
    """A revert and what became of it. The times to contain, restore and verify are seconds since ``began_at``."""

    id = fields.Integer()
    feature = fields.String()
    environment = fields.String()
    status = fields.String()
    reason = fields.String()
    release_from = fields.String()
    release_to = fields.String()
    was_candidate = fields.Boolean()
    revision = fields.Integer()
    propagation_s = fields.Integer()
    began_at = fields.AwareDateTime()
    opened_at = fields.AwareDateTime()
    opened_by = fields.String()
    restored_at = fields.AwareDateTime(allow_none=True)
    verified_at = fields.AwareDateTime(allow_none=True)
    verified_by = fields.String()
    closed_at = fields.AwareDateTime(allow_none=True)
    closed_by = fields.String()
    by_hand = fields.Boolean()
    follow_up = fields.String()
    resolution = fields.String()
    time_to_contain_s = fields.Integer()
    time_to_restore_s = fields.Integer(allow_none=True)
    time_to_verify_s = fields.Integer(allow_none=True)


class PointerMoveSchema(Schema):
    """One pointer that has to follow the flag. ``expected`` or ``target`` is empty if its release did not say."""

    number = fields.Integer()
    registry = fields.String()
    name = fields.String()
    pointer = fields.String()
    expected = fields.String()
    target = fields.String()
    status = fields.String()
    forced = fields.Boolean()
    attempts = fields.Integer()
    message = fields.String()
    due_at = fields.AwareDateTime(allow_none=True)
    settled_at = fields.AwareDateTime(allow_none=True)


class EventSchema(Schema):
    """What was done about an incident. The same thing done ``times`` in a row is told once, ``until`` the last time."""

    at = fields.AwareDateTime()
    until = fields.AwareDateTime()
    times = fields.Integer()
    what = fields.String()
    actor = fields.String()
    number = fields.Integer(allow_none=True)
    result = fields.String()
    message = fields.String()


class IncidentDetailSchema(IncidentSchema):
    """An incident with all that belongs to it. ``verification`` is what the answers show of it."""

    verification = fields.String()
    pointer_moves = fields.List(fields.Nested(PointerMoveSchema))
    timeline = fields.List(fields.Nested(EventSchema))


class ClosingSchema(Schema):
    """How an incident ends."""

    follow_up = Choice(FollowUp, required=True)
    text = Text(4000, shortest=1, required=True, metadata={"description": "What was or will be done"})
    by_hand = Truth(load_default=False, metadata={"description": "Close it although not all of it is done"})
    reason = Text(1000, load_default="", metadata={"description": "Why it is closed by hand"})
