"""Triggers as they are stored: their definition, what they remember, and what they last said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from controller.errors import Conflict, NotFound, VersionConflict
from controller.store.claims import next_fence
from controller.store.columns import Broken, build, typed
from controller.store.database import Transaction
from controller.store.sources import readable_settings
from controller.store.tables import features, readings, rollouts, sources, trigger_rules, triggers
from triggers import METHODS, Arming, State, Trigger, Verdict, rule_from_json, rule_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrigger:
    """A trigger with the ids of its row and its parents, its source, the tier of its feature, and where it stands.

    ``seen_at`` is when there was last something to judge, None if never.
    """

    id: int
    rollout_id: int
    source_id: int
    source_key: str
    source_kind: str
    source_settings: Mapping[str, Any]
    query: Mapping[str, str]
    version: int
    tier: str
    trigger: Trigger
    state: State
    verdict: str | None
    sentence: str
    evaluated_at: datetime | None
    seen_at: datetime | None
    due_at: datetime
    watching_since: datetime
    muted_until: datetime | None = None
    muted_by: str = ""
    mute_reason: str = ""

    def is_muted(self, now: datetime) -> bool:
        """Whether it does nothing for a while, because somebody said so."""
        return self.muted_until is not None and now < self.muted_until

    @property
    def rule(self) -> Trigger:
        """The trigger as it is judged: what it leaves open goes by the tier of its feature."""
        return self.trigger.on_tier(self.tier)


def add_trigger(
    tx: Transaction,
    rollout_id: int,
    source_id: int,
    query: Mapping[str, str],
    trigger: Trigger,
    now: datetime,
) -> StoredTrigger:
    """Add a trigger to a rollout; it is due at once.

    Raises:
        Conflict: The key is taken.
    """
    if tx.scalar(_row(rollout_id, trigger.key).with_only_columns(triggers.c.id)):
        raise Conflict("key_taken", f"there is a trigger {trigger.key!r} already; choose another key")
    fresh = State(epoch_at=now)
    values = {
        "rollout_id": rollout_id,
        "version": 1,
        "state": fresh.to_json(),
        "watching_since": now,
        "due_at": now,
        "created_at": now,
    }
    tx.execute(insert(triggers).values(**values, **_columns(source_id, query, trigger)))
    return get_trigger(tx, rollout_id, trigger.key)


def change_trigger(
    tx: Transaction,
    stored: StoredTrigger,
    source_id: int,
    query: Mapping[str, str],
    trigger: Trigger,
    now: datetime,
) -> StoredTrigger:
    """Replace a trigger's definition. A new version is a new epoch for what it remembers.

    It is due within its new interval, and an evaluation under the old definition that is under way counts for nothing.

    Raises:
        VersionConflict: Somebody else did so since it was read.
    """
    this = (triggers.c.id == stored.id, triggers.c.version == stored.version)
    values = _columns(source_id, query, trigger) | {
        "version": stored.version + 1,
        "due_at": min(stored.due_at, now + timedelta(seconds=trigger.interval_s)),
        "fence": next_fence(),
        "lease_until": None,
    }
    if replace(stored.trigger, arming=trigger.arming) != trigger or dict(query) != dict(stored.query):
        values["watching_since"] = now
    if not tx.execute(update(triggers).where(*this).values(**values)).rowcount:
        latest = tx.scalar(select(triggers.c.version).where(triggers.c.id == stored.id)) or 0
        raise VersionConflict(f"the trigger {trigger.key}", latest)
    # What was judged by it can be judged again.
    rule = {"trigger_id": stored.id, "version": stored.version, "rule": rule_to_json(stored.rule)}
    tx.execute(insert(trigger_rules).values(**rule))
    return get_trigger(tx, stored.rollout_id, trigger.key)


def rule_at(tx: Transaction, stored: StoredTrigger, version: int) -> Trigger | None:
    """The rule of a trigger in one of its versions; None if it was not kept.

    Raises:
        ValueError, TypeError, KeyError: It cannot be read.
    """
    if version == stored.version:
        return stored.rule
    this = (trigger_rules.c.trigger_id == stored.id, trigger_rules.c.version == version)
    rule = tx.scalar(select(trigger_rules.c.rule).where(*this))
    return None if rule is None else rule_from_json(rule)


_HIGHEST_VERSION = 2**31 - 1


def mend_trigger(
    tx: Transaction,
    broken: Broken,
    source_id: int,
    query: Mapping[str, str],
    trigger: Trigger,
    now: datetime,
) -> StoredTrigger:
    """Put a definition in the place of a row that cannot be read; it begins like a new trigger."""
    row = triggers.c
    latest = tx.scalar(select(func.max(readings.c.slot)).where(readings.c.trigger_id == broken.id))
    version = tx.scalar(select(row.version).where(row.id == broken.id))
    values = _columns(source_id, query, trigger) | {
        "version": version + 1 if isinstance(version, int) and 0 < version < _HIGHEST_VERSION else 1,
        "state": State(epoch_at=now).to_json(),
        "verdict": None,
        "sentence": "",
        "evaluated_at": None,
        "broken": None,
        # A slot is recorded once only, also the one under which the row was last evaluated.
        "due_at": now if latest is None or latest < now else now + timedelta(seconds=trigger.interval_s),
        "lease_until": None,
        "fence": next_fence(),
    }
    tx.execute(update(triggers).where(row.id == broken.id).values(**values))
    return get_trigger(
        tx, tx.execute(select(row.rollout_id).where(row.id == broken.id)).scalar_one(), trigger.key
    )


def mute_trigger(tx: Transaction, id: int, until: datetime | None, by: str, reason: str) -> None:
    """Let a trigger do nothing until an instant; None: let it act again."""
    values = {"muted_until": until, "muted_by": by, "mute_reason": reason}
    tx.execute(update(triggers).where(triggers.c.id == id).values(**values))


def remember(tx: Transaction, id: int, state: State) -> None:
    """Set what a trigger remembers, outside an evaluation; one that is under way counts for nothing."""
    values = {"state": state.to_json(), "fence": next_fence(), "lease_until": None}
    tx.execute(update(triggers).where(triggers.c.id == id).values(**values))


def drop_trigger(tx: Transaction, id: int) -> None:
    """Remove a trigger and its readings; the record of changes keeps what it did."""
    tx.execute(delete(triggers).where(triggers.c.id == id))


def trigger_keys(tx: Transaction, feature_id: int) -> set[str]:
    """The keys of the triggers of a feature, in whichever environment."""
    keys = select(triggers.c.key).join(rollouts, rollouts.c.id == triggers.c.rollout_id)
    return set(tx.scalars(keys.where(rollouts.c.feature_id == feature_id)))


def drop_triggers_of(tx: Transaction, feature_id: int) -> None:
    """Remove the triggers of a feature, in every environment."""
    mine = select(rollouts.c.id).where(rollouts.c.feature_id == feature_id)
    tx.execute(delete(triggers).where(triggers.c.rollout_id.in_(mine)))


def get_trigger(tx: Transaction, rollout_id: int, key: str) -> StoredTrigger:
    """One trigger of a rollout.

    Raises:
        NotFound: There is none.
        ValueError: Its row cannot be read.
    """
    row = tx.execute(_row(rollout_id, key)).one_or_none()
    if row is None:
        raise NotFound("trigger", key)
    return _readable(_stored(row))


def triggers_by_id(tx: Transaction, ids: Collection[int]) -> dict[int, StoredTrigger | Broken]:
    """The triggers with these ids; those that are gone are left out."""
    return {row.id: _stored(row) for row in tx.execute(_JOINED.where(triggers.c.id.in_(ids)))}


def triggers_of(tx: Transaction, rollout_id: int) -> list[StoredTrigger | Broken]:
    """The triggers of a rollout, in the order they were made; rows that cannot be read come as Broken."""
    rows = tx.execute(_JOINED.where(triggers.c.rollout_id == rollout_id).order_by(triggers.c.id))
    return [_stored(row) for row in rows]


def triggers_by_rollout(tx: Transaction, rollout_ids: list[int]) -> dict[int, list[StoredTrigger | Broken]]:
    """The triggers of many rollouts."""
    found: dict[int, list[StoredTrigger | Broken]] = {id: [] for id in rollout_ids}
    rows = tx.execute(_JOINED.where(triggers.c.rollout_id.in_(rollout_ids)).order_by(triggers.c.id))
    for row in rows:
        found[row.rollout_id].append(_stored(row))
    return found


_others = triggers.alias("others")
_SHARING = [name for name, method in METHODS.items() if method.shares_alarms]

_JOINED = (
    select(
        triggers,
        features.c.risk_tier.label("tier"),
        # What a shadow says alarms nobody, so it takes nothing from those that act.
        select(func.count())
        .where(
            _others.c.rollout_id == triggers.c.rollout_id,
            _others.c.id != triggers.c.id,
            _others.c.method.in_(_SHARING),
            _others.c.arming != Arming.SHADOW.value,
        )
        .scalar_subquery()
        .label("others_sharing"),
        sources.c.key.label("source_key"),
        sources.c.kind.label("source_kind"),
        sources.c.settings.label("source_settings"),
    )
    .join(sources, sources.c.id == triggers.c.source_id)
    .join(rollouts, rollouts.c.id == triggers.c.rollout_id)
    .join(features, features.c.id == rollouts.c.feature_id)
)


def _row(rollout_id: int, key: str) -> Any:
    return _JOINED.where(triggers.c.rollout_id == rollout_id, triggers.c.key == key)


def _columns(source_id: int, query: Mapping[str, str], trigger: Trigger) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "query": dict(query),
        **rule_to_json(trigger),
    }


def _readable(item: StoredTrigger | Broken) -> StoredTrigger:
    if isinstance(item, Broken):
        raise ValueError(f"the trigger {item.key} cannot be read: {item.why}")  # noqa: TRY004 - the data is wrong
    return item


def _stored(row: Row[Any]) -> StoredTrigger | Broken:
    if row.broken is not None:
        return Broken(row.id, row.key, row.broken)
    return build(row.id, row.key, lambda: _built(row))


def _built(row: Row[Any]) -> StoredTrigger:
    typed(datetime, row.due_at)
    for instant in (row.lease_until, row.evaluated_at, row.seen_at):
        if instant is not None:
            typed(datetime, instant)
    return StoredTrigger(
        id=row.id,
        rollout_id=row.rollout_id,
        source_id=row.source_id,
        source_key=row.source_key,
        source_kind=row.source_kind,
        source_settings=readable_settings(row.source_settings),
        query=dict(typed(dict, row.query)),
        version=typed(int, row.version),
        tier=row.tier,
        trigger=rule_from_json(row._asdict(), 1 + row.others_sharing),
        state=State.from_json(row.state),
        verdict=None if row.verdict is None else Verdict(row.verdict).value,
        sentence=row.sentence,
        evaluated_at=row.evaluated_at,
        seen_at=row.seen_at,
        due_at=row.due_at,
        watching_since=typed(datetime, row.created_at if row.watching_since is None else row.watching_since),
        muted_until=None if row.muted_until is None else typed(datetime, row.muted_until),
        muted_by=row.muted_by,
        mute_reason=row.mute_reason,
    )
