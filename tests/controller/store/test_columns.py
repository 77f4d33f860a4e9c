from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from controller.store.columns import Broken, Instant, Json, Unreadable, build, microseconds, texts, typed

INSTANT, JSON, SQLITE = Instant(), Json(), dialect()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_to_the_microsecond(instant: datetime) -> None:
    assert INSTANT.process_result_value(INSTANT.process_bind_param(instant, SQLITE), SQLITE) == instant


def test_the_same_moment_in_another_zone_is_the_same_number() -> None:
    here = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    assert microseconds(here) == microseconds(here.astimezone(UTC))


@given(JSON_VALUES)
def test_a_json_value_comes_back(value: object) -> None:
    assert JSON.process_result_value(JSON.process_bind_param(value, SQLITE), SQLITE) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_written(number: float) -> None:
    with pytest.raises(ValueError):
        JSON.process_bind_param({"x": number}, SQLITE)


@given(st.text() | st.binary() | st.floats(allow_nan=False) | st.integers(min_value=2**60))
def test_whatever_else_is_found_is_unreadable_and_raises_nothing(stored: object) -> None:
    assert INSTANT.process_result_value(stored, SQLITE) == Unreadable(stored)
    JSON.process_result_value(stored, SQLITE)


def test_text_that_is_nested_too_deep_is_unreadable() -> None:
    assert isinstance(JSON.process_result_value("[" * 100_000, SQLITE), Unreadable)


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError]
)
def test_an_item_that_cannot_be_built_is_broken_and_says_why(error: type[Exception]) -> None:
    def fail() -> None:
        raise error("x" * 10_000)

    broken = build(7, "claims", fail)
    assert isinstance(broken, Broken)
    assert (broken.id, broken.key) == (7, "claims")
    assert broken.why.startswith(error.__name__)
    assert len(broken.why) <= 500


def test_a_truth_value_is_no_number() -> None:
    assert typed(int, 5) == 5
    assert typed(bool, True) is True
    for wrong in (True, 5.0, "5", None):
        with pytest.raises(TypeError):
            typed(int, wrong)
    assert texts(["a"]) == ["a"]
    for other in ("a", {"a": 1}, [1], None):
        with pytest.raises(TypeError):
            texts(other)
