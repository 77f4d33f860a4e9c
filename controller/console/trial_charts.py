"""The chart of a back-test, as `chart.js` draws it: one trigger with its limit, or two on one time axis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from controller.backtests import Backtested, Trial
from controller.console.curves import compared, nearness, together_on
from controller.console.trigger_words import is_share
from controller.trigger_definitions import Definition
from triggers import Plant

Mark = dict[str, Any]


class Titled(Protocol):
    """One of the settings of a back-test."""

    @property
    def title(self) -> str:
        """Which it is."""

    @property
    def result(self) -> Backtested:
        """What came of it."""


def trial_chart(definition: Definition, trial: Trial, tried: Backtested) -> str:
    """One replay: what was compared, with the limit, and when it would have fired."""
    replay, method = tried.replay, tried.trigger.method
    drawing, shown = compared(method, is_share=is_share(definition.query)), method.shown
    return _json(
        unit=drawing.unit,
        curves=drawing.drawn(_numbers(shown, each.statistic, each.line) for each in replay.chart),
        at=[round(each.at.timestamp()) for each in replay.chart],
        verdict=[each.verdict.value for each in replay.chart],
        marks=[*_fired(tried, "would have fired"), *_planted(trial.plant, [("", tried)])],
    )


def charts_together(trial: Trial, tried: Sequence[Titled]) -> str:
    """Two replays on one time axis, each as how far it was of its limit; empty for one alone."""
    if len(tried) < 2:  # noqa: PLR2004 - one stands alone
        return ""
    times, curves = together_on((each.title, _course(each.result)) for each in tried)
    fired = [mark for each in tried for mark in _fired(each.result, f"{each.title}: would have fired")]
    named = [(f"{each.title}: ", each.result) for each in tried]
    return _json(
        unit="limit",
        curves=curves,
        at=times,
        verdict=[""] * len(times),
        marks=[*fired, *_planted(trial.plant, named)],
    )


def _numbers(shown: tuple[str, str], statistic: float | None, line: float | None) -> dict[str, float]:
    """What a point of a replay kept of the numbers of its judgement."""
    return {name: value for name, value in zip(shown, (statistic, line), strict=True) if value is not None}


def _course(tried: Backtested) -> dict[float, float | None]:
    below = bool(getattr(tried.trigger.method, "below", 0))
    return {
        round(each.at.timestamp()): nearness(each.statistic, each.line, below=below)
        for each in tried.replay.chart
    }


def _fired(tried: Backtested, what: str) -> Iterator[Mark]:
    for fired in tried.replay.fired:
        yield {"at": fired.at.timestamp(), "what": what, "kind": "decision"}


def _planted(plant: Plant | None, tried: Sequence[tuple[str, Backtested]]) -> Iterator[Mark]:
    """Where a degradation was planted, and when each would have noticed it."""
    if plant is None:
        return
    yield {"at": plant.at.timestamp(), "what": "degradation planted", "kind": "release"}
    for title, each in tried:
        if each.noticed_after is not None:
            noticed = (plant.at + each.noticed_after).timestamp()
            yield {"at": noticed, "what": f"{title}it would have been noticed", "kind": "move"}


def _json(**drawn: Any) -> str:
    return json.dumps(drawn, separators=(",", ":"))
