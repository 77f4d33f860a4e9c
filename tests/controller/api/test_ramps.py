"""The doors to ramps and forecasts, where the plan has no ramp and where what is asked cannot be used."""

from __future__ import annotations

import pytest

from tests.controller.api.world import ROLLOUT, World, nothing_came_of_it, refusal

RAMP = f"{ROLLOUT}/ramp"
FORECAST = f"{ROLLOUT}/forecast"
REASON = {"reason": "go on"}


def test_where_the_plan_has_no_ramp_that_is_said(world: World) -> None:
    shown = world.api.ok("GET", RAMP)
    assert (shown["state"], shown["share"], shown["next_share"]) == ("off", 10_000, None)
    assert [refusal["code"] for refusal in shown["why"]] == ["no_step_left"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (RAMP, REASON, "refused"),
        (f"{RAMP}/pause", REASON, "ramp_not_running"),
        (f"{RAMP}/approvals", None, "refused"),
    ],
)
def test_what_is_not_there_is_not_started_paused_or_approved(
    world: World, path: str, body: dict[str, str] | None, code: str
) -> None:
    assert nothing_came_of_it(world, "POST", path, json=body)[:2] == (409, code)


@pytest.mark.parametrize("path", [RAMP, f"{RAMP}/pause"])
@pytest.mark.parametrize(
    ("body", "field"), [({}, "reason"), ({"reason": ""}, "reason"), ({**REASON, "share": 1}, "share")]
)
def test_a_reason_and_nothing_else_is_wanted(
    world: World, path: str, body: dict[str, object], field: str
) -> None:
    assert nothing_came_of_it(world, "POST", path, json=body) == (422, "invalid_field", [field])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "stage"),
        ("?stage=readiness", "stage"),
        ("?stage=launch", "stage"),
        ("?stage=beta&share=0", "share"),
        ("?stage=beta&share=10001", "share"),
        ("?stage=beta&share=half", "share"),
        ("?stage=beta&answers_per_day=-1", "answers_per_day"),
        ("?stage=beta&days=1", "days"),
    ],
)
def test_a_forecast_of_nothing_sensible_is_refused_by_its_field(world: World, query: str, field: str) -> None:
    assert refusal(world.api.get(FORECAST + query)) == (422, "invalid_field", [field])


def test_a_forecast_names_each_trigger(world: World) -> None:
    told = world.api.ok("GET", f"{FORECAST}?stage=pilot&answers_per_day=2400")
    assert (told["stage"], told["share"], told["traffic"], told["answers_per_hour"]) == (
        "pilot",
        10_000,
        "asked",
        100,
    )
    assert [(each["trigger"], each["arming"]) for each in told["triggers"]] == [("leaks", "shadow")]
    assert told["triggers"][0]["answers"] == pytest.approx(100, rel=0.05)
    assert told["triggers"][0]["within_planned"] is None
    assert told["sentences"] == ["no armed trigger would notice anything"]


@pytest.mark.parametrize("path", [RAMP, f"{FORECAST}?stage=beta"])
def test_a_feature_that_is_not_there_has_neither(world: World, path: str) -> None:
    answer = world.api.get(path.replace("claims-assistant", "another"))
    assert refusal(answer)[:2] == (404, "not_found")
