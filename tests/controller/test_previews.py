from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import InvalidInput
from controller.rollouts import Where
from controller.trigger_definitions import Definition
from tests.browser.story import PRODUCTION, PROJECT, Installation
from triggers import Action, Baseline, Rung, Side, Status

WHERE = Where(PROJECT, PRODUCTION, "claims")
RULE = Definition(
    key="unsupported",
    source="outcomes",
    query={"measure": "unsupported"},
    method="threshold",
    params={"limit": 0.05},
    rest={"window_s": 3600, "interval_s": 60, "ladder": (Rung(Action.NOTIFY),)},
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """A feature with outcomes of the last hour."""
    made = Installation(tmp_path / "headgate.db")
    made.project()
    made.feature("claims", "Claims", "Claims team", "T1")
    made.outcomes("claims", 20, unsupported=3)
    made.clock.pass_(minutes=5)
    yield made
    made.close()


def test_a_source_is_read_once_and_nothing_is_written(house: Installation) -> None:
    (seen,) = house.parts.previews.read(WHERE, RULE)
    assert (seen.reading.status, seen.reading.bad, seen.reading.total) == (Status.OK, 3, 20)
    assert seen.reading.window.length.total_seconds() == 3600


def test_the_baseline_is_read_as_well(house: Installation) -> None:
    rule = replace(RULE, rest={**RULE.rest, "baseline": Baseline.PREVIOUS})
    subject, before = house.parts.previews.read(WHERE, rule)
    assert (subject.ask.side, before.ask.side) == (Side.SUBJECT, Side.BASELINE)
    assert before.reading.status is Status.NO_DATA


def test_what_cannot_be_asked_is_refused_by_name(house: Installation) -> None:
    with pytest.raises(InvalidInput) as refused:
        house.parts.previews.read(WHERE, replace(RULE, query={"measure": "moon"}))
    assert refused.value.problems[0].field == "query.measure"
