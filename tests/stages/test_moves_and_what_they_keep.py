"""What moves do to autonomy, to the time spent live, and to what takes the place of a stopped feature."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stages import (
    NOBODY,
    WHOLE,
    Autonomy,
    Exposure,
    Mode,
    Plan,
    Refused,
    Replacement,
    Request,
    Rollout,
    Stage,
    StagePlan,
    make,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
STAFF = Exposure(share=400, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"}))
STEP = StagePlan(ceiling=500, start=100)
PLAN = Plan(
    {
        Stage.BETA: STEP,
        Stage.PILOT: replace(STEP, ceiling=2500, start=1000),
        Stage.SCALED: replace(STEP, ceiling=WHOLE, start=5000),
    }
)
PILOT = Rollout(
    feature="claims-assistant",
    environment="production",
    stage=Stage.PILOT,
    mode=Mode.LIVE,
    exposure=STAFF,
    stable="r-1",
    previous="r-0",
    stage_since=NOW,
    version=7,
)
READY = replace(PILOT, stage=Stage.READINESS, mode=Mode.OFF, exposure=NOBODY)


def go(rollout: Rollout, request: Request | str, plan: Plan = PLAN) -> Rollout:
    return make(rollout, Request(move=request) if isinstance(request, str) else request, plan, LATER)


def refusals(rollout: Rollout, request: Request, plan: Plan = PLAN) -> list[str]:
    with pytest.raises(Refused) as caught:
        go(rollout, request, plan)
    assert all(refusal.message and refusal.remedy for refusal in caught.value.refusals)
    return [refusal.code for refusal in caught.value.refusals]


# Autonomy.

CAPPED = PLAN.capped(Autonomy.DRAFT)


@pytest.mark.parametrize(
    ("rollout", "request_"),
    [
        (READY, Request(move="promote", exposure=Exposure(share=100))),
        (PILOT, Request(move="widen", exposure=STAFF)),
        (PILOT, Request(move="advance", exposure=STAFF)),
        (replace(PILOT, mode=Mode.OFF), Request(move="resume")),
    ],
)
def test_no_way_up_passes_the_autonomy_of_the_stage(rollout: Rollout, request_: Request) -> None:
    assert refusals(rollout, request_, CAPPED) == ["autonomy_above_cap"]
    go(rollout, request_)


def test_a_promotion_and_a_demotion_that_ask_for_nothing_keep_within_the_autonomy_of_the_stage() -> None:
    able = replace(PILOT, exposure=replace(STAFF, autonomy=Autonomy.EXECUTE))
    assert go(replace(able, stage=Stage.BETA), "promote", CAPPED).exposure.autonomy is Autonomy.DRAFT
    assert go(able, "demote", CAPPED).exposure.autonomy is Autonomy.DRAFT
    assert go(able, "demote").exposure.autonomy is Autonomy.EXECUTE


# What takes the place of a stopped feature.


@pytest.mark.parametrize("replacement", [None, *Replacement])
def test_a_stopped_feature_says_what_took_its_place_until_it_is_revived(
    replacement: Replacement | None,
) -> None:
    stopped = go(PILOT, Request(move="stop", replacement=replacement))
    assert stopped.replacement is (replacement or Replacement.NOTHING)
    assert go(stopped, "revive").replacement is None


# Since when users get the releases that they get.


def test_only_a_move_that_changes_what_users_get_begins_it_anew() -> None:
    old = replace(PILOT, serving_since=NOW)
    tried = go(old, Request(move="introduce", release="r-2", share=500))
    assert tried.serving_since == LATER
    assert go(old, Request(move="narrow", exposure=NOBODY)).serving_since == NOW
    assert go(replace(tried, serving_since=NOW), "adopt").serving_since == LATER


# The time spent live.


def test_a_feature_that_is_promoted_or_demoted_begins_to_count_anew() -> None:
    for after in (go(READY, "promote"), go(replace(PILOT, live_s=500, live_since=NOW), "demote")):
        assert (after.live_s, after.live_since) == (0, LATER)


def test_the_time_in_review_or_off_does_not_count() -> None:
    live = replace(PILOT, live_s=60, live_since=NOW)
    reviewed = go(live, "review")
    assert (reviewed.live_s, reviewed.live_since) == (60 + 86_400, None)
    resumed = make(reviewed, Request(move="resume"), PLAN, LATER + timedelta(days=5))
    assert resumed.soaked_s(LATER + timedelta(days=5, seconds=1)) == 60 + 86_400 + 1


def test_a_move_that_leaves_a_feature_live_leaves_its_time_alone() -> None:
    live = replace(PILOT, live_s=60, live_since=NOW)
    narrowed = go(live, Request(move="narrow", exposure=NOBODY))
    assert (narrowed.live_s, narrowed.live_since) == (60, NOW)


def test_leaving_the_exposed_stages_forgets_the_time_spent_live() -> None:
    after = go(replace(PILOT, live_s=60, live_since=NOW), "stop")
    assert (after.live_s, after.live_since) == (0, None)
