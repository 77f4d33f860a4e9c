"""What is asked of Langfuse, and what its rows answer.

One request answers many questions: whoever asks about the same thing in the same window shares it, grouped by feature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.sources.parts import number_part
from controller.sources.source import BadQuery
from triggers import Reading, Status, Window

MEASURES = (
    *("latency", "timeToFirstToken", "inputTokens", "outputTokens", "totalTokens", "inputCost", "outputCost"),
    "totalCost",
)
AGGREGATIONS = ("avg", "max", "min", "p50", "p75", "p90", "p95", "p99", "sum")
MAX_ROWS = 1000

_CATEGORY = "stringValue"
_COUNT = "count_count"


@dataclass(frozen=True, slots=True)
class Topic:
    """What a question is about, whoever's answers it is about. ``name`` is that of a score."""

    view: str
    name: str = ""
    measure: str = "value"
    aggregation: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Topic:
        """What a query is about.

        Raises:
            BadQuery: It asks for what Langfuse cannot tell.
        """
        aggregation = query.get("aggregation", "")
        if aggregation and aggregation not in AGGREGATIONS:
            raise BadQuery(
                "aggregation", f"{aggregation!r} is unknown", f"use one of {', '.join(AGGREGATIONS)}"
            )
        if "measure" in query:
            if query["measure"] not in MEASURES:
                raise BadQuery(
                    "measure", f"{query['measure']!r} is unknown", f"use one of {', '.join(MEASURES)}"
                )
            return cls("observations", measure=query["measure"], aggregation=aggregation)
        if aggregation and "bad" in query:
            raise BadQuery(
                "bad", "goes with categories, and aggregation with numbers", "leave one of them out"
            )
        if aggregation:
            return cls("scores-numeric", query["score"], aggregation=aggregation)
        if "bad" in query:
            return cls("scores-categorical", query["score"])
        return cls("scores-boolean", query["score"], aggregation="avg")

    @property
    def by_category(self) -> bool:
        """Whether answers are counted by the category that a score gave them."""
        return self.view == "scores-categorical"

    def request(
        self,
        window: tuple[datetime, datetime],
        whose: Mapping[str, Iterable[str]],
        environment: str,
        *,
        old: bool,
    ) -> dict[str, Any]:
        """The query for one window. ``whose`` gives the dimensions to group by with the values that matter.

        ``old``: version 1, which counts true and false among the numbers.
        """
        metrics = [{"measure": "count", "aggregation": "count"}]
        if self.aggregation:
            metrics.append({"measure": self.measure, "aggregation": self.aggregation})
        fields = [*whose, *((_CATEGORY,) if self.by_category else ())]
        filters = [_any_of(dimension, values) for dimension, values in whose.items()]
        if self.name:
            filters.append({"column": "name", "operator": "=", "value": self.name, "type": "string"})
        if environment:
            filters.append(_any_of("environment", [environment]))
        start, end = (moment.isoformat().replace("+00:00", "Z") for moment in window)
        return {
            "view": "scores-numeric" if old and self.view == "scores-boolean" else self.view,
            "metrics": metrics,
            "dimensions": [{"field": name} for name in fields],
            "filters": filters,
            "timeDimension": None,
            "fromTimestamp": start,
            "toTimestamp": end,
            "orderBy": None,
            "config": {"row_limit": MAX_ROWS},
        }

    def reading(self, rows: Sequence[Mapping[str, Any]], query: Mapping[str, str], window: Window) -> Reading:
        """What the rows about one feature, and perhaps one of its releases, answer to a query."""
        counts = [number_part(row.get(_COUNT)) for row in rows]
        total = sum(count.number for count in counts)
        if any(count.status is not Status.OK for count in counts):
            return Reading.missing(Status.ERROR, window, "a row of the answer has no count")
        if not total:
            return Reading.missing(Status.NO_DATA, window, "nothing of it was recorded in the window")
        if self.by_category:
            bad = sum(
                count.number
                for row, count in zip(rows, counts, strict=True)
                if row.get(_CATEGORY) == query["bad"]
            )
            return Reading.ratio(window, bad, total)
        if len(rows) > 1:
            return Reading.missing(Status.INVALID, window, f"{len(rows)} rows match, not one")
        return self._aggregated(rows[0], total, window)

    def _aggregated(self, row: Mapping[str, Any], total: float, window: Window) -> Reading:
        value = number_part(row.get(f"{self.aggregation}_{self.measure}"))
        if value.status is not Status.OK:
            return Reading.missing(value.status, window, value.message)
        if self.view == "scores-boolean":
            return Reading.ratio(window, value.number * total, total)
        return Reading.gauge(window, value.number, total)


def _any_of(column: str, values: Iterable[str]) -> dict[str, Any]:
    return {"column": column, "operator": "any of", "value": sorted(values), "type": "stringOptions"}
