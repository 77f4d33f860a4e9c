"""Rollouts. `apply` is the only writer: state, change, announcement and new revision stand or fall together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.actors import Actor
from controller.errors import Conflict, NotFound, Problem, VersionConflict
from controller.store.changes import Change, record
from controller.store.columns import Broken, build, texts, typed
from controller.store.database import Transaction
from controller.store.projects import lock_environment, raise_revision
from controller.store.tables import environments, features, rollouts
from stages import WHOLE, Autonomy, Exposure, Mode, Replacement, Review, Rollout, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRollout:
    """A rollout with the ids of its row and its parents, and what its feature says of it."""

    id: int
    project_id: int
    feature_id: int
    environment_id: int
    protected: bool
    tier: str
    autonomy_cap: Autonomy
    fallback: str
    when_lost: str
    on_switch: str
    client_visible: bool = False
    rollout: Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutChange:
    """A move of a rollout, ready to be applied. ``after`` is one version above ``stored``."""

    stored: StoredRollout
    after: Rollout
    name: str
    actor: Actor
    reason: str
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)


def apply(tx: Transaction, change: RolloutChange) -> int:
    """Write a move: the rollout, its change row, the announcement and the environment's new revision.

    Returns:
        The new revision.

    Raises:
        VersionConflict: The rollout has been changed since it was read.
    """
    before = change.stored.rollout
    this = (rollouts.c.id == change.stored.id, rollouts.c.version == before.version)
    written = tx.execute(update(rollouts).where(*this).values(**_columns(change.after)))
    if not written.rowcount:
        now = tx.scalar(select(rollouts.c.version).where(rollouts.c.id == change.stored.id)) or 0
        raise VersionConflict(f"the rollout of {before.feature} in {before.environment}", now)
    revision = raise_revision(tx, change.stored.environment_id, change.at)
    record(
        tx,
        Change(
            project_id=change.stored.project_id,
            name=change.name,
            actor=change.actor,
            at=change.at,
            feature=before.feature,
            environment=before.environment,
            reason=change.reason,
            before=to_json(before),
            after=to_json(change.after),
            evidence={**change.evidence, "revision": revision},
        ),
    )
    return revision


def add_rollout(tx: Transaction, feature_id: int, environment_id: int, rollout: Rollout) -> None:
    """Put a feature at the beginning of its way in an environment."""
    tx.execute(
        insert(rollouts).values(feature_id=feature_id, environment_id=environment_id, **_columns(rollout))
    )
    raise_revision(tx, environment_id, rollout.stage_since)


def get_rollout(tx: Transaction, environment_id: int, feature: str) -> StoredRollout:
    """The rollout of a feature in an environment.

    Raises:
        NotFound: There is none.
        Conflict: Its row cannot be read.
    """
    found = rollouts_in(tx, environment_id, feature=feature)
    if not found:
        raise NotFound("feature", feature)
    if isinstance(found[0], Broken):
        raise Conflict(
            "broken",
            f"the rollout of {feature} cannot be read, and is served as off: {found[0].why}",
            Problem(
                "feature", "its row in the database is damaged", "mend the row, or restore it from a backup"
            ),
        )
    return found[0]


def lock_rollouts(tx: Transaction, *ids: int) -> None:
    """Keep everybody else from changing some rollouts of one environment until the transaction ends.

    Their environment is locked too, because everybody locks in one order: rollouts, environment, record of changes.
    """
    these = select(rollouts.c.environment_id).where(rollouts.c.id.in_(ids)).order_by(rollouts.c.id)
    for environment_id in set(tx.scalars(these.with_for_update(key_share=True))):
        lock_environment(tx, environment_id)


def lock_rollout(tx: Transaction, id: int) -> None:
    """Keep everybody else from changing one rollout; see `lock_rollouts`."""
    lock_rollouts(tx, id)


def rollouts_in(
    tx: Transaction,
    environment_id: int,
    *,
    feature: str | None = None,
    after: int = 0,
    limit: int = 1_000_000,
) -> list[StoredRollout | Broken]:
    """The rollouts of an environment, in the order they were made; rows that cannot be read come as Broken."""
    rows = JOINED.where(rollouts.c.environment_id == environment_id, rollouts.c.id > after)
    if feature is not None:
        rows = rows.where(features.c.key == feature)
    return [stored_rollout(row) for row in tx.execute(rows.order_by(rollouts.c.id).limit(limit))]


def rollout_by_id(tx: Transaction, id: int) -> StoredRollout | Broken | None:
    """The rollout with this id; None if it or its feature is gone."""
    row = tx.execute(JOINED.where(rollouts.c.id == id)).one_or_none()
    return stored_rollout(row) if row else None


def project_of(tx: Transaction, rollout_id: int) -> int | None:
    """The id of the project that a rollout belongs to, also where the rollout cannot be read; None: it is gone."""
    place = select(environments.c.project_id).join(rollouts, rollouts.c.environment_id == environments.c.id)
    return tx.scalar(place.where(rollouts.c.id == rollout_id))


def rollouts_by_id(tx: Transaction, ids: Collection[int]) -> dict[int, StoredRollout | Broken]:
    """The rollouts with these ids; those that are gone, or whose feature is, are left out."""
    return {row.id: stored_rollout(row) for row in tx.execute(JOINED.where(rollouts.c.id.in_(ids)))}


def to_json(rollout: Rollout) -> dict[str, Any]:
    """A rollout as JSON values, as it stands in changes."""
    return {
        "stage": rollout.stage.value,
        "stage_since": rollout.stage_since.isoformat(),
        "mode": rollout.mode.value,
        "exposure": exposure_to_json(rollout.exposure),
        "review": _review_to_json(rollout.review),
        "stable": rollout.stable,
        "candidate": rollout.candidate,
        "candidate_share": rollout.candidate_share,
        "previous": rollout.previous,
        "holds": sorted(rollout.holds),
        "replacement": rollout.replacement.value if rollout.replacement else None,
        "live_s": rollout.live_s,
        "live_since": rollout.live_since.isoformat() if rollout.live_since else None,
        "version": rollout.version,
    }


def exposure_to_json(exposure: Exposure) -> dict[str, Any]:
    """An exposure as JSON values."""
    return {
        "share": exposure.share,
        "cohorts": sorted(exposure.cohorts),
        "tasks": sorted(exposure.tasks),
        "languages": sorted(exposure.languages),
        "autonomy": exposure.autonomy.value,
    }


def exposure_from_json(stored: Mapping[str, Any]) -> Exposure:
    """The exposure that `exposure_to_json` wrote."""
    return Exposure(
        share=typed(int, stored["share"]),
        cohorts=frozenset(texts(stored["cohorts"])),
        tasks=frozenset(texts(stored["tasks"])),
        # A row from before there were languages has none.
        languages=frozenset(texts(stored.get("languages", []))),
        autonomy=Autonomy(stored["autonomy"]),
    )


JOINED = (
    # What `stored_rollout` makes a rollout from; features that were deleted are left out.
    select(
        rollouts,
        features.c.key.label("feature"),
        features.c.project_id,
        features.c.risk_tier,
        features.c.autonomy_cap,
        features.c.fallback,
        features.c.when_lost,
        features.c.on_switch,
        features.c.client_visible,
        environments.c.key.label("environment"),
        environments.c.protected,
    )
    .join(features, features.c.id == rollouts.c.feature_id)
    .join(environments, environments.c.id == rollouts.c.environment_id)
    .where(features.c.deleted_at.is_(None))
)


def _columns(rollout: Rollout) -> dict[str, Any]:
    instants = ("stage_since", "live_since", "serving_since")
    return to_json(rollout) | {name: getattr(rollout, name) for name in instants}


def stored_rollout(row: Row[Any]) -> StoredRollout | Broken:
    """A rollout from a row of `JOINED`; Broken if it cannot be read."""
    return build(
        row.id,
        row.feature,
        lambda: StoredRollout(
            id=row.id,
            project_id=row.project_id,
            feature_id=row.feature_id,
            environment_id=row.environment_id,
            protected=row.protected,
            tier=row.risk_tier,
            autonomy_cap=Autonomy(row.autonomy_cap),
            fallback=row.fallback,
            when_lost=row.when_lost,
            on_switch=row.on_switch,
            client_visible=row.client_visible is True,
            rollout=_rollout(row),
        ),
    )


def _rollout(row: Row[Any]) -> Rollout:
    return Rollout(
        feature=row.feature,
        environment=row.environment,
        stage=Stage(row.stage),
        stage_since=typed(datetime, row.stage_since),
        mode=Mode(row.mode),
        exposure=exposure_from_json(row.exposure),
        review=_review_from_json(row.review),
        stable=_release(row.stable),
        candidate=_release(row.candidate),
        candidate_share=_share(row.candidate_share),
        previous=_release(row.previous),
        holds=frozenset(texts(row.holds)),
        replacement=None if row.replacement is None else Replacement(row.replacement),
        live_s=typed(int, row.live_s),
        live_since=None if row.live_since is None else typed(datetime, row.live_since),
        serving_since=None if row.serving_since is None else typed(datetime, row.serving_since),
        version=typed(int, row.version),
    )


def _release(stored: object) -> str | None:
    return None if stored is None else typed(str, stored)


def _share(stored: object) -> int:
    share = typed(int, stored)
    if not 0 <= share <= WHOLE:
        raise ValueError(f"the share {share} is not between 0 and {WHOLE}")
    return share


def _review_to_json(review: Review) -> dict[str, Any]:
    return {
        "sample": review.sample,
        "below_confidence": review.below_confidence,
        "reviewers": list(review.reviewers),
    }


def _review_from_json(stored: Mapping[str, Any]) -> Review:
    confidence = stored["below_confidence"]
    return Review(
        sample=_share(stored["sample"]),
        below_confidence=None if confidence is None else float(confidence),
        reviewers=tuple(texts(stored["reviewers"])),
    )
