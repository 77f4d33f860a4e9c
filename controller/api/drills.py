"""Kill drills: how a stop is rehearsed, and how each rehearsal went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.api import drill_schemas, schemas
from controller.api.auth import actor, services
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.plain_flags import Place
from controller.rollouts import locate_environment
from controller.store.drills import Drill, DrillRun, get_run, runs_of

blueprint = Blueprint(
    "drills",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/drill",
    description="Rehearsing a stop",
)


@blueprint.get("")
@blueprint.response(200, drill_schemas.DrillSchema)
def show_drill(project: str, environment: str) -> Drill:
    """How an environment rehearses a stop."""
    return services().drills.look(Place(project, environment))


@blueprint.patch("")
@blueprint.arguments(drill_schemas.DrillChangeSchema)
@blueprint.response(200, drill_schemas.DrillSchema)
def configure_drill(content: dict[str, Any], project: str, environment: str) -> Drill:
    """Say how an environment rehearses a stop; what is not sent stays."""
    reason = content.pop("reason")
    return services().drills.configure(Place(project, environment), content, actor(), reason)


@blueprint.get("/runs")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(drill_schemas.DrillRunSchema))
def list_runs(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """The drills of an environment, newest first."""
    with services().database.read() as tx:
        id = locate_environment(tx, project, environment).id
        found = runs_of(tx, id, after(query), query["limit"] + 1)
    return page(found, query["limit"], lambda run: run.id, run_view)


@blueprint.post("/runs")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(202, drill_schemas.DrillRunSchema)
def begin_run(content: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """Rehearse a stop now."""
    return run_view(services().drills.begin(Place(project, environment), actor(), content["reason"]))


@blueprint.get("/runs/<row:id>")
@blueprint.response(200, drill_schemas.DrillRunSchema)
def show_run(project: str, environment: str, id: int) -> dict[str, Any]:
    """One drill."""
    with services().database.read() as tx:
        return run_view(get_run(tx, locate_environment(tx, project, environment).id, id))


def run_view(run: DrillRun) -> dict[str, Any]:
    """A drill, with its time as a number."""
    took_ms = None if run.took is None else run.took / timedelta(milliseconds=1)
    return {name: getattr(run, name) for name in type(run).__slots__} | {"took_ms": took_ms}
