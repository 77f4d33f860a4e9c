"""Which flags nobody needs any more, as far as what instances count can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from controller.flags.naming import flags_of_feature
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.document_reads import DocumentRead, Reader, reads_since
from controller.store.flag_counts import Use, counted_since, midnight, uses_since
from controller.store.plain_flags import PlainFlag, known_flags
from controller.store.projects import Environment
from controller.store.rollouts import StoredRollout, rollouts_in
from stages import EXPOSED, Rollout, Stage

DEFAULT = "default"
"""In place of a variant: the caller's own default."""

Uses = Mapping[str, Mapping[str, Use]]


class Why(StrEnum):
    """Why a flag may be cleaned up, or has been too early; or that it may be in use without our knowing."""

    NOT_EVALUATED = "not_evaluated"
    SAME_ANSWER = "same_answer"
    STILL_ASKED_FOR = "still_asked_for"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A flag to look at. ``answer`` is the one variant it gave, and ``value`` what that stands for, if it is known."""

    key: str
    kind: str
    type: str
    owner: str
    why: Why
    answer: str | None = None
    value: Any = None
    evaluations: int = 0
    last_evaluated: datetime | None = None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleReport:
    """What is stale since some days. ``cannot_tell`` says why it may be more than what is named; empty if it is all."""

    days: int
    since: datetime
    cannot_tell: str
    flags: tuple[Stale, ...]


def stale_report(tx: Transaction, environment: Environment, days: int, now: datetime) -> StaleReport:
    """The flags of an environment that nobody asked for in so many days, or that gave everybody the same answer."""
    since = midnight(now) - timedelta(days=days)
    uses, counted = uses_since(tx, environment.id, since), counted_since(tx, environment.id)
    cannot_tell = _cannot_tell(counted, uses, since)
    reads = _Reads(reads_since(tx, environment.id, since))
    flags = list(known_flags(tx, environment.id).values())
    found = list(_still_asked_for(flags, uses))
    if not cannot_tell:
        found += (reads.judged(flag, visible=visible) for flag, visible in _plain(flags, uses, since))
        features = _features(rollouts_in(tx, environment.id), uses, since)
        found += (reads.judged(feature, visible=visible) for feature, visible in features)
    return StaleReport(days=days, since=since, cannot_tell=cannot_tell, flags=tuple(found))


class _Reads:
    """Who read all flags at once: what they use of them is not known, so that none of them may be called stale."""

    def __init__(self, reads: Iterable[DocumentRead]) -> None:
        self._reads = tuple(reads)

    def judged(self, stale: Stale, *, visible: bool) -> Stale:
        """A flag that seems stale, or that it is not known; ``visible`` says whether pages see it."""
        read = next((read for read in self._reads if visible or read.reader is not Reader.PAGES), None)
        if read is None or stale.why is Why.STILL_ASKED_FOR:
            return stale
        who = f"{read.reader} with the key {read.key or 'that is gone'}"
        sentence = f"read as a document by {who}, last on {read.last_day:%Y-%m-%d}; not known"
        return replace(stale, why=Why.NOT_KNOWN, sentence=f"{stale.sentence}, but it is {sentence}")


def _cannot_tell(counted: datetime | None, uses: Uses, since: datetime) -> str:
    if counted is None:
        return "nobody was seen asking for a flag: no SDK reported it, and nobody asked for one by OFREP"
    if counted > since:
        return f"evaluations have been reported since {counted:%Y-%m-%d} only"
    return "" if uses else f"nobody was seen asking for any flag since {since:%Y-%m-%d}"


def _still_asked_for(flags: Iterable[PlainFlag], uses: Uses) -> Iterator[Stale]:
    for flag in flags:
        counts = {
            name: use for name, use in uses.get(flag.key, {}).items() if _is_after(use, flag.deleted_at)
        }
        if counts:
            when = f"{flag.deleted_at:%Y-%m-%d}"
            sentence = f"was deleted on {when} by {flag.deleted_by}, and product code still asks for it"
            yield _stale(flag, Why.STILL_ASKED_FOR, sentence, counts)


def _is_after(use: Use, deleted_at: datetime | None) -> bool:
    """Whether a flag was asked for on a day after that of its end."""
    return deleted_at is not None and use.last_day > deleted_at


def _plain(flags: Iterable[PlainFlag], uses: Uses, since: datetime) -> Iterator[tuple[Stale, bool]]:
    """Flags that seem stale, and whether pages see them."""
    for flag in flags:
        if flag.deleted_at is not None or flag.created_at > since:
            continue
        counts = uses.get(flag.key, {})
        if not counts:
            yield _stale(flag, Why.NOT_EVALUATED, _nobody(since), counts), flag.client_visible
        elif len(counts) == 1 and flag.changed_at <= since:
            yield _stale(flag, Why.SAME_ANSWER, _everybody(counts, since), counts), flag.client_visible


def _stale(flag: PlainFlag, why: Why, sentence: str, counts: Mapping[str, Use]) -> Stale:
    answer = next(iter(counts)) if why is Why.SAME_ANSWER else None
    return Stale(
        key=flag.key,
        kind="plain",
        type=flag.type,
        owner=flag.owner,
        why=why,
        sentence=sentence,
        answer=answer,
        value=flag.definition.get("variants", {}).get(answer),
        evaluations=sum(use.count for use in counts.values()),
        last_evaluated=max((use.last_day for use in counts.values()), default=None),
    )


def _features(
    stored: Iterable[StoredRollout | Broken], uses: Uses, since: datetime
) -> Iterator[tuple[Stale, bool]]:
    """Features that users have, or had: one that is not out yet is meant to be off for everybody."""
    for item in stored:
        if isinstance(item, Broken) or item.rollout.stage_since > since:
            continue
        rollout = item.rollout
        asked = [counts for name in flags_of_feature(rollout.feature) if (counts := uses.get(name))]
        if rollout.stage is Stage.STOPPED and asked:
            why = "is stopped, and product code still asks for it"
            yield _feature(item, Why.STILL_ASKED_FOR, why, asked), item.client_visible
        elif rollout.stage in EXPOSED and not asked:
            yield _feature(item, Why.NOT_EVALUATED, _nobody(since), asked), item.client_visible
        elif rollout.stage in EXPOSED and _is_constant(rollout, asked, since):
            yield _feature(item, Why.SAME_ANSWER, _everybody(asked[0], since), asked), item.client_visible


def _is_constant(rollout: Rollout, asked: Iterable[Mapping[str, Use]], since: datetime) -> bool:
    """Whether everybody got the same answer; behind the name of a variant stood another release before a change."""
    is_same = rollout.serving_since is None or rollout.serving_since <= since
    return is_same and all(len(counts) == 1 for counts in asked)


def _feature(item: StoredRollout, why: Why, sentence: str, asked: list[Mapping[str, Use]]) -> Stale:
    every = [use for counts in asked for use in counts.values()]
    return Stale(
        key=item.rollout.feature,
        kind="feature",
        type="object",
        owner="",
        why=why,
        sentence=sentence,
        answer=next(iter(asked[0])) if why is Why.SAME_ANSWER else None,
        evaluations=sum(use.count for use in every),
        last_evaluated=max((use.last_day for use in every), default=None),
    )


def _nobody(since: datetime) -> str:
    return f"nobody was seen asking for it since {since:%Y-%m-%d}"


def _everybody(counts: Mapping[str, Use], since: datetime) -> str:
    [(variant, use)] = counts.items()
    answer = "the default of the product" if variant == DEFAULT else variant
    return f"all {use.count} answers since {since:%Y-%m-%d} were {answer}"
