"""Which instances of product code run which revision."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from controller.api import instance_schemas
from controller.api.auth import services
from controller.api.paging import after, page, page_of
from controller.api.parsing import Blueprint
from controller.flags.spread import Spread, is_live, lag_of, spread
from controller.rollouts import locate_environment
from controller.store.instances import Instance, instances_in, revision_times

blueprint = Blueprint(
    "instances",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/instances",
    description="Who runs which revision",
)


@blueprint.get("")
@blueprint.arguments(instance_schemas.InstancesQuery, location="query")
@blueprint.response(200, page_of(instance_schemas.InstanceSchema))
def list_instances(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """The instances that reported within a day, in the order they were first heard of."""
    services().receipts.flush_if_possible()
    with services().database.read() as tx:
        found = locate_environment(tx, project, environment)
        items = instances_in(tx, found.id, after(query) or 0, query["limit"] + 1)
        times = revision_times(tx, found.id)
    now, unseen_after = services().now(), timedelta(minutes=query["minutes"])

    def view(instance: Instance) -> dict[str, Any]:
        lag = lag_of(instance, times, found.revision, now)
        known = {"is_live": is_live(instance, now, unseen_after), "lag_s": _seconds(lag)}
        return asdict(instance) | known

    return page(items, query["limit"], lambda instance: instance.id, view)


@blueprint.get("/summary")
@blueprint.arguments(instance_schemas.SpreadQuery, location="query")
@blueprint.response(200, instance_schemas.SpreadSchema)
def summarise(query: dict[str, Any], project: str, environment: str) -> dict[str, Any]:
    """How far a revision has come."""
    unseen_after = timedelta(minutes=query["minutes"])
    return spread_view(spread_of(project, environment, query.get("revision"), unseen_after))


def spread_of(project: str, environment: str, revision: int | None, unseen_after: timedelta) -> Spread:
    """How far a revision has come, or the newest one."""
    services().receipts.flush_if_possible()
    with services().database.read() as tx:
        found = locate_environment(tx, project, environment)
        instances, times = instances_in(tx, found.id), revision_times(tx, found.id)
    now: datetime = services().now()
    return spread(instances, times, revision or found.revision, now, unseen_after)


def spread_view(found: Spread) -> dict[str, Any]:
    """How far a revision has come, with its times as numbers."""
    after_ms = None if found.after is None else found.after / timedelta(milliseconds=1)
    said = {"is_everywhere": found.is_everywhere, "sentence": found.sentence}
    return asdict(found) | said | {"after_ms": after_ms, "oldest_lag_s": _seconds(found.oldest_lag)}


def _seconds(lag: timedelta | None) -> float | None:
    return None if lag is None else lag.total_seconds()
