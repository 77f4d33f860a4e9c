"""Which triggers that may do something depend on a source, or on what is said of a feature."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from controller.store.database import Transaction
from controller.store.tables import environments, features, rollouts, triggers
from triggers import Arming

_GUARDED = (
    select(triggers.c.key, features.c.key.label("feature"), environments.c.key.label("environment"))
    .join(rollouts, rollouts.c.id == triggers.c.rollout_id)
    .join(features, features.c.id == rollouts.c.feature_id)
    .join(environments, environments.c.id == rollouts.c.environment_id)
    .where(environments.c.protected)
    .order_by(environments.c.key, features.c.key, triggers.c.key)
)


def relying_on_source(tx: Transaction, source_id: int) -> list[str]:
    """The triggers armed to hold or act in protected environments that read a source, by name."""
    armed = triggers.c.arming != Arming.SHADOW.value
    return _names(tx, _GUARDED.where(triggers.c.source_id == source_id, armed))


def acting_on_feature(tx: Transaction, feature_id: int) -> list[str]:
    """The triggers armed to act on a feature in protected environments, by name."""
    acts = triggers.c.arming == Arming.ACT.value
    return _names(tx, _GUARDED.where(rollouts.c.feature_id == feature_id, acts))


def _names(tx: Transaction, guarded: Select[Any]) -> list[str]:
    return [f"{row.key} of {row.feature} in {row.environment}" for row in tx.execute(guarded)]
