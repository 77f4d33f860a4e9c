"""A verdict can be read back, and passed again from what was kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.cases import (
    MINUTE,
    START,
    answers,
    at,
    fresh,
    happen,
    readings,
    sequences,
    trigger_of,
    triggers,
)
from triggers import (
    Lack,
    Policy,
    Reaction,
    Reading,
    Record,
    State,
    Step,
    Trigger,
    Unreadable,
    Verdict,
    changed,
    changes,
    explained,
    is_as_written,
    reading_from_json,
    reading_to_json,
    rule_from_json,
    rule_to_json,
    step,
)
from triggers.methods import Evidence


def record_of(
    trigger: Trigger, before: State, given_readings: list[Reading], taken: Step, now: Any
) -> Record:
    return Record(
        trigger=trigger,
        version=3,
        at=now,
        readings=tuple(given_readings),
        before=before,
        after=taken.state,
        verdict=taken.verdict,
        sentence=taken.sentence,
        numbers=taken.numbers,
    )


def one() -> Record:
    trigger = trigger_of(Evidence(limit=0.1), sharing=2)
    given_readings = [Reading.ratio(MINUTE, 12, 140)]
    return record_of(trigger, fresh(), given_readings, step(trigger, fresh(), given_readings, START), START)


@settings(max_examples=50)
@given(triggers(), sequences(), readings(), st.integers(1, 5))
def test_every_verdict_is_the_same_when_it_is_judged_again_from_a_file(
    trigger: Trigger, sequence: list[Any], reading: Reading, sharing: int
) -> None:
    trigger, state, now = replace(trigger, sharing=sharing), fresh(), START
    for _, before, taken in happen(trigger, fresh(), START, sequence):
        state = taken.state
        assert changed(before, json.loads(json.dumps(changes(before, taken.state)))) == taken.state
    now = at(10**6)
    given_readings = answers(trigger, state, now, reading)
    record = record_of(trigger, state, given_readings, step(trigger, state, given_readings, now), now)
    again = Record.from_json(json.loads(json.dumps(record.to_json(), allow_nan=False)))
    assert again == record
    assert again.differences() == ()


@given(triggers())
def test_a_rule_survives_a_round_trip(trigger: Trigger) -> None:
    assert rule_from_json(json.loads(json.dumps(rule_to_json(trigger)))) == trigger


@given(readings())
def test_a_reading_survives_a_round_trip(reading: Reading) -> None:
    told = replace(reading, newest_sample_at=START, asked={"bad": "sum(x)"})
    for each in (reading, told):
        assert reading_from_json(json.loads(json.dumps(reading_to_json(each)))) == each


def test_what_was_tampered_with_is_noticed_and_named() -> None:
    record = one()
    assert explained(record, record.differences()) == "judged again, it is the same: ok"
    lied = replace(record, verdict=Verdict.BREACH, sentence="it was bad")
    assert lied.differences() == ("verdict", "sentence")
    assert explained(lied, lied.differences()).startswith(
        "judged again, it differs in verdict, sentence: ok, 12 of 140 answers are bad"
    )
    assert replace(record, after=replace(record.after, memory=(1,))).differences() == ("after",)
    assert replace(record, numbers={}).differences() == ("numbers",)


@pytest.mark.parametrize(
    "part", [{"version": 9}, {"sharing": 3}, {"readings": []}, {"more": 1}, {"digest": "sha256:0"}]
)
def test_also_what_the_verdict_does_not_depend_on_is_as_it_was_written_or_not(part: dict[str, Any]) -> None:
    written = json.loads(json.dumps(one().to_json()))
    assert is_as_written(written)
    assert is_as_written(json.loads(json.dumps(written), parse_int=float))
    assert not is_as_written({**written, **part})
    assert not is_as_written({name: written[name] for name in written if name != "digest"})


def test_rungs_that_were_climbed_past_are_no_difference() -> None:
    record = one()
    assert replace(record, after=replace(record.after, rungs=2, rung_at=START)).differences() == ()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ([], "the format is not headgate.reading/1"),
        ({"format": "other"}, "the format is not headgate.reading/1"),
        ({"rule": None}, "not subscriptable"),
        ({"rule": {}}, "'key' is missing"),
        ({"verdict": "fine"}, "fine"),
        ({"readings": [{}]}, "'window' is missing"),
        ({"readings": 3}, "not iterable"),
        ({"before": 3}, "not a trigger state"),
        ({"at": "noon"}, "noon"),
    ],
)
def test_what_is_no_record_is_refused(broken: Any, words: str) -> None:
    stored = {**one().to_json(), **broken} if isinstance(broken, dict) else broken
    with pytest.raises(Unreadable, match=words):
        Record.from_json(stored)


@pytest.mark.parametrize(
    "part",
    [
        {"window_s": "60"},
        {"latch": 1},
        {"interval_s": True},
        {"ladder": {}},
        {"ladder": [{"do": "hold", "after_s": 0, "args": {"share": 0.5}}]},
        {"ladder": [{"do": "hold", "after_s": 0, "args": []}]},
    ],
)
def test_a_rule_with_a_part_of_another_type_is_none(part: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        rule_from_json({**rule_to_json(trigger_of()), **part})


def test_a_rule_from_before_there_were_classes_and_severities_has_the_usual_ones() -> None:
    ladder = [{"do": "review", "after_s": 0, "args": {}}]
    stored = {**rule_to_json(trigger_of()), "trigger_class": "", "policies": None, "ladder": ladder}
    assert rule_from_json(stored) == trigger_of()


def test_a_rule_keeps_its_own_policies() -> None:
    policies = {Lack.NO_DATA: Policy(Reaction.ACT, 600), Lack.STALE: Policy(Reaction.IGNORE)}
    trigger = trigger_of(policies=policies, use_partial=True)
    assert rule_from_json(json.loads(json.dumps(rule_to_json(trigger)))) == trigger
