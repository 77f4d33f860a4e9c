"""A release proves itself by serving without a breach: after long enough it may be adopted, and later it is good."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from controller.actors import Actor, ActorKind
from controller.cases import Cases, watch_of
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.ramps import (
    Serving,
    breached_since,
    drop_servings,
    find_good,
    keep_serving,
    servings_of,
    unknown_releases,
)
from controller.store.rollouts import StoredRollout, lock_rollout, rollout_by_id
from controller.store.triggers import StoredTrigger, triggers_of
from stages import Credit, Goodness, Rollout
from triggers import Arming, Phase, Verdict

SOAK = Actor("soak", ActorKind.SCHEDULE)


class Servings:
    """Counts for how long releases of which nothing is known yet have served without a breach."""

    def __init__(
        self, database: Database, cases: Cases, now: Callable[[], datetime], longest_gap: timedelta
    ) -> None:
        self._database = database
        self._cases = cases
        self._now = now
        self._longest_gap = longest_gap

    def count(self, rollout_id: int) -> None:
        """Count on for the releases of one rollout, and let those be good that have served for long enough."""
        for stored, serving in self._counted(rollout_id):
            # A transaction of its own: everybody locks a release before its rollout.
            with self._database.write() as tx:
                self._find_good(tx, stored, serving)

    def _counted(self, rollout_id: int) -> list[tuple[StoredRollout, Serving]]:
        with self._database.write() as tx:
            lock_rollout(tx, rollout_id)
            stored = rollout_by_id(tx, rollout_id)
            if stored is None or isinstance(stored, Broken):
                return []
            asked = timedelta(seconds=self._cases.plan_of(tx, stored).good_after_s)
            watched = unknown_releases(tx, stored.feature_id) if asked else set()
            # A candidate has to have served here before it is adopted, also one that is known to be good.
            watched |= {stored.rollout.candidate} if stored.rollout.candidate else set()
            # What was judged by anybody begins anew, should it ever be unknown again.
            drop_servings(tx, rollout_id, watched)
            counted = [self._count_on(tx, stored, one) for one in self._on_probation(tx, stored, watched)]
            return [(stored, serving) for serving in counted if asked and serving.good.earned >= asked]

    def _on_probation(self, tx: Transaction, stored: StoredRollout, watched: set[str]) -> list[Serving]:
        """The releases that are counted: those that serve, and those that did so before."""
        counted = {serving.release: serving for serving in servings_of(tx, stored.id)}
        fresh = Credit(counted_at=self._now())
        for release in sorted(watched & {*stored.rollout.serves} - {*counted}):
            counted[release] = Serving(rollout_id=stored.id, release=release, good=fresh)
        return list(counted.values())

    def _count_on(self, tx: Transaction, stored: StoredRollout, serving: Serving) -> Serving:
        now, armed = self._now(), _armed(triggers_of(tx, stored.id))
        good = serving.good
        if any(_breaches(item) for item in armed) or breached_since(tx, stored.id, good.counted_at):
            good = Credit(counted_at=now)
        holds = _serves(stored.rollout, serving.release) and _is_seen(stored.rollout, armed, now)
        counted = replace(serving, good=good.counted(now, self._longest_gap, holds=holds))
        if counted != serving or not serving.good.held:
            keep_serving(tx, counted)
        return counted

    def _find_good(self, tx: Transaction, stored: StoredRollout, serving: Serving) -> None:
        served, rollout = int(serving.good.earned.total_seconds()), stored.rollout
        asked = self._cases.plan_of(tx, stored).good_after_s
        reason = f"served {served} s in {rollout.environment} without a breach; {asked} s were asked for"
        if not find_good(tx, stored.feature_id, serving.release, reason):
            return
        change = Change(
            project_id=stored.project_id,
            name="release.judge",
            actor=SOAK,
            at=self._now(),
            feature=rollout.feature,
            environment=rollout.environment,
            reason=reason,
            before={"release": serving.release, "verdict": Goodness.UNKNOWN.value},
            after={"release": serving.release, "verdict": Goodness.GOOD.value},
            evidence={"served_s": served, "asked_s": asked},
        )
        record(tx, change)


def _armed(items: Iterable[StoredTrigger | Broken]) -> list[StoredTrigger | Broken]:
    """The triggers whose word counts. Nobody knows what one that cannot be read would say, so it counts as armed."""
    return [item for item in items if isinstance(item, Broken) or item.trigger.arming is not Arming.SHADOW]


def _breaches(item: StoredTrigger | Broken) -> bool:
    if isinstance(item, Broken):
        return False
    return item.verdict == Verdict.BREACH.value or item.state.phase is Phase.FIRING


def _is_seen(rollout: Rollout, armed: list[StoredTrigger | Broken], now: datetime) -> bool:
    """Whether somebody watches, and nobody who should is blind: without that no breach means nothing."""
    return bool(armed) and not any(watch_of(item, now, rollout).blind for item in armed)


def _serves(rollout: Rollout, release: str) -> bool:
    """Whether users get answers of a release that nobody looked at first."""
    if not rollout.is_live or not rollout.exposure.share:
        return False
    return release == rollout.stable or (release == rollout.candidate and rollout.candidate_share > 0)
