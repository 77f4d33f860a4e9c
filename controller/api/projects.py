"""Projects, environments, metric sources, changes and API keys."""

from __future__ import annotations

from typing import Any

from controller.actors import ActorKind
from controller.api import schemas
from controller.api.auth import actor, refuse_to_hand_out, rights, services
from controller.api.fields import Choice, Moment, Text
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.errors import InvalidInput, Problem
from controller.permissions import granted
from controller.sealing import shown
from controller.sources import Tried
from controller.store.audit import Sought, find_changes
from controller.store.changes import RecordedChange
from controller.store.keys import ApiKey, keys_of
from controller.store.projects import (
    Environment,
    Project,
    all_projects,
    environments_of,
    get_environment,
    get_project,
)
from controller.store.sources import StoredSource, sources_of

blueprint = Blueprint(
    "projects", __name__, url_prefix="/api/v1/projects", description="Projects and what they share"
)


class ChangesQuery(PageQuery):
    """Which changes are sought. ``since`` is included, ``until`` is not."""

    text = Text(200, metadata={"description": "Words that stand anywhere in a change"})
    feature = Text(63)
    environment = Text(63)
    name = Text(63, metadata={"description": "What was done, such as disable or trigger.change"})
    actor_kind = Choice(ActorKind, attribute="kind")
    since = Moment()
    until = Moment()


@blueprint.get("")
@blueprint.response(200, page_of(schemas.ProjectSchema))
def list_projects() -> dict[str, Any]:
    """The projects this key can see."""
    with services().database.read() as tx:
        mine = [project for project in all_projects(tx) if rights().sees(project.id)]
    return {"items": mine, "next_cursor": None}


@blueprint.post("")
@blueprint.arguments(schemas.ProjectSchema)
@blueprint.response(201, schemas.ProjectSchema)
def make_project(content: dict[str, Any]) -> Project:
    """Make a project."""
    return services().catalog.make_project(content["key"], content["name"], content["business_unit"], actor())


@blueprint.get("/<project>")
@blueprint.response(200, schemas.ProjectSchema)
def show_project(project: str) -> Project:
    """One project."""
    with services().database.read() as tx:
        return get_project(tx, project)


@blueprint.get("/<project>/environments")
@blueprint.response(200, page_of(schemas.EnvironmentSchema))
def list_environments(project: str) -> dict[str, Any]:
    """The environments of a project."""
    with services().database.read() as tx:
        return {"items": environments_of(tx, get_project(tx, project).id), "next_cursor": None}


@blueprint.post("/<project>/environments")
@blueprint.arguments(schemas.EnvironmentSchema)
@blueprint.response(201, schemas.EnvironmentSchema)
def make_environment(content: dict[str, Any], project: str) -> Environment:
    """Make an environment; every feature of the project begins its way there."""
    protected = content["protected"]
    return services().catalog.make_environment(
        project, content["key"], content["name"], actor(), protected=protected
    )


@blueprint.get("/<project>/environments/<environment>")
@blueprint.response(200, schemas.EnvironmentSchema)
def show_environment(project: str, environment: str) -> Environment:
    """One environment."""
    with services().database.read() as tx:
        return get_environment(tx, get_project(tx, project).id, environment)


@blueprint.get("/<project>/sources")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.SourceSchema))
def list_sources(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The metric sources of a project."""
    with services().database.read() as tx:
        found = sources_of(tx, get_project(tx, project).id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda source: source.id, _shown)


@blueprint.post("/<project>/sources")
@blueprint.arguments(schemas.SourceSchema)
@blueprint.response(201, schemas.SourceSchema)
def connect_source(content: dict[str, Any], project: str) -> dict[str, Any]:
    """Connect a metric source."""
    return _shown(
        services().sources.connect(project, content["key"], content["kind"], content["settings"], actor())
    )


@blueprint.put("/<project>/sources/<source>")
@blueprint.arguments(schemas.SourceSettingsSchema)
@blueprint.response(200, schemas.SourceSchema)
def change_source(content: dict[str, Any], project: str, source: str) -> dict[str, Any]:
    """Give a metric source other settings. A secret sent as *** stays, as long as its address does."""
    return _shown(services().sources.change(project, source, content["settings"], actor()))


@blueprint.post("/<project>/sources/<source>/test")
@blueprint.response(200, schemas.TriedSourceSchema)
def test_source(project: str, source: str) -> Tried:
    """Ask a metric source something that costs little, and change nothing."""
    return services().sources.test(project, source)


@blueprint.get("/<project>/changes")
@blueprint.arguments(ChangesQuery, location="query")
@blueprint.response(200, page_of(schemas.ChangeSchema))
def list_changes(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The record of changes, or what is sought of it, newest first."""
    before, limit = after(query), query.pop("limit")
    query.pop("cursor", None)
    with services().database.read() as tx:
        id = get_project(tx, project).id
        found = find_changes(tx, id, Sought(**query), before=before, limit=limit + 1)
    return page(found, limit, lambda change: change.seq, vars_of)


@blueprint.get("/<project>/keys")
@blueprint.response(200, page_of(schemas.ApiKeySchema))
def list_keys(project: str) -> dict[str, Any]:
    """The API keys of a project, without their secrets."""
    with services().database.read() as tx:
        return {"items": keys_of(tx, get_project(tx, project).id), "next_cursor": None}


@blueprint.post("/<project>/keys")
@blueprint.arguments(schemas.ApiKeySchema)
@blueprint.response(201, schemas.NewApiKeySchema)
def make_key(content: dict[str, Any], project: str) -> dict[str, Any]:
    """Make an API key. Its text is in this answer and nowhere else."""
    kind, environment = content["kind"], content["environment"]
    if kind.is_of_environment != (environment is not None):
        told = "goes with server and client keys, and with no other"
        raise InvalidInput(Problem("environment", told, "name it for those only"))
    roles, may_break_glass = content["roles"], content["may_break_glass"]
    refuse_to_hand_out(project, granted(roles, may_break_glass=may_break_glass))
    made, text = services().catalog.make_key(
        project,
        kind,
        content["name"],
        environment,
        actor(),
        roles=roles,
        may_break_glass=may_break_glass,
        expires_at=content["expires_at"],
    )
    return vars_of(made) | {"text": text}


@blueprint.patch("/<project>/keys/<id>")
@blueprint.arguments(schemas.KeyExpirySchema)
@blueprint.response(200, schemas.ApiKeySchema)
def expire_key(content: dict[str, Any], project: str, id: str) -> ApiKey:
    """Let a key run out, while the one that takes its place is brought to where it is used."""
    return services().keys.let_expire(project, id, content["expires_at"], actor())


@blueprint.delete("/<project>/keys/<id>")
@blueprint.response(200, schemas.ApiKeySchema)
def revoke_key(project: str, id: str) -> ApiKey:
    """Make a key useless from now on."""
    return services().catalog.revoke_key(project, id, actor())


def _shown(source: StoredSource) -> dict[str, Any]:
    """A source without its secrets."""
    return vars_of(source) | {"settings": shown(source.settings)}


def vars_of(record: StoredSource | RecordedChange | ApiKey) -> dict[str, Any]:
    """The fields of a record by their names."""
    return {name: getattr(record, name) for name in type(record).__slots__}
