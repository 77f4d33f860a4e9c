"""Who may sign in. To whom everything is open is said here too."""

from __future__ import annotations

from typing import Any

from controller.api import people_schemas
from controller.api.auth import actor, services
from controller.api.paging import page_of
from controller.api.parsing import Blueprint
from controller.errors import NotFound
from controller.members import Invited
from controller.store.users import User, all_users, find_user

blueprint = Blueprint("users", __name__, url_prefix="/api/v1/users", description="Who may sign in")


@blueprint.get("")
@blueprint.response(200, page_of(people_schemas.UserSchema))
def list_users() -> dict[str, Any]:
    """Everybody who was ever let in."""
    with services().database.read() as tx:
        return {"items": all_users(tx), "next_cursor": None}


@blueprint.post("")
@blueprint.arguments(people_schemas.UserSchema)
@blueprint.response(201, people_schemas.InvitedSchema)
def invite_user(content: dict[str, Any]) -> Invited:
    """Let somebody in. The one-time password is in this answer and nowhere else."""
    return services().members.invite(content["email"], actor(), is_admin=content["is_admin"])


@blueprint.get("/<email>")
@blueprint.response(200, people_schemas.UserSchema)
def show_user(email: str) -> User:
    """One user."""
    with services().database.read() as tx:
        user = find_user(tx, email)
    if user is None:
        raise NotFound("user", email)
    return user


@blueprint.patch("/<email>")
@blueprint.arguments(people_schemas.UserChangeSchema)
@blueprint.response(200, people_schemas.InvitedSchema)
def change_user(content: dict[str, Any], email: str) -> Invited:
    """Open everything to somebody, or no more; deactivate them, or activate them with a new one-time password."""
    return services().members.change(email, actor(), **content)


@blueprint.post("/<email>/password")
@blueprint.response(201, people_schemas.InvitedSchema)
def give_password(email: str) -> Invited:
    """Give somebody a new one-time password, and sign them out everywhere."""
    return services().members.give_password(email, actor())
