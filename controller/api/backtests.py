"""Try a trigger out on the past."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import request

from controller.api import backtest_schemas
from controller.api.auth import services
from controller.api.parsing import MAX_BODY_BYTES, Blueprint
from controller.backtests import Backtested, Trial
from controller.rollouts import Where
from triggers import Fired, Replay

blueprint = Blueprint(
    "backtests",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>",
    description="What a trigger would have done",
)


@blueprint.before_request
def allow_a_month() -> None:
    """A CSV file of a month, a row a minute, is more than other bodies may be."""
    request.max_content_length = backtest_schemas.LONGEST_CSV + MAX_BODY_BYTES


@blueprint.post("/backtest")
@blueprint.arguments(backtest_schemas.BacktestSchema)
@blueprint.response(200, backtest_schemas.BacktestResultSchema)
def run_backtest(content: dict[str, Any], project: str, environment: str, feature: str) -> dict[str, Any]:
    """Replay a trigger over recorded history; nothing is written, and nothing is done."""
    where, backtests = Where(project, environment, feature), services().backtests
    first = content.pop("definition", None) or backtests.definition_of(where, content.pop("trigger"))
    beside = content.pop("beside", None)
    content["troubles"] = tuple(content["troubles"])
    trial = Trial(settings=(first, beside) if beside else (first,), **content)
    return {"settings": [_tried(each) for each in backtests.run(where, trial)]}


def _tried(tried: Backtested) -> dict[str, Any]:
    replay, planted = tried.replay, tried.planted
    return {
        "key": tried.trigger.key,
        "method": tried.trigger.method.name,
        "params": tried.trigger.method.params(),
        "start": replay.start,
        "end": replay.end,
        "evaluations": replay.evaluations,
        "verdicts": {verdict.value: count for verdict, count in replay.verdicts.items()},
        "failed_windows": tried.failed,
        "failure": tried.why,
        "fired": [_fired(each) for each in replay.fired],
        "false_alarms_per_month": tried.false_alarms_per_month,
        "noticed_after_s": tried.noticed_after.total_seconds() if tried.noticed_after is not None else None,
        "planted_fired": [_fired(each) for each in planted.fired] if planted else [],
        "chart": _chart(replay),
        "planted_chart": _chart(planted) if planted else [],
    }


def _fired(fired: Fired) -> dict[str, Any]:
    actions = [{"at": at.isoformat(), "action": action.value} for at, action in fired.actions]
    return {
        "at": fired.at,
        "until": fired.until,
        "sentence": fired.sentence,
        "numbers": dict(fired.numbers),
        "window_start": fired.window.start,
        "window_end": fired.window.end,
        "actions": actions,
    }


def _chart(replay: Replay) -> list[dict[str, Any]]:
    return [asdict(drawn) for drawn in replay.chart]
