"""The ready-made triggers, read from the YAML beside this file, and what each becomes for a tier and a telemetry.

What comes out is the body of a request that adds a trigger, so that people can read and change it before it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from controller import strict_yaml
from stages import Tier

SHIPPED = Path(__file__).with_name("triggers.yaml")
_METRIC = re.compile(r"@(?P<metric>duration|tokens)_(?P<part>bucket|count|sum)\{")
_NEW = re.compile(r"@new\((?P<series>[^()]+)\)")
_TOTAL = re.compile(r"@total\((?P<series>[^()]+)\)")
_REMEMBERED = "15m"
"""For how long a series that was not scraped is taken for the same one when it is back."""
_OF_A_SOURCE = ("query", "method", "params", "scope", "window_s")
"""What one telemetry may say differently from the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Where numbers come from and how they are named there.

    ``kind`` is the kind of source that is asked, ``like`` the telemetry whose queries it shares, and ``spells`` how it
    writes the metrics of OpenTelemetry.
    """

    key: str
    kind: str
    about: str
    like: str
    spells: Mapping[str, str]

    def spelled(self, query: Mapping[str, str]) -> dict[str, str]:
        """A query with the metrics named as they are here, and what it counts written out."""
        return {part: self._spelled(text) for part, text in query.items()}

    def _spelled(self, text: str) -> str:
        counted = _NEW.sub(_new, _TOTAL.sub(_total, text))
        return _METRIC.sub(self._metric, counted)

    def _metric(self, found: re.Match[str]) -> str:
        name, part = self.spells[found["metric"]], found["part"]
        # A name with dots stands in quotes among the labels.
        return f'{{"{name}_{part}",' if "." in name else f"{name}_{part}{{"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMade:
    """A trigger before it is known for whom: ``why`` it is needed, and what its limits rest on (``limit_because``).

    ``sources`` holds what to ask each telemetry, ``lacking`` why the others cannot tell.
    """

    key: str
    trigger_class: str
    title: str
    why: str
    limit_because: str
    shape: Mapping[str, Any]
    tiers: Mapping[Tier, Mapping[str, Any]]
    sources: Mapping[str, Mapping[str, Any]]
    lacking: Mapping[str, str]

    def body(self, tier: Tier, telemetry: Telemetry, source: str) -> dict[str, Any] | None:
        """The trigger for features of a tier, asking a source of this telemetry; None if it cannot tell."""
        asked = self.sources.get(telemetry.like)
        if asked is None:
            return None
        own = {name: _for(tier, value) for name, value in asked.items()}
        made = {**self.shape, **self.tiers[tier], **own}
        named = {"key": self.key, "class": self.trigger_class, "source": source}
        return {**named, **made, "query": telemetry.spelled(made["query"])}

    def why_not(self, telemetry: Telemetry) -> str:
        """Why this telemetry cannot tell; empty if it can."""
        if telemetry.like in self.sources:
            return ""
        return self.lacking.get(telemetry.like, f"ask {' or '.join(self.sources)} for it")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All ready-made triggers, and the telemetries that they know."""

    telemetries: Mapping[str, Telemetry]
    triggers: Mapping[str, ReadyMade]


@cache
def load_catalogue() -> Catalogue:
    """Read the catalogue that comes with Headgate."""
    content = strict_yaml.loads(SHIPPED.read_bytes())
    return Catalogue(
        {each.key: each for each in _telemetries(content["telemetries"])},
        {each.key: each for each in _triggers(content["triggers"])},
    )


def _telemetries(content: Mapping[str, Any]) -> Iterator[Telemetry]:
    for key, value in content.items():
        like, spells = value.get("like", key), value.get("spells", {})
        yield Telemetry(key=key, kind=value["kind"], about=value["about"], like=like, spells=spells)


def _triggers(content: Mapping[str, Any]) -> Iterator[ReadyMade]:
    for key, value in content.items():
        yield ReadyMade(
            key=key,
            trigger_class=value["class"],
            title=value["title"],
            why=value["why"],
            limit_because=value["limit_because"],
            shape=value["shape"],
            tiers={Tier(tier): rest for tier, rest in value["tiers"].items()},
            sources={
                name: {part: asked[part] for part in _OF_A_SOURCE if part in asked}
                for name, asked in value["from"].items()
            },
            lacking=value["lacking"],
        )


def _new(counter: re.Match[str]) -> str:
    """What counters were increased by in the window, exactly, in windows that touch.

    ``increase()`` sees no step between the last sample of one window and the first of the next, and makes up for it by
    stretching what it saw: some answers would count twice and others not at all, and evidence that counts an answer
    twice is not what it says. Here each series is compared with itself as it was when the window began. One that
    fell began anew at 0, and so did one that is new.
    """
    series = counter["series"]
    now = f"last_over_time({series}[{_REMEMBERED}])"
    before = f"last_over_time({series}[{_REMEMBERED}] offset ${{window}})"
    return f"({now} - {before} >= 0 or {now})"


def _total(counter: re.Match[str]) -> str:
    """The sum of that while somebody counts: where nobody does, there is no data rather than nothing to count."""
    return f"sum(@new({counter['series']})) and on() count({counter['series']})"


def _for(tier: Tier, value: Any) -> Any:
    """The value for a tier, where it says something else for each."""
    by_tier = isinstance(value, Mapping) and set(value) == {each.value for each in Tier}
    return value[tier.value] if by_tier else value
