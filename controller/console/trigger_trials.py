"""What stands beside the editor of a trigger: the rule in words, what it would notice, one read now, a back-test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flask import request

from controller.api.auth import services
from controller.api.backtest_schemas import LONGEST_CSV
from controller.backtests import Backtested, From, Trial
from controller.console import forms
from controller.console.trial_charts import charts_together, trial_chart
from controller.console.trigger_form import OTHER, Body, body_from, definition_of, number, other_of, plain
from controller.console.trigger_words import METHOD_TITLES, RuleWords, rule_words
from controller.console.words import duration
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One of the settings of a back-test: which, what came of it, and its chart as JSON if it stands alone."""

    title: str
    rule: str
    result: Backtested
    chart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """All that is told about a definition; ``problems`` is why nothing can be told, if nothing can.

    ``looser`` is in what it would loosen the trigger as it stands. ``asked`` is empty where nobody asked.
    ``chart`` has two settings on one time axis.
    """

    problems: tuple[Refusal | Problem, ...] = ()
    words: RuleWords | None = None
    detection: str = ""
    traffic: str = ""
    looser: tuple[Refusal, ...] = ()
    asked: str = ""
    seen: tuple[Seen, ...] = ()
    tried: tuple[Tried, ...] = ()
    chart: str = ""


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
        settings = list(_settings(body, before))
        trial = _trial(tuple(each for _, each in settings))
        tried = tuple(_tried(where, settings, trial))
        return replace(told, asked=do, tried=tried, chart=charts_together(trial, tried))
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


def _tried(where: Where, settings: list[tuple[str, Definition]], trial: Trial) -> Iterator[Tried]:
    results = services().backtests.run(where, trial)
    is_alone = len(settings) == 1
    for (title, each), result in zip(settings, results, strict=True):
        chart = trial_chart(each, trial, result) if is_alone else ""
        yield Tried(title=title, rule=_summary(each), result=result, chart=chart)


def _settings(body: Body, before: StoredTrigger | None) -> Iterator[tuple[str, Definition]]:
    """What is in the form, and beside it the other settings that are in it, or what stands now if it is another."""
    definition = definition_of(_NAMELESS | body)
    yield "As written here", definition
    if (other := other_of(request.form, _NAMELESS | body)) is not None:
        yield "The other settings", _other(other)
    elif before is not None and body_from(before) != body_from(in_place(before, definition)):
        yield "As it stands now", Definition.of(before)


def _other(body: Body) -> Definition:
    """The other settings.

    Raises:
        InvalidInput: They cannot be used; the names of the fields say that it is about these.
    """
    try:
        definition = definition_of(body)
        build_trigger(definition)
    except InvalidInput as error:
        told = (Problem(f"{OTHER}{each.field}", each.message, each.remedy) for each in error.problems)
        raise InvalidInput(*told) from error
    return definition


def _summary(definition: Definition) -> str:
    """The settings in a few words: which method, from when on, over what."""
    trigger = build_trigger(definition)
    params = ", ".join(
        f"{name.replace('_', ' ')} {plain(value)}" for name, value in trigger.method.params().items()
    )
    windows = f"{duration(trigger.window_s)} every {duration(trigger.interval_s)}"
    return f"{METHOD_TITLES[definition.method][0]}: {params}; looks at {windows}"


def in_place(before: StoredTrigger, definition: Definition) -> StoredTrigger:
    """A trigger with another definition."""
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
