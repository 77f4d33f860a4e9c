from __future__ import annotations

from typing import Any

import pytest

from controller.console.trigger_form import number, plain, seconds, span
from controller.console.trigger_words import METHOD_TITLES, ordinal, param_fields, rule_words
from triggers import METHODS, Action, Arming, Baseline, Rung, Scope, Trigger, parse_method


def words(method: str, params: dict[str, Any], query: dict[str, str] | None = None, **rest: Any) -> str:
    """All that is said about a rule."""
    named: dict[str, Any] = {
        "key": "any",
        "window_s": 300,
        "interval_s": 60,
        "arming": Arming.ACT,
        "ladder": (Rung(Action.REVERT),),
    }
    trigger = Trigger(method=parse_method(method, params), **{**named, **rest})
    told = rule_words(trigger.on_tier("T2"), "metrics", query or {"bad": "b", "total": "t"})
    rungs = " ".join(f"{rung.what} {rung.when}." for rung in told.ladder)
    return " ".join((told.headline, told.watches, told.breach, rungs, told.ends, told.may, *told.blind))


@pytest.mark.parametrize(
    ("method", "params", "rest", "told"),
    [
        ("threshold", {"limit": 0.05, "m": 4, "k": 4}, {}, "on the 4th breach, 3 min after the first"),
        ("threshold", {"limit": 0.05}, {"hold_s": 180}, "on the 4th breach in a row, 3 min after the first"),
        ("any_event", {"count": 4}, {}, "Rolls back to the release before on the 4th bad answer"),
        ("any_event", {}, {}, "A single one is a breach"),
        ("evidence", {"limit": 0.05}, {}, "errs at most once in 100 releases"),
        ("evidence_cusum", {"limit": 0.05}, {}, "errs once in 10,000 evaluations"),
        ("burn_rate", {"limit": 0.01}, {}, "1% of answers may be bad"),
        ("budget", {"amount": 500.0}, {}, "warns at 80% of 500 USD a month"),
        ("threshold", {"limit": 0.05}, {"baseline": Baseline.PREVIOUS}, "what there was 5 min before"),
        (
            "evidence",
            {"limit": 0.05, "tolerance": 1.2},
            {"baseline": Baseline.STABLE, "scope": Scope.CANDIDATE},
            "1.2 times what the stable release has",
        ),
        ("threshold", {"limit": 0.05}, {"latch": True}, "until somebody acknowledges it"),
        (
            "threshold",
            {"limit": 0.05},
            {"arming": Arming.SHADOW},
            "In shadow, where it only records: rolls back",
        ),
        ("threshold", {"limit": 0.05}, {}, "When the source fails or the newest data is too old, it keeps"),
    ],
)
def test_a_rule_says_what_it_does(
    method: str, params: dict[str, Any], rest: dict[str, Any], told: str
) -> None:
    assert told in words(method, params, **rest)


def test_a_value_is_no_share() -> None:
    told = words("threshold", {"limit": 0.7, "below": 1}, {"value": "v"})
    assert "what is measured is less than 0.7" in told


def test_every_method_has_a_title_and_fields() -> None:
    assert set(METHOD_TITLES) == set(METHODS)
    for method in METHODS:
        assert all(field.label != field.name for field in param_fields(method))


@pytest.mark.parametrize(
    ("number", "told"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (22, "22nd")],
)
def test_ordinals(number: int, told: str) -> None:
    assert ordinal(number) == told


def test_times_and_numbers_are_read_as_they_are_told() -> None:
    for length in (0, 1, 59, 60, 90, 3600, 86_400, 172_800):
        assert seconds(span(length)) == length
    assert [seconds(text) for text in ("90", "2 h", "a while", "5 moons")] == [90, 7200, "a while", "5 moons"]
    assert [number(text) for text in ("5%", "0.05", "3", "week")] == [0.05, 0.05, 3, "week"]
    assert number(plain(0.1)) == 0.1
