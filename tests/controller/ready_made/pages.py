"""What the page about ready-made triggers has to say, made from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.ready_made import Catalogue, ReadyMade
from stages import Tier


def trigger_rows(catalogue: Catalogue) -> Iterator[str]:
    """A row for each trigger: what it watches, why, its method, and limit and ladder for each tier."""
    for each in catalogue.triggers.values():
        cells = [f"`{each.key}`", f"{each.title}. {each.why}", f"`{each.shape['method']}`"]
        cells += [f"{_limit(each, tier)}: {_ladder(each.tiers[tier]['ladder'])}" for tier in Tier]
        yield f"| {' | '.join([*cells, each.limit_because])} |"


def telemetry_rows(catalogue: Catalogue) -> Iterator[str]:
    """A row for each telemetry: what it is, and what it cannot tell."""
    for each in catalogue.telemetries.values():
        told = [f"`{one.key}`" for one in catalogue.triggers.values() if not one.why_not(each)]
        yield f"| `{each.key}` | `{each.kind}` | {each.about} | {', '.join(told)} |"


def _limit(each: ReadyMade, tier: Tier) -> str:
    params: Mapping[str, Any] = {**each.shape.get("params", {}), **each.tiers[tier].get("params", {})}
    name = next(name for name in ("limit", "count", "amount") if name in params)
    return f"{name} {params[name]:g}"


def _ladder(ladder: list[Mapping[str, Any]]) -> str:
    return ", ".join(_rung(rung) for rung in ladder)


def _rung(rung: Mapping[str, Any]) -> str:
    after = rung.get("after_s", 0) // 60
    warning = " as a warning" if rung.get("severity") == "warning" else ""
    return f"{rung['do']}{warning}" + (f" after {after} min" if after else "")
