"""Users and members, as they go over the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from controller.api.fields import Choice, Pattern, Truth
from controller.permissions import Role

_ADDRESS = r"[^\s@/\x00-\x1f\x7f]{1,64}@[^\s@/\x00-\x1f\x7f]{1,255}"


class Address(fields.String):
    """An e-mail address, as far as Headgate cares: it sends nothing there."""

    def __init__(self, **kwargs: object) -> None:
        # What marshmallow takes by name is not told to mypy through **kwargs.
        super().__init__(validate=Pattern(_ADDRESS, error="An address reads ada@example.com."), **kwargs)  # type: ignore[arg-type]


class UserSchema(Schema):
    """Somebody who may sign in to the console."""

    email = Address(required=True)
    is_admin = Truth(load_default=False, metadata={"description": "Whether everything is open to them"})
    admin_by_group = fields.Boolean(dump_only=True)
    is_active = fields.Function(lambda user: user.deactivated_at is None, dump_only=True)
    must_change_password = fields.Boolean(dump_only=True)
    let_in_by = fields.String(dump_only=True)
    created_at = fields.AwareDateTime(dump_only=True)
    last_sign_in_at = fields.AwareDateTime(dump_only=True, allow_none=True)
    deactivated_at = fields.AwareDateTime(dump_only=True, allow_none=True)


class UserChangeSchema(Schema):
    """What is to be said of a user; what is left out stays."""

    is_admin = Truth()
    is_active = Truth()


class InvitedSchema(Schema):
    """A user, at the only moment a new one-time password is shown; null if none was made."""

    user = fields.Nested(UserSchema)
    one_time_password = fields.String(attribute="password", allow_none=True)


class MemberRolesSchema(Schema):
    """The roles of a member."""

    roles = fields.List(Choice(Role), required=True, validate=validate.Length(min=1, max=len(Role)))
    may_break_glass = Truth(load_default=False)


class ProjectMemberSchema(Schema):
    """Somebody with a role in a project. ``by_group`` are the roles that groups of the identity provider bring."""

    email = fields.String()
    roles = fields.List(Choice(Role))
    by_group = fields.List(Choice(Role))
    permissions = fields.List(fields.String())
    may_break_glass = fields.Boolean()
    is_active = fields.Boolean()
    last_sign_in_at = fields.AwareDateTime(allow_none=True)


class SetMemberSchema(ProjectMemberSchema):
    """A member, with the one-time password of somebody who was not known before."""

    one_time_password = fields.String(allow_none=True)
