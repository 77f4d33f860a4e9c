"""The prompt registries whose pointers a revert moves."""

from __future__ import annotations

from typing import Any

from controller.api import registry_schemas
from controller.api.auth import actor, services
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.registries import Pointer
from controller.registry_desk import Tried
from controller.store.projects import get_project
from controller.store.registries import StoredRegistry, registries_of

blueprint = Blueprint(
    "registries",
    __name__,
    url_prefix="/api/v1/projects/<project>/registries",
    description="Prompt registries whose pointers a revert moves",
)


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(registry_schemas.RegistrySchema))
def list_registries(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The registries of a project."""
    with services().database.read() as tx:
        found = registries_of(tx, get_project(tx, project).id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda registry: registry.id, _plain)


@blueprint.post("")
@blueprint.arguments(registry_schemas.RegistrySchema)
@blueprint.response(201, registry_schemas.RegistrySchema)
def connect_registry(content: dict[str, Any], project: str) -> StoredRegistry:
    """Connect a registry."""
    return services().registries.connect(
        project, content["key"], content["kind"], content["settings"], actor()
    )


@blueprint.put("/<registry>")
@blueprint.arguments(registry_schemas.RegistrySettingsSchema)
@blueprint.response(200, registry_schemas.RegistrySchema)
def change_registry(content: dict[str, Any], project: str, registry: str) -> StoredRegistry:
    """Reach a registry by other settings; its kind stays."""
    return services().registries.change(project, registry, content["settings"], actor())


@blueprint.delete("/<registry>")
@blueprint.response(204)
def disconnect_registry(project: str, registry: str) -> None:
    """Forget a registry, unless a revert still has pointers of it to move."""
    services().registries.disconnect(project, registry, actor())


@blueprint.post("/<registry>/test")
@blueprint.arguments(registry_schemas.PointerQuerySchema)
@blueprint.response(200, registry_schemas.TriedSchema)
def test_registry(content: dict[str, Any], project: str, registry: str) -> Tried:
    """Read where a pointer is now, and change nothing."""
    return services().registries.test(project, registry, Pointer(**content))


def _plain(record: StoredRegistry) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}
