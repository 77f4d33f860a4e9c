"""Runs the checked-in sequences: whoever changes what comes out has changed when features are stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from triggers import (
    Action,
    Reading,
    Rung,
    State,
    Status,
    Trigger,
    Window,
    acknowledge,
    enter_epoch,
    escalate,
    parse_method,
    step,
    window,
)

FILE = json.loads((Path(__file__).parents[1] / "vectors" / "triggers.json").read_text(encoding="utf-8"))
VECTORS = FILE["vectors"]


def at(seconds: int) -> datetime:
    return datetime.fromisoformat(FILE["start"]) + timedelta(seconds=seconds)


def trigger_of(described: dict[str, Any]) -> Trigger:
    parts = dict(described)
    method = parse_method(parts.pop("method"), parts.pop("params"))
    ladder = tuple(Rung(Action(do), after_s) for do, after_s in parts.pop("ladder"))
    return Trigger(key="vector", method=method, ladder=ladder, interval_s=60, **parts)


def reading_of(described: dict[str, Any], over: Window) -> Reading:
    if "missing" in described:
        return Reading.missing(Status(described["missing"]), over, "it was away")
    if "ratio" in described:
        reading = Reading.ratio(over, *described["ratio"])
    elif "count" in described:
        reading = Reading.count(over, described["count"])
    else:
        reading = Reading.gauge(over, *described["gauge"])
    newest = described.get("newest_at")
    return reading if newest is None else replace(reading, newest_sample_at=at(newest))


def taken(trigger: Trigger, state: State, described: dict[str, Any]) -> tuple[State, dict[str, Any]]:
    """The state after one step, and what came out of it in the words of the file."""
    now, told = at(described["at"]), dict[str, Any]()
    due: tuple[Rung, ...] = ()
    if "acknowledge" in described:
        state = acknowledge(state, now)
    elif "epoch" in described:
        state = enter_epoch(state, described["epoch"], now)
    elif "escalate" in described:
        state, due = escalate(trigger, state, now)
    else:
        over = window(trigger, state, now)
        result = step(trigger, state, [reading_of(described, over)], now)
        state, due = result.state, result.due
        told = {"window": [over.start, over.end], "verdict": result.verdict}
    return state, {**told, "phase": state.phase, "due": [rung.do for rung in due]}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_a_sequence_comes_out_as_written(vector: dict[str, Any]) -> None:
    trigger = trigger_of(vector["trigger"])
    state = enter_epoch(State(), "r-1", at(vector["epoch_at"]))
    for described in vector["steps"]:
        state, told = taken(trigger, state, described)
        wanted = {"due": [], **{name: described[name] for name in told if name in described}}
        if "window" in wanted:
            wanted["window"] = [at(seconds) for seconds in wanted["window"]]
        assert {name: told[name] for name in wanted} == wanted, f"at {described['at']}"
        state = State.from_json(json.loads(json.dumps(state.to_json())))


def test_every_step_says_what_must_come_out() -> None:
    for vector in VECTORS:
        for described in vector["steps"]:
            judged = not {"acknowledge", "epoch", "escalate"} & described.keys()
            assert "phase" in described
            assert ("verdict" in described) == judged


def test_every_sequence_has_a_name_of_its_own() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)
