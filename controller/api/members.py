"""Who may do what in a project."""

from __future__ import annotations

from typing import Any

from controller.api import people_schemas
from controller.api.auth import actor, refuse_to_hand_out, services
from controller.api.paging import page_of
from controller.api.parsing import Blueprint, load
from controller.permissions import Permission, granted
from controller.store.memberships import Member, members_of
from controller.store.projects import get_project

blueprint = Blueprint(
    "members",
    __name__,
    url_prefix="/api/v1/projects/<project>/members",
    description="Who may do what in a project",
)


@blueprint.get("")
@blueprint.response(200, page_of(people_schemas.ProjectMemberSchema))
def list_members(project: str) -> dict[str, Any]:
    """The members of a project, by their addresses."""
    with services().database.read() as tx:
        id = get_project(tx, project).id
        found = members_of(tx, [id])[id]
    return {"items": [member_view(member) for member in found], "next_cursor": None}


@blueprint.put("/<email>")
@blueprint.arguments(people_schemas.MemberRolesSchema)
@blueprint.response(200, people_schemas.SetMemberSchema)
def set_member(content: dict[str, Any], project: str, email: str) -> dict[str, Any]:
    """Say which roles somebody has, whichever they had. Whoever is not known is let in, with a one-time password."""
    load(people_schemas.UserSchema(only=["email"]), {"email": email})
    refuse_to_hand_out(project, granted(content["roles"], may_break_glass=content["may_break_glass"]))
    member, password = services().members.set_member(project, email, actor=actor(), **content)
    return member_view(member) | {"one_time_password": password}


@blueprint.delete("/<email>")
@blueprint.response(204)
def remove_member(project: str, email: str) -> None:
    """Take from somebody what was given to them here."""
    services().members.remove_member(project, email, actor())


def member_view(member: Member) -> dict[str, Any]:
    """A member as the API shows it."""
    given = member.given
    return {
        "email": member.user.email,
        "roles": given.roles if given else (),
        "by_group": [role for each in member.memberships if each.by_group for role in each.roles],
        "permissions": [each.value for each in Permission if each in member.granted],
        "may_break_glass": Permission.BREAK_GLASS in member.granted,
        "is_active": member.user.deactivated_at is None,
        "last_sign_in_at": member.user.last_sign_in_at,
    }
