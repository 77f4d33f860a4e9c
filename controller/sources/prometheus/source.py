"""The source itself: its settings, and readings made of the answers to its queries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from controller.http import Answer, OutboundError
from controller.sources.access import Access
from controller.sources.asking import Asking, Loners, Spoiled, Way
from controller.sources.parts import NEWEST, Part, reading_of
from controller.sources.prometheus.answers import over_time, taken_apart, understood
from controller.sources.prometheus.joining import groups, is_joinable, joined
from controller.sources.source import (
    BadQuery,
    BadSetting,
    Question,
    SecretPlace,
    Shape,
    Source,
    Tried,
    shape_of,
)
from controller.sources.template import BadTemplate, MissingValue, Template, milliseconds
from controller.sources.web import WEB_SETTINGS, Entered, Web, secrets_in, web_from
from controller.sources.wording import one_line
from triggers import Reading, Status, Window

_PATH = "/api/v1/query"
_RANGE_PATH = "/api/v1/query_range"
_RANGE_POINTS = 10_000
"""Prometheus refuses more than 11,000 points in one answer."""
_RANGE_BYTES = 8 << 20
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_RESERVED_PARAMS = ("query", "time", "timeout")
_EVALUATION_SHARE = 0.9
"""How much of the time left the server may spend, so that it can still say itself that it was too slow."""


class Prometheus(Source):
    """One server with the Prometheus query API, asked about the end of the window."""

    kind: ClassVar[str] = "prometheus"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.RATIO, Shape.COUNT, Shape.VALUE)
    at_once: ClassVar[int] = 500
    longest_history: ClassVar[int] = 50_000
    reads_samples: ClassVar[bool] = True

    def __init__(
        self,
        web: Web,
        *,
        params: Mapping[str, str] | None = None,
        loners: Loners | None = None,
    ) -> None:
        """``params`` go with every query. ``loners`` remembers what cannot be asked together with others."""
        self._web = web
        self._params = dict(params or {})
        self._loners = loners or Loners(self.clock)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from the settings of a web source, whose ``url`` ends before ``/api/v1``, and ``params``.

        Raises:
            BadSetting: A setting is missing, unknown or cannot be used.
        """
        entered = Entered(settings, (*WEB_SETTINGS, "params"))
        web = web_from(entered, access)
        if "/api/v1" in web.url:
            raise BadSetting("url", "contains /api/v1", "enter the address up to there")
        loners = access.memory.of((cls.kind, "loners", web.url), lambda: Loners(time.monotonic))
        return cls(web, params=_params(entered), loners=loners)

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """See `Source.secrets_in`."""
        return secrets_in(settings)

    def check_leads(self) -> None:
        """See `Source.check_leads`."""
        self._web.check_leads()

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`; the server's own opinion of a query is known only when it is asked."""
        shape_of(query, self.shapes)
        for part, text in query.items():
            _template(part, text)

    def follows_window(self, query: Mapping[str, str]) -> bool:
        """See `Source.follows_window`."""
        return all("${window}" in text for part, text in query.items() if part != NEWEST)

    def test(self, deadline_s: float) -> Tried:
        """See `Source.test`."""
        part = self._ask("vector(1)", datetime.now(UTC), deadline_s)
        if part.status in (Status.OK, Status.PARTIAL):
            said = "; ".join(("it answers queries", *part.warnings))
            return Tried(works=True, message=self._web.redact(said))
        return Tried(works=False, message=self._web.redact(part.message))

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """See `Source.read`. ``deadline_s`` is for all queries of the reading together."""
        prepared = self._prepared(Question(query, variables, window))
        until = self.clock() + deadline_s
        parts: dict[str, Part] = {}
        for part in prepared.parts:
            if not any(answered.status is Status.ERROR for answered in parts.values()):
                parts[part] = self._ask(prepared.asked[part], window.end, until - self.clock())
        return self._shown(prepared.reading(parts))

    def read_many(self, questions: Sequence[Question], deadline_s: float) -> list[Reading]:
        """See `Source.read_many`. Queries about the same moment are joined into one request."""
        until = self.clock() + deadline_s
        prepared = [self._prepared(question) for question in questions]
        queries: dict[datetime, list[str]] = {}
        for each in prepared:
            queries.setdefault(each.window.end, []).extend(each.queries)
        answers = {end: self._asking(end, until).answers(asked) for end, asked in queries.items()}
        readings = [
            each.reading({part: answers[each.window.end][each.asked[part]] for part in each.parts})
            for each in prepared
        ]
        return [self._shown(reading) for reading in readings]

    def history(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        windows: Sequence[Window],
        deadline_s: float,
    ) -> list[Reading]:
        """See `Source.history`. A range query gives ten thousand windows at once."""
        until = self.clock() + deadline_s
        readings: list[Reading] = []
        for first in range(0, len(windows), _RANGE_POINTS):
            some = windows[first : first + _RANGE_POINTS]
            # A range query has one text for all its steps: that of windows of this length.
            prepared = self._prepared(Question(query, variables, some[0]))
            parts = {part: self._over_time(prepared.asked[part], some, until) for part in prepared.parts}
            readings += [
                replace(prepared, window=window).reading({part: parts[part][place] for part in parts})
                for place, window in enumerate(some)
            ]
        return [self._shown(reading) for reading in readings]

    def _over_time(self, query: str, windows: Sequence[Window], until: float) -> list[Part]:
        first, last = windows[0].end, windows[-1].end
        step = (last - first) / max(1, len(windows) - 1)
        left_s = until - self.clock()
        form = {
            **self._params,
            "query": query,
            "start": f"{first.timestamp():.3f}",
            "end": f"{last.timestamp():.3f}",
            "step": f"{step.total_seconds() or 1:.3f}",
            "timeout": f"{max(1, round(left_s * 1000 * _EVALUATION_SHARE))}ms",
        }
        body = urlencode(form).encode()
        try:
            answer = self._web.send(
                "POST", _RANGE_PATH, left_s, body=body, headers=_FORM, max_bytes=_RANGE_BYTES
            )
            found = over_time(answer)
        except OutboundError as error:
            return [Part(Status.ERROR, message=str(error))] * len(windows)
        except Spoiled as spoiled:
            return [spoiled.part] * len(windows)
        by_place = {
            round((seconds - first.timestamp()) / (step.total_seconds() or 1)): part
            for seconds, part in found.items()
        }
        nothing = Part(Status.NO_DATA, message="no series matches")
        return [by_place.get(place, nothing) for place in range(len(windows))]

    def _shown(self, reading: Reading) -> Reading:
        """The reading without any secret that the server repeated."""
        if reading.status is Status.OK:
            return reading
        warnings = tuple(map(self._web.redact, reading.warnings))
        return replace(reading, message=self._web.redact(reading.message), warnings=warnings)

    def _prepared(self, question: Question) -> _Prepared:
        asked: dict[str, str] = {}
        try:
            shape = shape_of(question.query, self.shapes)
            for part, text in question.query.items():
                asked[part] = _template(part, text).render(question.variables, question.window)
        except (BadQuery, MissingValue) as error:
            return _Prepared(question.window, asked, refused=one_line(str(error)))
        parts = tuple(part for part in shape.required + shape.optional if part in asked)
        return _Prepared(question.window, asked, parts)

    def _asking(self, end: datetime, until: float) -> Asking:
        way = Way(
            alone=lambda query, left_s: understood(self._send(query, end, left_s)),
            together=lambda queries, left_s: taken_apart(
                self._send(joined(queries), end, left_s), len(queries)
            ),
            groups=groups,
            is_joinable=is_joinable,
        )
        return Asking(way, self._loners, self.clock, until)

    def _ask(self, query: str, end: datetime, left_s: float) -> Part:
        try:
            return understood(self._send(query, end, left_s))
        except OutboundError as error:
            return Part(Status.ERROR, message=str(error))

    def _send(self, query: str, end: datetime, left_s: float) -> Answer:
        form = {
            **self._params,
            "query": query,
            "time": f"{milliseconds(end) / 1000:.3f}",
            "timeout": f"{max(1, round(left_s * 1000 * _EVALUATION_SHARE))}ms",
        }
        return self._web.send("POST", _PATH, left_s, body=urlencode(form).encode(), headers=_FORM)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A question with its queries filled in, as they are sent; ``refused`` says why it is not asked."""

    window: Window
    asked: Mapping[str, str]
    parts: tuple[str, ...] = field(default=())
    refused: str = ""

    @property
    def queries(self) -> list[str]:
        """What there is to send."""
        return [self.asked[part] for part in self.parts]

    def reading(self, parts: Mapping[str, Part]) -> Reading:
        """The reading that the answers make."""
        reading = (
            Reading.missing(Status.ERROR, self.window, self.refused)
            if self.refused
            else reading_of(parts, self.window)
        )
        return replace(reading, asked=self.asked)


@lru_cache(maxsize=2048)
def _template(part: str, text: str) -> Template:
    """A query as it was saved; the same one is asked again and again, and for many features."""
    try:
        return Template.parse(text)
    except BadTemplate as error:
        raise BadQuery(part, error.message, error.remedy) from None


def _params(entered: Entered) -> dict[str, str]:
    params = entered.texts("params")
    for name in params:
        if name in _RESERVED_PARAMS:
            raise BadSetting(f"params.{name}", "is set for every query", "leave it out")
    return params
