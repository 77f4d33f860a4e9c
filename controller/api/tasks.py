"""What triggers ask people to do."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from controller.api.auth import actor, services
from controller.api.fields import Key, Text
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.store.tasks import Task

blueprint = Blueprint(
    "tasks",
    __name__,
    url_prefix="/api/v1/projects/<project>/tasks",
    description="What triggers ask people to do",
)


class TaskQuery(PageQuery):
    """Which tasks are wanted."""

    status = fields.String(validate=validate.OneOf(["open", "closed"]))
    feature = Key()


class TaskSchema(Schema):
    """Something to be done about a feature."""

    id = fields.Integer()
    feature = fields.String()
    environment = fields.String()
    kind = fields.String()
    owner = fields.String()
    reason = fields.String()
    opened_by = fields.String()
    opened_at = fields.AwareDateTime()
    closed_by = fields.String()
    closed_at = fields.AwareDateTime(allow_none=True)
    resolution = fields.String()


class ResolutionSchema(Schema):
    """What came of a task."""

    resolution = Text(4000, shortest=1, required=True)


@blueprint.get("")
@blueprint.arguments(TaskQuery, location="query")
@blueprint.response(200, page_of(TaskSchema))
def list_tasks(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The tasks of a project, newest first."""
    is_open = {"open": True, "closed": False}.get(query.get("status", ""))
    found = services().tasks.of(
        project,
        is_open=is_open,
        feature=query.get("feature"),
        before=after(query),
        limit=query["limit"] + 1,
    )
    return page(found, query["limit"], lambda task: task.id, _plain)


@blueprint.post("/<row:id>/close")
@blueprint.arguments(ResolutionSchema)
@blueprint.response(200, TaskSchema)
def close_task(content: dict[str, Any], project: str, id: int) -> Task:
    """Say that it is done, or will not be."""
    return services().tasks.close(project, id, actor(), content["resolution"])


def _plain(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in Task.__slots__}
