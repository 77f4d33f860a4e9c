"""How often each flag was answered with which variant, counted without a lock."""

from __future__ import annotations

from typing import Final

MAX_TALLIES: Final = 50_000
"""How many pairs of flag and variant are counted; those beyond are not."""

MAX_TAKEN: Final = 5_000
"""How many of them are taken at once; the others come with the next."""

MAX_COUNTED: Final = 10**9
MAX_VARIANTS: Final = 200
"""How much of one variant, and how many variants of one flag, are taken at once."""

Counts = dict[str, dict[str, int]]
"""Numbers by variant by flag; "default" stands for the caller's own default."""


class Tally:
    """One counter. Only ever goes up, and outlives the documents its flag is in.

    Counting is one addition to a slot, which CPython does not interrupt while it has its global lock; an
    interpreter without one may miss a few.
    """

    __slots__ = ("count", "told")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.count = 0
        self.told = 0


class Tallies:
    """All counters of a client."""

    def __init__(self) -> None:
        """There are none yet."""
        self._tallies: dict[tuple[str, str], Tally] = {}

    def of(self, flag: str, variant: str | None) -> Tally:
        """Return the counter of a flag's variant; with None that of the caller's default."""
        key = (flag, "default" if variant is None else variant)
        known = self._tallies.get(key)
        if known is not None:
            return known
        if len(self._tallies) >= MAX_TALLIES:
            return Tally()
        return self._tallies.setdefault(key, Tally())

    def take(self) -> tuple[Counts, dict[Tally, int]]:
        """Return what was counted since the last ``settle``, and what to settle once that has arrived."""
        counts: Counts = {}
        seen: dict[Tally, int] = {}
        for (flag, variant), tally in tuple(self._tallies.items()):
            count = tally.count
            if count > tally.told and len(seen) < MAX_TAKEN and len(counts.get(flag, ())) < MAX_VARIANTS:
                taken = min(count - tally.told, MAX_COUNTED)
                counts.setdefault(flag, {})[variant] = taken
                seen[tally] = tally.told + taken
        return counts, seen

    def settle(self, seen: dict[Tally, int]) -> None:
        """Note that what ``take`` returned has arrived."""
        for tally, count in seen.items():
            tally.told = count

    def forget(self) -> None:
        """Count from here on only: in a process just forked, the counts so far are the parent's."""
        for tally in tuple(self._tallies.values()):
            tally.told = tally.count
