"""What the chart of a trigger draws: for each method what it compares, and the limit it compares that with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import singledispatch
from math import log
from typing import Any

from triggers import Method
from triggers.methods import AnyEvent, Budget, BurnRate, Evidence, EvidenceCusum, Threshold
from triggers.methods.burn_rate import pairs_of

Numbers = Mapping[str, float]


class Role(StrEnum):
    """How a curve is to be understood, and so how it is drawn."""

    MEASURED = "measured"
    BESIDE = "beside"
    """Measured too, but not what is compared first."""
    WARNING = "warning"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a chart; ``of`` takes it from the numbers of a judgement, None where they do not tell."""

    label: str
    role: Role
    of: Callable[[Numbers], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The curves of a method. ``unit``: share, times, evidence, a currency, or nothing for a plain number.

    ``known`` are the limits that are known without any judgement.
    """

    unit: str
    curves: tuple[Curve, ...]
    known: Numbers

    def drawn(self, judged: Iterable[Numbers]) -> list[dict[str, Any]]:
        """Each curve with its values; what was never told is left out, and a limit that is known is always there."""
        told = list(judged)
        found = (_values(curve, told, self.known) for curve in self.curves)
        return [each for each in found if any(value is not None for value in each["values"])]


def _values(curve: Curve, judged: list[Numbers], known: Numbers) -> dict[str, Any]:
    values = [short(curve.of(numbers)) for numbers in judged]
    if curve.role in (Role.LIMIT, Role.WARNING):
        values = _lasting(values, short(curve.of(known)))
    return {"label": curve.label, "role": curve.role.value, "values": values}


def _lasting(values: list[float | None], known: float | None) -> list[float | None]:
    """A limit holds where nothing could be judged as well: as it was before, or else as it was first."""
    lasting, latest = [], next((value for value in values if value is not None), known)
    for value in values:
        latest = latest if value is None else value
        lasting.append(latest)
    return lasting


def short(value: float | None) -> float | None:
    """A number with as many digits as can be seen on a chart."""
    return None if value is None else float(f"{value:.5g}")


@singledispatch
def drawing_of(method: Method, *, is_share: bool) -> Drawing:  # noqa: ARG001 - of use to some
    """How a method is drawn. ``is_share``: what it measures is a share of answers."""
    statistic, line = method.shown
    return Drawing(unit="", curves=(_measured(statistic), _limit(line)), known={})


def compared(method: Method, *, is_share: bool) -> Drawing:
    """The same with the two numbers alone that the method compares."""
    statistic, line = method.shown
    return replace(
        drawing_of(method, is_share=is_share), curves=(_measured(statistic), _limit(line, "limit"))
    )


@drawing_of.register
def _(method: Threshold, *, is_share: bool) -> Drawing:
    curves = (_measured("measured"), _curve("baseline", "baseline", Role.BESIDE), _limit("limit"))
    return Drawing(unit="share" if is_share else "", curves=curves, known={"limit": method.limit})


@drawing_of.register
def _(method: AnyEvent, *, is_share: bool) -> Drawing:  # noqa: ARG001 - it counts
    curves = (_measured("seen", "counted"), _limit("limit", "enough"))
    return Drawing(unit="", curves=curves, known={"limit": method.count})


@drawing_of.register
def _(method: Evidence, *, is_share: bool) -> Drawing:  # noqa: ARG001 - it weighs
    return _weighed(1 / method.alpha)


@drawing_of.register
def _(method: EvidenceCusum, *, is_share: bool) -> Drawing:  # noqa: ARG001 - it weighs
    return _weighed(method.run_length)


@drawing_of.register
def _(method: BurnRate, *, is_share: bool) -> Drawing:  # noqa: ARG001 - it is a rate
    curves = (
        Curve("long window", Role.MEASURED, lambda numbers: _burn(numbers, "")),
        Curve("short window", Role.BESIDE, lambda numbers: _burn(numbers, "_short")),
        _limit("factor", "too fast"),
    )
    slowest = min(pair.factor for pair in pairs_of(method))
    return Drawing(unit="times", curves=curves, known={"factor": slowest})


@drawing_of.register
def _(method: Budget, *, is_share: bool) -> Drawing:  # noqa: ARG001 - it is money
    curves = (
        _measured("spent"),
        _curve("projected", "by the end of the period", Role.BESIDE),
        _curve("alert_at", "warns", Role.WARNING),
        _limit("shutdown_at", "shuts down"),
    )
    known = {"alert_at": method.alert * method.amount, "shutdown_at": method.shutdown * method.amount}
    return Drawing(
        unit=method.currency, curves=curves if method.project else curves[:1] + curves[2:], known=known
    )


def _weighed(odds: float) -> Drawing:
    curves = (_measured("evidence"), _limit("needed"))
    return Drawing(unit="evidence", curves=curves, known={"needed": log(odds)})


def _burn(numbers: Numbers, which: str) -> float | None:
    """How many times too fast the allowance is used up."""
    total, limit = numbers.get(f"total{which}"), numbers.get("limit")
    return numbers.get(f"bad{which}", 0) / total / limit if total and limit else None


def _curve(name: str, label: str, role: Role) -> Curve:
    return Curve(label, role, lambda numbers: numbers.get(name))


def _measured(name: str, label: str = "") -> Curve:
    return _curve(name, label or name, Role.MEASURED)


def _limit(name: str, label: str = "") -> Curve:
    return _curve(name, label or name, Role.LIMIT)


def nearness(statistic: float | None, line: float | None, *, below: bool) -> float | None:
    """How far it was of how far it may be: 1 is at the limit, `FARTHEST` the most. None where that cannot be told."""
    if statistic is None or line is None:
        return None
    far, may = (line, statistic) if below else (statistic, line)
    if may <= 0:
        return FARTHEST if far > may else 0.0
    return min(max(far / may, 0.0), FARTHEST)


FARTHEST = 3.0
"""More than three times the limit looks like three times."""


def together_on(
    settings: Iterable[tuple[str, Mapping[float, float | None]]],
) -> tuple[list[float], list[dict[str, Any]]]:
    """Several courses over time on one time axis: the times, and a curve for each; where one has no point is a gap."""
    found = list(settings)
    times = sorted({at for _, course in found for at in course})
    return times, list(_beside(found, times))


def _beside(
    found: list[tuple[str, Mapping[float, float | None]]], times: list[float]
) -> Iterator[dict[str, Any]]:
    for number, (label, course) in enumerate(found):
        role = Role.BESIDE if number else Role.MEASURED
        yield {"label": label, "role": role.value, "values": [short(course.get(at)) for at in times]}
    yield {"label": "limit of each", "role": Role.LIMIT.value, "values": [1.0] * len(times)}
