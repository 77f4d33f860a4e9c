"""Where a rollout begins, and the order of its words."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from stages import EXPOSED, NOBODY, Mode, Rollout, Stage

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
