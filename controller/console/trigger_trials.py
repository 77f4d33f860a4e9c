"""What stands beside the editor of a trigger: the rule in words, what it would notice, one read now, a back-test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request

from controller.api.auth import services
from controller.api.backtest_schemas import LONGEST_CSV
from controller.backtests import Backtested, From, Trial
from controller.console import forms
from controller.console.trigger_form import Body, body_from, definition_of, number
from controller.console.trigger_words import RuleWords, is_share, rule_words
from controller.errors import HeadgateError, InvalidInput, Problem
from controller.previews import Seen
from controller.rollouts import Where
from controller.store.database import Transaction
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger
from controller.trigger_definitions import Definition, build_trigger
from controller.trigger_edits import among_others, loosening
from stages import EXPOSED, Refusal, Refused
from triggers import Plant, Trigger, Window, detect

_NAMELESS = {"key": "this-trigger"}
"""What a rule is told by that has no name yet."""
DAYS = (1, 7, 14, 30)
_LIMITS = ("limit", "count", "amount")
"""The parameter of each method that says how much is too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One of the settings of a back-test, and its chart as JSON."""

    title: str
    result: Backtested
    chart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """All that is told about a definition; ``problems`` is why nothing can be told, if nothing can.

    ``looser`` is in what it would loosen the trigger as it stands. ``asked`` is empty where nobody asked.
    """

    problems: tuple[Refusal | Problem, ...] = ()
    words: RuleWords | None = None
    detection: str = ""
    traffic: str = ""
    looser: tuple[Refusal, ...] = ()
    asked: str = ""
    seen: tuple[Seen, ...] = ()
    tried: tuple[Tried, ...] = ()


def beside(tx: Transaction, stored: StoredRollout, body: Body, before: StoredTrigger | None) -> Beside:
    """What can be told at once, without asking a source."""
    try:
        definition = definition_of(_NAMELESS | body)
        trigger = among_others(tx, stored.id, build_trigger(definition))
    except HeadgateError as error:
        return Beside(problems=forms.told(error)[0])
    detection, traffic = _detection(tx, stored, trigger)
    return Beside(
        words=rule_words(trigger.on_tier(stored.tier), definition.source, definition.query),
        detection=detection,
        traffic=traffic,
        looser=tuple(loosening(stored, before, definition)) if before else (),
    )


def asked(where: Where, told: Beside, body: Body, before: StoredTrigger | None, do: str) -> Beside:
    """The same with what a source was asked for: ``read`` it now, or ``backtest``."""
    if do not in ("read", "backtest"):
        return told
    try:
        definition = definition_of(_NAMELESS | body)
        if do == "read":
            return replace(told, asked=do, seen=services().previews.read(where, definition))
        return replace(told, asked=do, tried=tuple(_tried(where, definition, before)))
    except (HeadgateError, Refused) as error:
        return replace(told, asked=do, problems=forms.told(error)[0])


def _detection(tx: Transaction, stored: StoredRollout, trigger: Trigger) -> tuple[str, str]:
    """What the trigger would notice at the traffic there is, and from where that is known."""
    rollout = stored.rollout
    stage, share = (rollout.stage, rollout.exposure.share) if rollout.stage in EXPOSED else (EXPOSED[0], None)
    found = services().forecasts.forecast(tx, stored, stage, share)
    if found.answers_per_hour is None:
        return "", found.sentences[0]
    told = detect(trigger, found.answers_per_hour, found.planned_s)
    sentence = told.sentence.removeprefix(f"{trigger.key}: ")
    if told.within is not None:
        sentence += f"; the chance that it happens while {stage.value} lasts is {told.within * 100:.3g}%"
    return sentence, f"{found.answers_per_hour:.3g} answers an hour, as {found.traffic}"


def _tried(where: Where, definition: Definition, before: StoredTrigger | None) -> Iterator[Tried]:
    settings = list(_settings(definition, before))
    trial = _trial(tuple(each for _, each in settings))
    results = services().backtests.run(where, trial)
    for (title, each), result in zip(settings, results, strict=True):
        yield Tried(title=title, result=result, chart=_chart(each, trial, result))


def _settings(definition: Definition, before: StoredTrigger | None) -> Iterator[tuple[str, Definition]]:
    """What is in the form, and beside it what stands, or the same with another limit."""
    yield "As written here", definition
    limit = forms.given("beside")["beside"]
    if limit:
        name = next(each for each in _LIMITS if each in build_trigger(definition).method.params())
        params = {**definition.params, name: number(limit)}
        yield f"With a {name} of {limit}", replace(definition, params=params)
    elif before is not None and body_from(before) != body_from(_put(before, definition)):
        yield "As it stands now", Definition.of(before)


def _put(before: StoredTrigger, definition: Definition) -> StoredTrigger:
    return replace(
        before,
        source_key=definition.source,
        query=dict(definition.query),
        trigger=build_trigger(definition),
    )


def _trial(settings: tuple[Definition, ...]) -> Trial:
    now, given = services().now(), forms.given("history", "days", "plant", "wrong-from", "wrong-to")
    history = given["history"] or From.SOURCE
    if history not in list(From):
        raise InvalidInput(Problem("history", f"{history!r} is no history", "choose one of those offered"))
    days = int(given["days"]) if given["days"] in map(str, DAYS) else DAYS[1]
    start = now - timedelta(days=days)
    return Trial(
        settings=settings,
        history=From(history),
        csv=_csv() if history == From.CSV else "",
        start=None if history == From.CSV else start,
        end=None if history == From.CSV else now,
        plant=_plant(given["plant"], now - timedelta(days=days) / 2),
        troubles=_troubles(given["wrong-from"], given["wrong-to"]),
    )


def _plant(text: str, at: datetime) -> Plant | None:
    """A degradation in the second half."""
    if not text:
        return None
    share = number(text if text.endswith("%") else f"{text}%")
    if isinstance(share, str) or not 0 < share <= 1:
        raise InvalidInput(Problem("plant", f"{text} is no share", "give a percentage above 0, up to 100"))
    return Plant(at=at, share=share)


def _troubles(start: str, end: str) -> tuple[Window, ...]:
    if not start and not end:
        return ()
    try:
        window = Window(_utc(start), _utc(end))
    except ValueError as error:
        problem = Problem("wrong-from", "it is no time, or a half of one", "give both, or neither")
        raise InvalidInput(problem) from error
    if window.start >= window.end:
        raise InvalidInput(Problem("wrong-from", "is not before the end", "give an earlier time"))
    return (window,)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _csv() -> str:
    chosen = request.files.get("csv")
    if not chosen or not chosen.filename:
        raise InvalidInput(
            Problem("csv", "no file is chosen", "choose a CSV file with a row for each window")
        )
    content = chosen.read(LONGEST_CSV + 1)
    if len(content) > LONGEST_CSV:
        raise InvalidInput(Problem("csv", "it is longer than 8 MiB", "give a shorter time"))
    try:
        return str(content, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(Problem("csv", "it is no UTF-8 text", "save it as CSV in UTF-8")) from error


def _chart(definition: Definition, trial: Trial, tried: Backtested) -> str:
    """The replay as `chart.js` draws it."""
    replay, plant = tried.replay, trial.plant
    marks: list[dict[str, Any]] = [
        {"at": fired.at.timestamp(), "what": "would have fired", "kind": "decision"} for fired in replay.fired
    ]
    if plant:
        marks.append({"at": plant.at.timestamp(), "what": "degradation planted", "kind": "release"})
        if tried.noticed_after is not None:
            noticed = (plant.at + tried.noticed_after).timestamp()
            marks.append({"at": noticed, "what": "it would have been noticed", "kind": "move"})
    lines = [each.line for each in replay.chart]
    drawn = {
        "is_share": definition.method == "threshold" and is_share(definition.query),
        "limit": max((line for line in lines if line is not None), default=None),
        "lines": [_short(line) for line in lines],
        "at": [round(each.at.timestamp()) for each in replay.chart],
        "measured": [_short(each.statistic) for each in replay.chart],
        "verdict": [each.verdict.value for each in replay.chart],
        "marks": marks,
    }
    return json.dumps(drawn, separators=(",", ":"))


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
