"""Ramps, and what the triggers would notice before anybody is exposed."""

from __future__ import annotations

from typing import Any

from controller.api import ramp_schemas, schemas
from controller.api.auth import actor, services
from controller.api.parsing import Blueprint
from controller.forecasts import Forecast
from controller.ramps import RampStanding
from controller.rollouts import Where, locate
from stages import Stage

blueprint = Blueprint(
    "ramps",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>",
    description="How exposure grows by itself, and what would be noticed meanwhile",
)


@blueprint.get("/ramp")
@blueprint.response(200, ramp_schemas.RampSchema)
def show_ramp(project: str, environment: str, feature: str) -> dict[str, Any]:
    """Where the ramp of a rollout stands, and why it does not go on."""
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        return ramp_view(services().ramps.standing(tx, stored))


@blueprint.post("/ramp")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, ramp_schemas.RampSchema)
def start_ramp(content: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Start the ramp from the present share, or let it go on after a pause."""
    where = Where(project, environment, feature)
    return ramp_view(services().ramps.start(where, actor(), content["reason"]))


@blueprint.post("/ramp/pause")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, ramp_schemas.RampSchema)
def pause_ramp(content: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Let the ramp wait until a person lets it go on; what it has earned stays."""
    where = Where(project, environment, feature)
    return ramp_view(services().ramps.pause(where, actor(), content["reason"]))


@blueprint.post("/ramp/approvals")
@blueprint.arguments(schemas.SeenSchema, location="headers", unknown="exclude")
@blueprint.response(201, ramp_schemas.RampSchema)
def approve_step(headers: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Agree to the next step as it is now, or as it was seen."""
    where, seen = Where(project, environment, feature), headers.get("if_match")
    return ramp_view(services().ramps.approve(where, actor(), seen.strip('"') if seen else None))


@blueprint.get("/forecast")
@blueprint.arguments(ramp_schemas.ForecastQuerySchema, location="query")
@blueprint.response(200, ramp_schemas.ForecastSchema)
def show_forecast(query: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """How long the triggers would take to notice twice their limits in a stage."""
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        stage = Stage(query.pop("stage"))
        return forecast_view(services().forecasts.forecast(tx, stored, stage, **query))


def ramp_view(standing: RampStanding) -> dict[str, Any]:
    """A ramp as the API shows it."""
    step, following = standing.step, standing.next
    return {
        "state": standing.state.value,
        "why": standing.why,
        "started_by": standing.started_by,
        "share": standing.share,
        "next_share": following.share if following else None,
        "step_since": standing.step_since,
        "credited_s": standing.credited_s,
        "hold_s": step.hold_s if step else 0,
        "answers": standing.answers,
        "min_samples": step.min_samples if step else 0,
        "approvals": following.approvals if following else 0,
        "approved_by": sorted(standing.agreed),
        "next_at": standing.next_at,
        "seen": standing.seen,
    }


def forecast_view(forecast: Forecast) -> dict[str, Any]:
    """A forecast as the API shows it."""
    return {
        "stage": forecast.stage.value,
        "share": forecast.share,
        "traffic": forecast.traffic.value,
        "answers_per_hour": forecast.answers_per_hour,
        "planned_s": forecast.planned_s,
        "sentences": forecast.sentences,
        "triggers": [
            {
                "trigger": each.trigger.key,
                "arming": each.trigger.arming.value,
                "expected_s": each.detection.expected_s,
                "answers": each.detection.answers,
                "within_planned": each.detection.within,
                "sentence": each.detection.sentence,
            }
            for each in forecast.triggers
        ],
    }
