"""The rules of a project: its plans, and the groups whose word they ask for."""

from __future__ import annotations

from typing import Any

from controller.api import evidence_schemas
from controller.api.auth import actor, services
from controller.api.fields import KEY
from controller.api.paging import page_of
from controller.api.parsing import Blueprint
from controller.api.spec import key_in_path
from controller.cases import tightened
from controller.store.groups import Group, groups_of
from controller.store.projects import Project, get_project

blueprint = Blueprint(
    "governance", __name__, url_prefix="/api/v1/projects/<project>", description="Plans and groups"
)


@blueprint.get("/plans")
@blueprint.response(200, evidence_schemas.PlansSchema)
def show_plans(project: str) -> dict[str, Any]:
    """What the plans of a project ask for, per tier and stage."""
    with services().database.read() as tx:
        return _plans_view(get_project(tx, project))


@blueprint.put("/plans")
@blueprint.arguments(evidence_schemas.TighteningSchema)
@blueprint.response(200, evidence_schemas.PlansSchema)
def tighten_plans(content: dict[str, Any], project: str) -> dict[str, Any]:
    """Say where a project asks for more than the installation; whatever asks for less is refused by name."""
    reason = content["reason"]
    return _plans_view(services().governance.tighten(project, content["tightening"], actor(), reason))


@blueprint.get("/groups")
@blueprint.response(200, page_of(evidence_schemas.GroupSchema))
def list_groups(project: str) -> dict[str, Any]:
    """The groups of a project and who belongs to them."""
    with services().database.read() as tx:
        return {"items": groups_of(tx, get_project(tx, project).id), "next_cursor": None}


@blueprint.put("/groups/<group>")
@blueprint.arguments(evidence_schemas.GroupSchema)
@blueprint.response(200, evidence_schemas.GroupSchema)
def set_group(content: dict[str, Any], project: str, group: str) -> Group:
    """Say who belongs to a group, whoever belonged to it before."""
    key_in_path("group", group, KEY)
    return services().governance.set_group(project, group, content["members"], actor())


def _plans_view(project: Project) -> dict[str, Any]:
    plans = tightened(services().plans, project)
    return {**plans.as_json(), "tightening": project.tightening}
