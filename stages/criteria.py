"""What must be true of a feature in use before it goes further up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from stages.bounds import upper_share
from stages.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A limit on something that is measured while the feature is in use.

    ``measure`` names a share of bad answers (such as rejected or slow), a count (such as automatic_actions) or
    business_metric. Of a share not more than ``at_most`` may be bad, from 0 to 1; of a count there may be ``at_most``;
    the business metric has to be better than its baseline, and needs no limit. ``limit`` is the greatest good value of
    measures that need one, such as milliseconds. Looked at are the last ``window_s`` seconds, and at least
    ``min_samples`` answers.
    """

    key: str
    title: str
    measure: str
    at_most: float = 0.0
    limit: float | None = None
    min_samples: int = 0
    window_s: int


@dataclass(frozen=True, slots=True)
class Share:
    """So many of the total were bad."""

    bad: int
    total: int


@dataclass(frozen=True, slots=True)
class Count:
    """Something happened so often."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the business metric stands. ``value`` was measured at ``at``, and speaks for ``window_s`` seconds."""

    baseline: float | None
    target: float
    value: float
    at: datetime
    window_s: int

    @property
    def is_improvement(self) -> bool:
        """Whether the value lies on the target's side of the baseline."""
        return self.baseline is not None and (self.target - self.baseline) * (self.value - self.baseline) > 0

    def is_old(self, now: datetime) -> bool:
        """Whether the value no longer speaks for now."""
        return (now - self.at).total_seconds() > self.window_s


Measured = Share | Count | Progress


def unmet(
    criteria: Iterable[Criterion], measured: Mapping[str, Measured], now: datetime
) -> Iterator[Refusal]:
    """One refusal for each criterion that does not hold, or of which it cannot be told; ``measured`` goes by key."""
    for criterion in criteria:
        found = measured.get(criterion.key)
        if found is None:
            yield _unmeasured(criterion, f"{criterion.title}: nothing was measured")
        elif isinstance(found, Share):
            yield from _unmet_share(criterion, found)
        elif isinstance(found, Count):
            yield from _unmet_count(criterion, found)
        else:
            yield from _unmet_progress(criterion, found, now)


def _unmet_share(criterion: Criterion, found: Share) -> Iterator[Refusal]:
    if found.total < max(1, criterion.min_samples):
        message = (
            f"{criterion.title}: {found.total} of at least {max(1, criterion.min_samples)} answers measured"
        )
        yield _unmeasured(criterion, message)
        return
    allows = upper_share(found.bad, found.total)
    if found.bad > criterion.at_most * found.total:
        message = (
            f"{criterion.title}: {found.bad} of {found.total} are bad; at most {criterion.at_most:.1%} may be"
        )
        yield _missed(criterion, message, "improve it, or narrow the exposure to where it holds")
    elif allows > criterion.at_most:
        message = (
            f"{criterion.title}: {found.bad} of {found.total} bad still allow {allows:.1%}; "
            f"at most {criterion.at_most:.1%} may be"
        )
        yield _missed(criterion, message, "wait for more answers")


def _unmet_count(criterion: Criterion, found: Count) -> Iterator[Refusal]:
    if found.count > criterion.at_most:
        message = f"{criterion.title}: {found.count}; at most {criterion.at_most:g} may be"
        yield _missed(criterion, message, f"wait until the last {_days(criterion.window_s)} are free of it")


def _unmet_progress(criterion: Criterion, found: Progress, now: datetime) -> Iterator[Refusal]:
    if found.baseline is None:
        yield _unmeasured(criterion, f"{criterion.title}: the business metric has no baseline")
    elif found.is_old(now):
        yield _unmeasured(criterion, f"{criterion.title}: measured last on {found.at:%Y-%m-%d}, too long ago")
    elif not found.is_improvement:
        message = f"{criterion.title}: {found.value:g} is no improvement on {found.baseline:g} towards {found.target:g}"
        yield _missed(criterion, message, "improve it, or stop the feature")


def _days(seconds: int) -> str:
    return f"{seconds / 86400:g} days"


def _unmeasured(criterion: Criterion, message: str) -> Refusal:
    return Refusal(
        "criterion_unmeasured", message, f"see to it that {criterion.measure} is reported", criterion.key
    )


def _missed(criterion: Criterion, message: str, remedy: str) -> Refusal:
    return Refusal("criterion_missed", message, remedy, criterion.key)
