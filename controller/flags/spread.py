"""How far a revision has come: on how many instances it runs, since when, and who is behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.store.instances import Instance

UNSEEN_AFTER = timedelta(minutes=3)
"""An instance that was silent for so long is not counted on; instances report each minute."""

_SECONDS_FROM, _MINUTES_FROM = timedelta(seconds=1), timedelta(seconds=100)


@dataclass(frozen=True, slots=True)
class Version:
    """Instances that are alike: what they run, and how many of them have the revision."""

    sdk: str
    app: str
    app_version: str
    live: int
    reached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far a revision has come.

    ``after`` is how long it took to reach the last of the instances that were there when it was made; None while it
    has not, or where it cannot be told. ``oldest_lag`` is for how long the one that is behind longest has been so.
    ``unseen`` instances were silent for too long to be counted on.
    """

    revision: int
    made_at: datetime | None
    live: int
    reached: int
    unseen: int
    after: timedelta | None
    oldest_lag: timedelta | None
    versions: tuple[Version, ...]

    @property
    def is_everywhere(self) -> bool:
        """Whether every live instance runs it, and there is one."""
        return 0 < self.live == self.reached

    @property
    def sentence(self) -> str:
        """The same for people."""
        if not self.live:
            return "no instance has reported lately"
        told = f"{self.reached} of {self.live} instances on revision {self.revision}"
        if self.after is not None:
            told += f" after {shown(self.after)}"
        if self.oldest_lag is not None:
            told += f"; the oldest lag is {shown(self.oldest_lag)}"
        return f"{told}; {self.unseen} not seen lately" if self.unseen else told


def spread(
    instances: Sequence[Instance],
    times: Mapping[int, datetime],
    revision: int,
    now: datetime,
    unseen_after: timedelta = UNSEEN_AFTER,
) -> Spread:
    """How far a revision has come among these instances; ``times`` are those at which revisions were made."""
    live = [instance for instance in instances if is_live(instance, now, unseen_after)]
    newest = max(times, default=revision)
    reached = [instance for instance in live if has_reached(instance, revision, newest)]
    lags = [lag for instance in live if (lag := lag_of(instance, times, revision, now)) is not None]
    made_at = times.get(revision)
    return Spread(
        revision=revision,
        made_at=made_at,
        live=len(live),
        reached=len(reached),
        unseen=len(instances) - len(live),
        after=_after(reached, made_at) if len(reached) == len(live) else None,
        oldest_lag=max(lags, default=None),
        versions=tuple(_versions(live, reached)),
    )


def is_live(instance: Instance, now: datetime, unseen_after: timedelta = UNSEEN_AFTER) -> bool:
    """Whether an instance has reported lately."""
    return now - instance.seen_at <= unseen_after


def has_reached(instance: Instance, revision: int, newest: int) -> bool:
    """Whether an instance runs a revision, or a later one.

    What runs one beyond the newest has flags that are not ours: from before the database was restored, or made up.
    """
    return instance.revision is not None and revision <= instance.revision <= newest


def lag_of(
    instance: Instance, times: Mapping[int, datetime], revision: int, now: datetime
) -> timedelta | None:
    """For how long an instance has been behind a revision; None if it is not, or if there is no such revision yet.

    Times of old revisions are forgotten, so it may have been longer. Who has flags that are not ours has been behind
    since we heard of it.
    """
    has, newest = instance.revision, max(times, default=revision)
    if has is not None and min(revision, newest) <= has <= newest:
        return None
    if has is not None and has > newest:
        return max(timedelta(), now - instance.told_at)
    missed = [at for number, at in times.items() if has is not None and has < number <= revision]
    return max(timedelta(), now - min(missed, default=instance.first_seen_at))


def shown(time: timedelta) -> str:
    """A length of time as people say it."""
    if time < _SECONDS_FROM:
        return f"{time / timedelta(milliseconds=1):.0f} ms"
    if time < _MINUTES_FROM:
        return f"{time.total_seconds():.1f} s"
    return f"{time / timedelta(minutes=1):.0f} min"


def _after(reached: Iterable[Instance], made_at: datetime | None) -> timedelta | None:
    """How long until the last of those got it that were there already."""
    if made_at is None:
        return None
    arrivals = [arrival(instance, made_at) for instance in reached if instance.first_seen_at <= made_at]
    return max(arrivals, default=None)


def arrival(instance: Instance, made_at: datetime) -> timedelta:
    """How long until an instance ran it. Its own clock is believed only where ours bears it out."""
    told = max(made_at, instance.told_at)
    at = instance.applied_at if made_at <= instance.applied_at <= told else told
    return at - made_at


def _versions(live: Iterable[Instance], reached: Iterable[Instance]) -> Iterable[Version]:
    every, have = (
        Counter((each.sdk, each.app, each.app_version) for each in group) for group in (live, reached)
    )
    return (Version(*version, count, have[version]) for version, count in sorted(every.items()))
