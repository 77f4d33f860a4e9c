"""A criterion holds only when it was measured, and when enough answers say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import Count, Criterion, Measured, Progress, Share, unmet
from stages.bounds import upper_share

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
WEEK = 7 * 86_400

REJECTED = Criterion(
    key="acceptance", title="Reviewers accept", measure="rejected", at_most=0.1, min_samples=50, window_s=WEEK
)
ACTIONS = Criterion(key="quiet", title="No trigger acted", measure="automatic_actions", window_s=WEEK)
BUSINESS = Criterion(key="business", title="It pays", measure="business_metric", window_s=0)
BETTER = Progress(baseline=10, target=5, value=8, at=NOW, window_s=WEEK)


def told(criterion: Criterion, found: Measured | None) -> list[tuple[str, str]]:
    measured = {} if found is None else {criterion.key: found}
    refusals = list(unmet([criterion], measured, NOW))
    assert all(refusal.field == criterion.key and refusal.remedy for refusal in refusals)
    return [(refusal.code, refusal.message) for refusal in refusals]


def codes(criterion: Criterion, found: Measured | None) -> list[str]:
    return [code for code, _ in told(criterion, found)]


@pytest.mark.parametrize("criterion", [REJECTED, ACTIONS, BUSINESS])
def test_what_was_not_measured_does_not_hold(criterion: Criterion) -> None:
    assert codes(criterion, None) == ["criterion_unmeasured"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Share(0, 49), ["criterion_unmeasured"]),
        (Share(0, 50), []),
        (Share(4, 100), []),
        (Share(6, 100), ["criterion_missed"]),
        (Share(11, 100), ["criterion_missed"]),
    ],
)
def test_a_share_needs_enough_answers_and_few_enough_bad_ones(found: Share, expected: list[str]) -> None:
    assert codes(REJECTED, found) == expected


def test_a_share_that_may_only_be_good_by_luck_has_to_wait_for_more_answers() -> None:
    (refusal,) = unmet([REJECTED], {"acceptance": Share(6, 100)}, NOW)
    assert "6 of 100 bad still allow 11.5%; at most 10.0% may be" in refusal.message
    assert refusal.remedy == "wait for more answers"
    (refusal,) = unmet([REJECTED], {"acceptance": Share(11, 100)}, NOW)
    assert refusal.message == "Reviewers accept: 11 of 100 are bad; at most 10.0% may be"
    assert "improve" in refusal.remedy


def test_no_answers_never_hold_even_where_none_are_asked_for() -> None:
    assert codes(replace(REJECTED, min_samples=0), Share(0, 0)) == ["criterion_unmeasured"]


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 1))
def test_a_share_holds_exactly_when_its_upper_bound_is_within_the_limit(
    sample: tuple[int, int], limit: float
) -> None:
    criterion = replace(REJECTED, at_most=limit, min_samples=0)
    assert (codes(criterion, Share(*sample)) == []) == (upper_share(*sample) <= limit)


@pytest.mark.parametrize(
    ("count", "at_most", "expected"),
    [(0, 0, []), (1, 0, ["criterion_missed"]), (2, 2, []), (3, 2, ["criterion_missed"])],
)
def test_a_count_has_a_greatest_value(count: int, at_most: int, expected: list[str]) -> None:
    criterion = replace(ACTIONS, at_most=at_most)
    assert codes(criterion, Count(count)) == expected


def test_too_many_of_something_says_how_long_to_wait() -> None:
    (refusal,) = unmet([ACTIONS], {"quiet": Count(2)}, NOW)
    assert (refusal.message, refusal.remedy) == (
        "No trigger acted: 2; at most 0 may be",
        "wait until the last 7 days are free of it",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"baseline": None}, ["criterion_unmeasured"]),
        ({"at": NOW - timedelta(seconds=WEEK)}, []),
        ({"at": NOW - timedelta(seconds=WEEK + 1)}, ["criterion_unmeasured"]),
        ({"value": 10}, ["criterion_missed"]),
        ({"value": 11}, ["criterion_missed"]),
        ({"target": 15, "value": 11}, []),
        ({"target": 15, "value": 9}, ["criterion_missed"]),
        ({"target": 10}, ["criterion_missed"]),
    ],
)
def test_the_business_metric_has_to_be_recent_and_on_the_targets_side_of_the_baseline(
    change: dict[str, object], expected: list[str]
) -> None:
    progress = replace(BETTER, **change)
    assert codes(BUSINESS, progress) == expected


def test_each_criterion_that_does_not_hold_is_a_reason_of_its_own() -> None:
    refusals = unmet([REJECTED, ACTIONS, BUSINESS], {"quiet": Count(0)}, NOW)
    assert [refusal.field for refusal in refusals] == ["acceptance", "business"]
