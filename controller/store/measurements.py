"""What somebody measured of a feature's business metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from controller.store.database import Transaction
from controller.store.features import Feature
from controller.store.tables import measurements
from stages import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A value of the business metric, in its unit, as of ``at``."""

    id: int
    feature_id: int
    value: float
    at: datetime
    note: str
    reported_by: str
    reported_at: datetime


def add_measurement(tx: Transaction, **values: object) -> Measurement:
    """Record a value."""
    row = tx.execute(insert(measurements).values(**values).returning(measurements)).one()
    return Measurement(**row._mapping)


def measurements_of(
    tx: Transaction, feature_id: int, after: int = 0, limit: int = 1_000_000
) -> list[Measurement]:
    """The values of a feature, in the order they were reported."""
    page = select(measurements).where(measurements.c.feature_id == feature_id, measurements.c.id > after)
    return [Measurement(**row._mapping) for row in tx.execute(page.order_by(measurements.c.id).limit(limit))]


def latest_measurement(tx: Transaction, feature_id: int) -> Measurement | None:
    """The value that was measured last, whenever it was reported; None if there is none."""
    newest = select(measurements).where(measurements.c.feature_id == feature_id)
    row = tx.execute(
        newest.order_by(measurements.c.at.desc(), measurements.c.id.desc()).limit(1)
    ).one_or_none()
    return Measurement(**row._mapping) if row else None


def progress_of(tx: Transaction, feature: Feature) -> Progress | None:
    """Where the business metric of a feature stands; None if it has no target, or was never measured."""
    metric: Mapping[str, float] = (
        feature.business_metric if isinstance(feature.business_metric, Mapping) else {}
    )
    latest = latest_measurement(tx, feature.id)
    if latest is None or metric.get("target") is None:
        return None
    return Progress(
        baseline=metric.get("baseline"),
        target=metric["target"],
        value=latest.value,
        at=latest.at,
        window_s=int(metric.get("window_days") or 0) * 86_400,
    )
