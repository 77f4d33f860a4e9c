from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.api.trigger_schemas import TriggerSchema
from controller.ready_made import ReadyMade, Telemetry, load_catalogue
from controller.sources import SOURCES
from controller.trigger_definitions import Definition, build_trigger
from stages import Tier
from tests.controller.ready_made.pages import telemetry_rows, trigger_rows
from triggers import TriggerClass

REPOSITORY = Path(__file__).parents[3]
CATALOGUE = load_catalogue()
MADE = [
    pytest.param(each, tier, telemetry, id=f"{each.key}-{tier.value}-{telemetry.key}")
    for each in CATALOGUE.triggers.values()
    for tier in Tier
    for telemetry in CATALOGUE.telemetries.values()
    if not each.why_not(telemetry)
]


def body(key: str, tier: Tier, telemetry: str) -> dict[str, Any]:
    made = CATALOGUE.triggers[key].body(tier, CATALOGUE.telemetries[telemetry], "metrics")
    assert made is not None
    return made


def definition(each: ReadyMade, tier: Tier, telemetry: Telemetry) -> Definition:
    made: Definition = TriggerSchema().load(each.body(tier, telemetry, "metrics") or {})
    return made


@pytest.mark.parametrize(("each", "tier", "telemetry"), MADE)
def test_each_can_be_added_as_it_is(each: ReadyMade, tier: Tier, telemetry: Telemetry) -> None:
    made = definition(each, tier, telemetry)
    trigger = build_trigger(made)
    assert trigger.trigger_class.value == each.trigger_class
    SOURCES[telemetry.kind].check_query(_unconnected(telemetry.kind), made.query)


def _unconnected(kind: str) -> Any:
    """A source that was never connected: what it is asked can be checked without."""
    return SOURCES[kind].__new__(SOURCES[kind])


def test_every_class_has_one() -> None:
    classes = {each.trigger_class for each in CATALOGUE.triggers.values()}
    assert classes == {each.value for each in TriggerClass} - {"other"}


def test_each_says_of_every_telemetry_what_to_ask_or_why_it_cannot_tell() -> None:
    for each in CATALOGUE.triggers.values():
        assert not set(each.sources) & set(each.lacking), each.key
        if "records" not in each.sources:
            bases = {telemetry.like for telemetry in CATALOGUE.telemetries.values()} - {"records"}
            assert set(each.sources) | set(each.lacking) == bases, each.key
        assert all((each.title, each.why, each.limit_because)), each.key


def test_the_limit_of_a_higher_tier_is_never_higher() -> None:
    for each in CATALOGUE.triggers.values():
        tiers = [each.tiers[tier] for tier in Tier]
        limits = [{**each.shape.get("params", {}), **tier.get("params", {})}.get("limit") for tier in tiers]
        known = [limit for limit in limits if limit is not None]
        assert known == sorted(known, reverse=True), each.key


@pytest.mark.parametrize(
    ("telemetry", "duration", "tokens"),
    [
        ("otel", "gen_ai_client_operation_duration_seconds_bucket{", "gen_ai_client_token_usage_bucket{"),
        (
            "otel-openllmetry",
            "gen_ai_client_operation_duration_seconds_bucket{",
            "gen_ai_client_token_usage_token_bucket{",
        ),
        ("otel-dots", '{"gen_ai.client.operation.duration_bucket",', '{"gen_ai.client.token.usage_bucket",'),
    ],
)
def test_opentelemetry_is_asked_in_three_spellings(telemetry: str, duration: str, tokens: str) -> None:
    assert f'{duration}feature="${{feature}}"' in body("latency", Tier.T2, telemetry)["query"]["bad"]
    assert f'{tokens}feature="${{feature}}"' in body("cost-spike", Tier.T2, telemetry)["query"]["bad"]
    for each in CATALOGUE.triggers.values():
        made = each.body(Tier.T2, CATALOGUE.telemetries[telemetry], "metrics")
        assert made is None or not any("@" in text for text in made["query"].values())


def test_a_telemetry_that_gives_no_shares_is_judged_by_value() -> None:
    assert body("latency", Tier.T1, "langfuse")["method"] == "threshold"
    assert body("latency", Tier.T1, "langfuse")["params"]["limit"] == 15_000
    assert body("latency", Tier.T2, "outcomes")["method"] == "evidence"


def test_what_no_telemetry_tells_is_told() -> None:
    retiring = CATALOGUE.triggers["model-retiring"]
    assert retiring.body(Tier.T2, CATALOGUE.telemetries["otel"], "metrics") is None
    assert retiring.why_not(CATALOGUE.telemetries["otel"]) == "ask records for it"


def test_the_page_shows_every_trigger_and_telemetry_as_it_is() -> None:
    lines = (REPOSITORY / "docs" / "ready-made-triggers.md").read_text().splitlines()
    assert [row for row in (*trigger_rows(CATALOGUE), *telemetry_rows(CATALOGUE)) if row not in lines] == []
