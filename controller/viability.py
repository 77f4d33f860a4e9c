"""Whether a revert of a rollout would help, as far as it is known here; nothing is asked of anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.errors import NotFound
from controller.model_calendar import ModelCalendar
from controller.store.database import Transaction
from controller.store.releases import StoredRelease, get_release
from controller.store.revert_checks import RevertCheck, find_revert_check
from controller.store.rollouts import StoredRollout
from controller.store.shared_incidents import open_shared_incidents
from stages import Refusal, Target, models_of, unviable


@dataclass(frozen=True, slots=True)
class Viability:
    """Judges the release that a revert would bring back. ``calendar`` tells when models end."""

    calendar: ModelCalendar

    def against(
        self, tx: Transaction, stored: StoredRollout, now: datetime, *, forced: bool = False
    ) -> tuple[Refusal, ...]:
        """Every reason why a revert would not help, by what was found at the last look."""
        return self.judge(tx, stored, find_revert_check(tx, stored.id), now, forced=forced)

    def judge(
        self,
        tx: Transaction,
        stored: StoredRollout,
        check: RevertCheck | None,
        now: datetime,
        *,
        forced: bool = False,
    ) -> tuple[Refusal, ...]:
        """The same, by a look that was just taken."""
        target = _target(tx, stored, check)
        away = bundle_of(tx, stored.feature_id, stored.rollout.candidate or stored.rollout.stable)
        troubles = [incident.trouble for incident in open_shared_incidents(tx, stored.project_id)]
        return tuple(unviable(target, away, self.calendar.current(), now.date(), troubles, forced=forced))


def target_of(stored: StoredRollout) -> str | None:
    """The release that a revert would bring back."""
    rollout = stored.rollout
    return rollout.stable if rollout.candidate else rollout.previous


def bundle_of(tx: Transaction, feature_id: int, release: str | None) -> Mapping[str, Any]:
    """The bundle of a release; of one that is gone, nothing is known."""
    try:
        return get_release(tx, feature_id, release).bundle if release else {}
    except NotFound:
        return {}


def _target(tx: Transaction, stored: StoredRollout, check: RevertCheck | None) -> Target | None:
    id = target_of(stored)
    try:
        release = get_release(tx, stored.feature_id, id) if id else None
    except NotFound:
        release = None
    if release is None:
        return None
    return Target(
        release=release.public_id,
        bundle=release.bundle,
        verdict=release.goodness,
        verdict_reason=release.verdict_reason,
        served=stored.rollout.candidate is not None,
        missing=_missing(release, check),
    )


def _missing(release: StoredRelease, check: RevertCheck | None) -> tuple[str, ...]:
    """What the release is made of and is not there: its bundle, or what was looked for in vain."""
    if not models_of(release.bundle):
        return ("a bundle that can be read and names a model",)
    return check.missing if check and check.release == release.public_id else ()
