from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from stages import Calendar, Goodness, ModelEnd, RetrievalIndex, Target, Trouble, index_of, unviable

TODAY = date(2026, 11, 20)
BUNDLE = {"model": {"provider": "openai", "id": "gpt-4.1-2025-04-14"}, "compatibility": "1"}
GOOD = Target("r-1", BUNDLE, Goodness.GOOD)


def codes(target: Target | None, away: Any = None, troubles: Any = (), **rest: Any) -> list[str]:
    calendar = Calendar([ModelEnd("openai", "gpt-4.1-2025-04-14", rest.pop("ends", date(2027, 1, 1)))])
    found = [*unviable(target, BUNDLE if away is None else away, calendar, TODAY, troubles, **rest)]
    assert all(refusal.message and refusal.remedy and refusal.field for refusal in found)
    return [refusal.code for refusal in found]


def test_nothing_is_against_a_release_that_is_not_known_to_be_bad() -> None:
    assert codes(GOOD) == []
    assert codes(replace(GOOD, verdict=Goodness.UNKNOWN)) == []
    assert codes(replace(GOOD, bundle={}), away={}) == []


def test_every_reason_is_named_at_once() -> None:
    target = replace(GOOD, verdict=Goodness.BAD, missing=("answer at 7 in prompts: gone",))
    trouble = Trouble("Azure", "", "it times out")
    assert codes(None) == ["revert_target_missing"]
    assert codes(target, away={}, troubles=[trouble, replace(trouble, provider="OpenAI")], ends=TODAY) == [
        "revert_target_bad",
        "revert_model_retired",
        "revert_provider_troubled",
        "revert_part_missing",
        "revert_incompatible",
    ]


@pytest.mark.parametrize(
    ("provider", "model", "touched"),
    [
        ("openai", "", True),
        ("OpenAI", "gpt-4.1-2025-04-14", True),
        ("openai", "another", False),
        ("bedrock", "", False),
    ],
)
def test_trouble_touches_the_models_of_who_has_it(provider: str, model: str, *, touched: bool) -> None:
    assert (
        codes(GOOD, troubles=[Trouble(provider, model, "it is down")])
        == ["revert_provider_troubled"] * touched
    )


def test_trouble_at_who_serves_a_model_counts_and_not_at_who_made_it() -> None:
    served = {"model": BUNDLE["model"] | {"host": "azure"}}  # type: ignore[operator]
    target = replace(GOOD, bundle=served)
    assert codes(target, away={}, troubles=[Trouble("openai", "", "down")]) == []
    assert codes(target, away={}, troubles=[Trouble("azure", "", "down")]) == ["revert_provider_troubled"]


def test_another_compatibility_class_counts_unless_forced_or_served_beside_it() -> None:
    assert codes(GOOD, away={"compatibility": "2"}) == ["revert_incompatible"]
    assert codes(GOOD, away={"compatibility": "2"}, forced=True) == []
    assert codes(replace(GOOD, served=True), away={"compatibility": "2"}) == []


def test_a_fallback_that_is_gone_does_not_stand_in_the_way() -> None:
    old = {"provider": "openai", "id": "gpt-4.1-2025-04-14"}
    bundle = {"model": {"provider": "other", "id": "m-1"}, "fallbacks": [old]}
    assert codes(replace(GOOD, bundle=bundle), away=bundle, ends=TODAY) == []


@pytest.mark.parametrize(
    ("retrieval", "found"),
    [
        ({"index": "kb-1", "registry": "indexes"}, RetrievalIndex("kb-1", "indexes")),
        ({"index": "kb-1"}, RetrievalIndex("kb-1", "")),
        ({"index": ""}, None),
        ({}, None),
        ("kb-1", None),
        (None, None),
    ],
)
def test_the_index_of_a_bundle_is_the_one_it_names(retrieval: Any, found: RetrievalIndex | None) -> None:
    assert index_of({"retrieval": retrieval}) == found
