from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.plans import RECORD_FIELDS
from controller.record import filled_fields
from controller.store.columns import Unreadable
from controller.store.features import Feature

BARE = Feature(
    id=1,
    project_id=1,
    key="claims",
    name="Claims",
    risk_tier="T2",
    autonomy_cap="",
    when_lost="review",
    version=1,
    created_at=datetime(2026, 11, 20, tzinfo=UTC),
)
SOURCE = {
    "name": "policies",
    "owner": "legal",
    "permissions": "by role",
    "freshness": "1 d",
    "revocation": "1 h",
}
METRIC = {"name": "time saved", "baseline": 0.0, "target": 3.0, "window_days": 30}


def filled(**fields: Any) -> set[str]:
    return set(filled_fields(replace(BARE, **fields)))


def test_a_bare_record_says_nothing() -> None:
    assert filled() == set()


def test_a_full_record_answers_every_field_that_plans_may_ask_for() -> None:
    texts = (
        "owner budget_owner hypothesis success fallback risk_rationale classified_by oversight autonomy_cap"
    )
    full = dict.fromkeys(texts.split(), "something")
    found = filled(
        **full,
        reviewers=["claims-qa"],
        regulatory=[{"framework": "x"}],
        data_sources=[SOURCE],
        business_metric=METRIC,
        people={"support": "ada"},
    )
    assert found == {*RECORD_FIELDS, "people.support"}


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_white_space_says_nothing(text: str) -> None:
    assert filled(owner=text, people={"support": text}) == set()
    assert "data_sources.freshness" not in filled(data_sources=[SOURCE | {"freshness": text}])


def test_a_baseline_of_zero_is_a_baseline() -> None:
    assert filled(business_metric=METRIC) == {
        "business_metric.baseline",
        "business_metric.target",
        "business_metric.window_days",
    }
    assert "business_metric.baseline" not in filled(business_metric=METRIC | {"baseline": None})


def test_every_source_has_to_say_it() -> None:
    silent = {**SOURCE, "freshness": ""}
    assert filled(data_sources=[SOURCE, silent]) == {
        "data_sources",
        "data_sources.owner",
        "data_sources.permissions",
        "data_sources.revocation",
    }
    assert filled(data_sources=[]) == set()


@pytest.mark.parametrize("stored", [Unreadable("{"), None, "text", 7, ["text"], [None]])
def test_what_cannot_be_read_says_nothing_of_what_is_in_it(stored: Any) -> None:
    found = filled(data_sources=stored, business_metric=stored)
    assert found <= {"data_sources"}
