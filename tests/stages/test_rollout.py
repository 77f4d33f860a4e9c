"""Where a rollout begins, and the order of its words."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta

import pytest

from stages import EXPOSED, NOBODY, Autonomy, Exposure, Mode, Rollout, Stage

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
NEW = Rollout(feature="claims-assistant", environment="production", stage_since=NOW)


def test_a_new_rollout_reaches_nobody() -> None:
    assert (NEW.stage, NEW.mode, NEW.exposure) == (Stage.READINESS, Mode.OFF, NOBODY)
    assert (NEW.serves, NEW.candidate_share, NEW.holds, NEW.version) == ((), 0, frozenset(), 1)


def test_it_serves_the_stable_release_and_the_candidate_if_there_is_one() -> None:
    stable = {"feature": "f", "environment": "e", "stage_since": NOW, "stable": "r-1", "previous": "r-0"}
    assert Rollout(**stable).serves == ("r-1",)
    assert Rollout(**stable, candidate="r-2", candidate_share=500).serves == ("r-1", "r-2")


def test_a_rollout_is_changed_by_moves_only() -> None:
    with pytest.raises(FrozenInstanceError):
        NEW.mode = Mode.LIVE  # type: ignore[misc]


def test_stages_and_modes_are_in_order() -> None:
    assert tuple(Stage) == (Stage.READINESS, *EXPOSED, Stage.STOPPED)
    assert EXPOSED == (Stage.BETA, Stage.PILOT, Stage.SCALED)
    assert tuple(Mode) == (Mode.OFF, Mode.REVIEW, Mode.LIVE)


def test_before_users_have_it_every_second_counts() -> None:
    assert NEW.soaked_s(NOW + timedelta(seconds=90)) == 90


@pytest.mark.parametrize("mode", Mode)
def test_once_users_have_it_only_seconds_spent_live_count(mode: Mode) -> None:
    live_since = NOW + timedelta(seconds=10) if mode is Mode.LIVE else None
    rollout = replace(NEW, stage=Stage.BETA, mode=mode, live_s=5, live_since=live_since)
    assert rollout.is_live == (mode is Mode.LIVE)
    assert rollout.soaked_s(NOW + timedelta(seconds=40)) == (35 if mode is Mode.LIVE else 5)


def test_a_feature_outside_the_exposed_stages_is_never_live() -> None:
    assert not replace(NEW, mode=Mode.LIVE).is_live


@pytest.mark.parametrize("autonomy", Autonomy)
@pytest.mark.parametrize("most", Autonomy)
def test_a_capped_rollout_does_no_more_than_the_cap_and_is_the_same_otherwise(
    autonomy: Autonomy, most: Autonomy
) -> None:
    rollout = replace(NEW, exposure=Exposure(share=1, autonomy=autonomy))
    capped = rollout.capped(most)
    assert capped.exposure.autonomy is (most if autonomy.exceeds(most) else autonomy)
    assert replace(capped, exposure=rollout.exposure) == rollout
