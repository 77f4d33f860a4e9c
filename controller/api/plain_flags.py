"""Plain flags: one by one, and as a flagd file."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from controller.api import flag_schemas, schemas
from controller.api.auth import actor, services
from controller.api.expectations import expected_version, with_version
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint, read_json_file
from controller.api.spec import ETAG
from controller.errors import Conflict, Problem
from controller.flags.plain import flag_file
from controller.flags.staleness import StaleReport, stale_report
from controller.plain_flags import Place
from controller.rollouts import locate_environment
from controller.store.plain_flags import PlainFlag, flag_set_of, get_plain_flag, plain_flags_in

blueprint = Blueprint(
    "plain_flags",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>",
    description="Flags that a team defines itself",
)

FLAG_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A flagd file as it is, at most 20 MB",
        "content": {"application/json": {"schema": flag_schemas.FlagFileSchema}},
    }
}


@blueprint.get("/flags")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(flag_schemas.PlainFlagViewSchema))
def list_flags(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """The plain flags of an environment, in the order they were made."""
    with services().database.read() as tx:
        id = locate_environment(tx, project, environment).id
        found = plain_flags_in(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda flag: flag.id, flag_view)


@blueprint.get("/flags/<key>")
@blueprint.response(200, flag_schemas.PlainFlagViewSchema, headers=ETAG)
def show_flag(project: str, environment: str, key: str) -> Any:
    """One plain flag."""
    with services().database.read() as tx:
        flag = get_plain_flag(tx, locate_environment(tx, project, environment).id, key)
    return with_version(flag_view(flag), flag.version)


@blueprint.put("/flags/<key>")
@blueprint.arguments(flag_schemas.PlainFlagSchema)
@blueprint.arguments(schemas.ExpectationSchema, location="headers", unknown="exclude")
@blueprint.response(200, flag_schemas.PlainFlagViewSchema, headers=ETAG)
@blueprint.alt_response(201, schema=flag_schemas.PlainFlagViewSchema, headers=ETAG, description="It is new")
def set_flag(
    content: dict[str, Any], headers: dict[str, Any], project: str, environment: str, key: str
) -> Any:
    """Make a flag, or say anew what one is; what is not sent is as if it was never said."""
    place, reason = Place(project, environment), content.pop("reason")
    version = expected_version(headers)
    flag, is_new = services().plain_flags.set(place, key, content, actor(), reason, version)
    content, _, sent = with_version(flag_view(flag), flag.version)
    return content, 201 if is_new else 200, sent


@blueprint.delete("/flags/<key>")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.arguments(schemas.ExpectationSchema, location="headers", unknown="exclude")
@blueprint.response(204)
def delete_flag(
    content: dict[str, Any], headers: dict[str, Any], project: str, environment: str, key: str
) -> None:
    """Delete a flag. Its key is not given out again; it can be revived as what it was."""
    place, version = Place(project, environment), expected_version(headers)
    services().plain_flags.delete(place, key, actor(), content["reason"], version)


@blueprint.post("/flags/<key>/revive")
@blueprint.arguments(flag_schemas.RevivalSchema)
@blueprint.response(200, flag_schemas.PlainFlagViewSchema, headers=ETAG)
def revive_flag(content: dict[str, Any], project: str, environment: str, key: str) -> Any:
    """Let a deleted flag be there again as it was."""
    place, type, reason = Place(project, environment), content["type"], content["reason"]
    flag = services().plain_flags.revive(place, key, type, actor(), reason)
    return with_version(flag_view(flag), flag.version)


@blueprint.get("/stale-flags")
@blueprint.arguments(flag_schemas.StaleQuery, location="query")
@blueprint.response(200, flag_schemas.StaleReportSchema)
def list_stale_flags(query: dict[str, Any], project: str, environment: str) -> StaleReport:
    """Flags that nobody asked for in some days, or that gave everybody the same answer."""
    services().receipts.flush_if_possible()
    with services().database.read() as tx:
        found = locate_environment(tx, project, environment)
        return stale_report(tx, found, query["days"], services().now())


@blueprint.get("/flag-file")
@blueprint.response(200, flag_schemas.FlagFileSchema)
def export_flags(project: str, environment: str) -> Response:
    """The plain flags of an environment as a flagd file, which can be imported as it is."""
    with services().database.read() as tx:
        id = locate_environment(tx, project, environment).id
        flags, shared = plain_flags_in(tx, id), flag_set_of(tx, id)
    refuse_broken([flag.key for flag in flags if flag.broken])
    return Response(json.dumps(flag_file(flags, shared), ensure_ascii=False), mimetype="application/json")


@blueprint.post("/flag-file")
@blueprint.arguments(flag_schemas.FileQuery, location="query")
@blueprint.response(200, flag_schemas.FlagImportSchema)
@blueprint.doc(**FLAG_FILE)
def import_flags(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """Take a flagd file over as it is, or refuse all of it with everything that is wrong with it."""
    done = services().plain_flags.read_in(
        Place(project, environment), read_json_file(request), actor(), **query
    )
    return {
        "created": sorted(done.created),
        "changed": sorted(done.changed),
        "deleted": sorted(flag.key for flag in done.deleted),
        "shared": list(done.shared),
        "unchanged": done.unchanged,
        "dry_run": query["dry_run"],
    }


def refuse_broken(keys: list[str]) -> None:
    """A file that lacked a flag would delete it where it replaces what is there."""
    if keys:
        message = f"{', '.join(keys[:10])} cannot be read, and would be missing in the file"
        raise Conflict("broken", message, Problem("flags", message, "set them anew, or delete them, first"))


def flag_view(flag: PlainFlag) -> dict[str, Any]:
    """A flag with its definition beside what else is known of it."""
    names = ("state", "variants", "defaultVariant", "targeting", "metadata")
    defined = {name: flag.definition.get(name) for name in names}
    known = {name: getattr(flag, name) for name in type(flag).__slots__ if name != "definition"}
    return defined | known | {"broken": flag.broken or None}
