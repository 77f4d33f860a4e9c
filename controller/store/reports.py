"""Evaluation reports as they stand in a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from controller.store.columns import texts, typed
from stages import Dataset, EvalReport, Metric, MetricKind

_COUNTS = ("n", "passed", "failed", "errored", "unscored")


def report_to_json(report: EvalReport) -> dict[str, Any]:
    """A report as JSON values."""
    return {
        "tool": report.tool,
        "tool_version": report.tool_version,
        "run_id": report.run_id,
        "started_at": _written(report.started_at),
        "finished_at": _written(report.finished_at),
        "partial": report.partial,
        "subject": dict(report.subject),
        "dataset": {
            "name": report.dataset.name,
            "version": report.dataset.version,
            "size": report.dataset.size,
            "layers": dict(report.dataset.layers),
        },
        "metrics": [_metric_to_json(metric) for metric in report.metrics],
        "notes": list(report.notes),
    }


def report_from_json(stored: Mapping[str, Any]) -> EvalReport:
    """The report that `report_to_json` wrote."""
    dataset = stored["dataset"]
    return EvalReport(
        tool=typed(str, stored["tool"]),
        tool_version=typed(str, stored["tool_version"]),
        run_id=typed(str, stored["run_id"]),
        started_at=_read(stored["started_at"]),
        finished_at=_read(stored["finished_at"]),
        partial=typed(str, stored["partial"]),
        subject={name: typed(str, value) for name, value in stored["subject"].items()},
        dataset=Dataset(
            name=typed(str, dataset["name"]),
            version=typed(str, dataset["version"]),
            size=None if dataset["size"] is None else typed(int, dataset["size"]),
            layers={name: typed(int, count) for name, count in dataset["layers"].items()},
        ),
        metrics=tuple(_metric_from_json(metric) for metric in stored["metrics"]),
        notes=tuple(texts(stored["notes"])),
    )


def _metric_to_json(metric: Metric) -> dict[str, Any]:
    counts = {name: getattr(metric, name) for name in _COUNTS}
    return {"name": metric.name, "kind": metric.kind.value, "value": metric.value, **counts}


def _metric_from_json(stored: Mapping[str, Any]) -> Metric:
    return Metric(
        name=typed(str, stored["name"]),
        kind=MetricKind(stored["kind"]),
        value=None if stored["value"] is None else float(stored["value"]),
        **{name: typed(int, stored[name]) for name in _COUNTS},
    )


def _written(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _read(stored: object) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(typed(str, stored))
