"""How the console says what roles are for, and why somebody may not do something."""

from __future__ import annotations

from collections.abc import Mapping

from controller.permissions import Permission, Role, roles_for

ROLES: Mapping[Role, str] = {
    Role.VIEWER: "Sees everything in the project, and changes nothing.",
    Role.OPERATOR: "On call: stops, narrows, reverts, mutes for a while, acknowledges, works on incidents.",
    Role.OWNER: "Describes features, hands in evidence, sets triggers, asks for promotions, and resumes.",
    Role.APPROVER: "Gives the second person’s word: promotions, waivers, looser triggers, reviews.",
    Role.ADMIN: "All of that, and keys, members, environments, destinations and groups.",
}

DOING: Mapping[Permission, str] = {
    Permission.READ: "Seeing it",
    Permission.REDUCE: "Going down",
    Permission.EDIT: "Changing it",
    Permission.APPROVE: "Approving",
    Permission.BREAK_GLASS: "Breaking the glass",
    Permission.ADMINISTER: "Administering",
}


def why_not(permission: Permission, project: str, ask: str) -> str:
    """Why somebody may not do something in a project, and who could; without a project, in the whole installation."""
    roles = roles_for(permission)
    if not project:
        takes = "an admin of the installation"
    elif roles:
        takes = f"the role {' or '.join(roles)}"
    else:
        takes = "a mark of its own, which an admin of the installation gives"
    return f"{DOING[permission]} takes {takes}. Ask {ask}."
