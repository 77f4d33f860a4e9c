from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from controller.console.verdicts import noticed_words, verdict_words
from controller.rollouts import Where
from controller.store.readings import StoredReading
from controller.store.triggers import StoredTrigger
from controller.trigger_definitions import Definition
from tests.browser.story import ADA, PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import BEGAN, LIVE_AT, Visitor
from triggers import (
    Action,
    Lack,
    Reading,
    Rung,
    State,
    Status,
    Trigger,
    TriggerClass,
    Window,
    detect,
    parse_method,
)

FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/claims"
COUNTED = Reading(status=Status.OK, window=Window(BEGAN, LIVE_AT), bad=12, total=140, samples=140)
MONEY = Reading(status=Status.OK, window=Window(BEGAN, LIVE_AT), value=60.0, samples=1)


def trigger(method: str, params: dict[str, Any], **rest: Any) -> Trigger:
    named: dict[str, Any] = {
        "key": "any",
        "window_s": 300,
        "interval_s": 60,
        "ladder": (Rung(Action.REVIEW),),
        "trigger_class": TriggerClass.UNSUPPORTED_ANSWERS,
        **rest,
    }
    return Trigger(method=parse_method(method, params), **named)


def stored(rule: Trigger, query: dict[str, str], state: State, verdict: str, sentence: str) -> StoredTrigger:
    return StoredTrigger(
        id=1,
        rollout_id=1,
        source_id=1,
        source_key="metrics",
        source_kind="prometheus",
        source_settings={},
        query=query,
        version=1,
        tier="T2",
        trigger=rule,
        state=state,
        verdict=verdict,
        sentence=sentence,
        evaluated_at=LIVE_AT,
        seen_at=LIVE_AT,
        due_at=LIVE_AT,
        watching_since=BEGAN,
    )


def read(reading: Reading, verdict: str, numbers: dict[str, float], sentence: str) -> StoredReading:
    return StoredReading(
        id=1,
        trigger_id=1,
        slot=LIVE_AT,
        status=reading.status.value,
        window_start=reading.window.start,
        window_end=reading.window.end,
        bad=reading.bad,
        total=reading.total,
        value=reading.value,
        samples=reading.samples,
        newest_sample_at=reading.newest_sample_at,
        message=reading.message,
        warnings=(),
        asked={},
        verdict=verdict,
        sentence=sentence,
        numbers=numbers,
        phase="quiet",
        due=(),
        evaluated_at=LIVE_AT,
        rule_version=1,
        sharing=1,
        max_staleness_s=None,
        before=None,
        changed=None,
        others=None,
    )


def told(method: str, params: dict[str, Any], query: dict[str, str] | None = None, **rest: Any) -> str:
    """What is said about a judgement that the method itself made."""
    rule, reading = trigger(method, params, **rest), MONEY if query and "value" in query else COUNTED
    windows = len(rule.method.spans(rule.window_s, LIVE_AT))
    judgement = rule.method.judge((), *[reading] * windows)
    item = stored(rule, query or {"bad": "b", "total": "t"}, State(), judgement.verdict, judgement.sentence)
    newest = read(reading, judgement.verdict, dict(judgement.numbers), judgement.sentence)
    return verdict_words(item, newest, "and so on")


@pytest.mark.parametrize(
    ("method", "params", "query", "sentence"),
    [
        (
            "evidence",
            {"limit": 0.05},
            None,
            "12 of 140 answers unsupported; limit 5%; evidence 0.6 of 4.6 needed",
        ),
        (
            "evidence_cusum",
            {"limit": 0.05},
            None,
            "12 of the last 140 answers unsupported; limit 5%; evidence 0.6 of 9.2 needed",
        ),
        ("threshold", {"limit": 0.05}, None, "12 of 140 answers unsupported (8.57%); limit 5%"),
        (
            "threshold",
            {"limit": 0.05, "m": 2, "k": 3},
            None,
            "12 of 140 answers unsupported (8.57%); limit 5%; beyond it in 1 of the last 3 readings, 2 needed",
        ),
        ("threshold", {"limit": 1000}, {"value": "v"}, "60; limit 1,000"),
        ("any_event", {}, None, "12 unsupported since the last acknowledgement; 1 would be enough"),
        (
            "burn_rate",
            {"limit": 0.01},
            None,
            (
                "12 of 140 answers unsupported in 6 h and 12 of 140 in 30 min; limit 1%; "
                "used up 8.57 and 8.57 times too fast of 6 needed in both"
            ),
        ),
        (
            "budget",
            {"amount": 500, "project": 0},
            {"value": "v"},
            "60.00 of 500.00 USD spent this month (12%); warns at 400.00, shuts down at 500.00",
        ),
    ],
)
def test_a_verdict_says_its_numbers_by_every_method(
    method: str, params: dict[str, Any], query: dict[str, str] | None, sentence: str
) -> None:
    assert told(method, params, query) == f"{sentence}; and so on"


def test_what_would_be_noticed_is_said_with_its_answers() -> None:
    rule = trigger("evidence", {"limit": 0.05})
    found = detect(rule, 100)
    assert found.answers is not None
    words = noticed_words(rule, found)
    assert re.fullmatch(r"would be noticed at 10% within about \d+ answers, .* at this traffic", words)
    assert noticed_words(rule, detect(rule, 0)) == (
        "twice the limit (10%) would never be noticed: no answers are expected"
    )
    assert noticed_words(trigger("budget", {"amount": 5}), found) == ""


@pytest.mark.parametrize(
    ("lack", "reading", "sentence"),
    [
        (
            Lack.STALE,
            Reading(status=Status.OK, window=COUNTED.window, value=1.0, newest_sample_at=BEGAN),
            (
                "The newest data of metrics is 2 min old, of 2026-03-02 09:00:00 UTC; at most 1 min is fresh. "
                "So for 1 min. "
                "The feature does not go up, and somebody is told after 3 min."
            ),
        ),
        (
            Lack.NO_DATA,
            Reading.missing(Status.NO_DATA, COUNTED.window, "no series"),
            (
                "Metrics has nothing for the last 2 min: no series. So for 1 min. "
                "The feature does not go up after 3 min, and nothing is taken away."
            ),
        ),
        (
            Lack.SOURCE_ERROR,
            Reading.missing(Status.ERROR, COUNTED.window, "it answers 503"),
            (
                "Metrics gave no answer that can be used: it answers 503. So for 1 min. "
                "The feature does not go up, and somebody is told after 3 min."
            ),
        ),
        (
            Lack.PARTIAL,
            Reading.missing(Status.PARTIAL, COUNTED.window, "a shard is away"),
            (
                "Metrics answered with a part of the data only: a shard is away. So for 1 min. "
                "The feature does not go up, and nothing is taken away."
            ),
        ),
    ],
)
def test_seeing_nothing_says_why_since_when_and_what_follows(
    lack: Lack, reading: Reading, sentence: str
) -> None:
    rule = trigger("threshold", {"limit": 0.05}, max_staleness_s=60)
    state = State(lack=lack, lack_since=LIVE_AT - timedelta(minutes=1))
    item = stored(rule, {}, state, "source_error", "raw")
    assert verdict_words(item, read(reading, "source_error", {}, "raw")) == sentence


def test_too_little_is_said_as_such() -> None:
    item = stored(trigger("evidence", {"limit": 0.05}), {}, State(), "insufficient", "2 of 3 are bad")
    assert (
        verdict_words(item, read(COUNTED, "insufficient", {}, "2 of 3 are bad"))
        == "too little to judge: 2 of 3 are bad"
    )


def test_without_the_reading_of_the_verdict_it_is_what_was_said_then() -> None:
    item = stored(trigger("evidence", {"limit": 0.05}), {}, State(), "ok", "2 of 3 are bad")
    assert verdict_words(item, None) == "2 of 3 are bad"
    newer = read(COUNTED, "ok", {"bad": 1}, "1 of 3 are bad")
    assert verdict_words(item, newer) == "2 of 3 are bad"


def test_the_pages_of_a_feature_and_of_its_trigger_say_the_verdict_with_its_numbers(
    house: Installation, ada: Visitor, live: str
) -> None:
    definition = Definition(
        key="weighed",
        source="outcomes",
        query={"measure": "unsupported"},
        method="evidence",
        params={"limit": 0.05},
        rest={"window_s": 300, "interval_s": 60, "ladder": (Rung(Action.REVIEW),)},
    )
    house.parts.trigger_edits.add(Where(PROJECT, PRODUCTION, "claims"), definition, ADA)
    house.outcomes("claims", 140, unsupported=12)
    house.clock.pass_(hours=1, minutes=1)
    house.tick()
    said = "12 of 140 answers unsupported; limit 5%; evidence 0.6 of 4.6 needed; would be noticed at 10% within about"
    assert said in ada.get(FEATURE).text
    page = ada.get(f"{FEATURE}/triggers/weighed").text
    assert said in page
    assert "readings as a table" in page
    chart = ada.get(f"{FEATURE}/triggers/weighed/readings.json").get_json()
    assert [curve["label"] for curve in chart["curves"]] == ["evidence", "needed"]
    assert chart["unit"] == "evidence"
    [[start, end]] = chart["spans"][-1:][0]
    assert start < end <= chart["at"][-1]
