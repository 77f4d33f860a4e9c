"""Asking one place many queries, in as few requests as their answers allow."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.http import OutboundError, TooLarge
from controller.sources.parts import Part
from triggers import Status

FIRST_TRY = 0.5
"""The share of the time left for joined queries, so that the rest suffices to ask them apart."""


class Spoiled(Exception):
    """Joined queries have no answer of their own each. ``part`` is what to say of all of them.

    ``by_one``: one of them may be to blame, so that the others would have an answer without it.
    """

    def __init__(self, part: Part, *, by_one: bool) -> None:
        super().__init__(part.message)
        self.part = part
        self.by_one = by_one


class Loners:
    """Queries that spoiled a request for others not long ago, and are asked alone for a while."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, for_s: float = 600.0, most: int = 500
    ) -> None:
        """A query is remembered ``for_s`` seconds; of more than ``most`` the oldest are forgotten."""
        self._clock = clock
        self._for_s = for_s
        self._most = most
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, query: str) -> None:
        """Remember a query."""
        self._until[query] = self._clock() + self._for_s
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def __contains__(self, query: str) -> bool:
        return self._until.get(query, -1.0) > self._clock()


@dataclass(frozen=True, slots=True)
class Way:
    """How one place is asked. Both wait so many seconds, and may raise OutboundError.

    ``together`` gives one part for each query in their order, or raises `Spoiled`. ``groups`` makes requests of
    bearable size.
    """

    alone: Callable[[str, float], Part]
    together: Callable[[Sequence[str], float], Sequence[Part]]
    groups: Callable[[Sequence[str]], Iterator[Sequence[str]]]
    is_joinable: Callable[[str], bool] = lambda _query: True


class Asking:
    """One round of queries. It is over ``until``, by ``clock``."""

    def __init__(self, way: Way, loners: Loners, clock: Callable[[], float], until: float) -> None:
        """Nothing is sent yet."""
        self._way = way
        self._loners = loners
        self._clock = clock
        self._until = until
        self._failure: Part | None = None
        self._parts: dict[str, Part] = {}

    def answers(self, queries: Iterable[str]) -> Mapping[str, Part]:
        """What was answered to each query; one that is named twice is asked once."""
        distinct = list(dict.fromkeys(queries))
        together = [query for query in distinct if self._way.is_joinable(query) and query not in self._loners]
        for group in self._way.groups(together):
            self._ask_together(group)
        # What may be slow or wrong comes last, so that it takes no time from the others.
        alone = [query for query in distinct if query not in self._parts]
        for place, query in enumerate(alone, 1):
            self._ask_alone(query, 1.0 if place == len(alone) else FIRST_TRY)
        return self._parts

    def _ask_together(self, queries: Sequence[str]) -> None:
        if len(queries) == 1:
            self._ask_alone(queries[0])
            return
        if self._failure or self._left_s() <= 0:
            self._give_up(queries)
            return
        try:
            parts = self._way.together(queries, self._left_s() * FIRST_TRY)
            self._parts.update(zip(queries, parts, strict=True))
        except TooLarge:
            self._ask_halves(queries)
        except OutboundError as error:
            self._fail(queries, Part(Status.ERROR, message=str(error)))
        except Spoiled as spoiled:
            if spoiled.by_one:
                self._ask_halves(queries)
            else:
                self._fail(queries, spoiled.part)

    def _ask_halves(self, queries: Sequence[str]) -> None:
        """Find out who spoiled the answer for the others."""
        half = len(queries) // 2
        for part in (queries[:half], queries[half:]):
            if len(part) == 1:
                self._ask_alone(part[0], FIRST_TRY)
                self._note(part[0])
            else:
                self._ask_together(part)

    def _note(self, query: str) -> None:
        part = self._parts[query]
        if part.status in (Status.ERROR, Status.INVALID) or part.warnings:
            self._loners.add(query)

    def _ask_alone(self, query: str, share: float = 1.0) -> None:
        """Ask one query, in a share of the time left."""
        if self._failure or self._left_s() <= 0:
            self._give_up([query])
            return
        try:
            self._parts[query] = self._way.alone(query, self._left_s() * share)
        except OutboundError as error:
            self._parts[query] = Part(Status.ERROR, message=str(error))

    def _fail(self, queries: Sequence[str], part: Part) -> None:
        """The place itself is in trouble: whatever else was to be asked of it now has the same answer."""
        self._failure = part
        self._give_up(queries)

    def _give_up(self, queries: Sequence[str]) -> None:
        nothing = Part(Status.ERROR, message="the queries before this one took all the time")
        self._parts.update(dict.fromkeys(queries, self._failure or nothing))

    def _left_s(self) -> float:
        return self._until - self._clock()
