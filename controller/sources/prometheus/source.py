"""The source itself: its settings, and readings made of the answers to its queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Self

from controller.http import Answer, Outbound, OutboundError, header_is_sendable
from controller.sources.access import Access
from controller.sources.prometheus.answers import Part, understood
from controller.sources.prometheus.asking import Asking, Loners
from controller.sources.source import BadQuery, BadSetting, Question, Shape, Source, shape_of
from controller.sources.template import BadTemplate, MissingValue, Template
from controller.sources.wording import one_line
from triggers import Reading, Status, Window

MAX_BYTES = 1 << 20
MAX_WARNINGS = 10

_SETTINGS = ("url", "headers", "params")
_RESERVED_PARAMS = ("query", "time", "timeout")
_CREDENTIAL_HEADERS = ("authorization", "cookie", "proxy-authorization")
_FRAMING_HEADERS = ("connection", "content-length", "content-type", "host", "transfer-encoding")
_FROM_BAD_TO_WORSE = (Status.OK, Status.PARTIAL, Status.NO_DATA, Status.INVALID, Status.ERROR)
_EVALUATION_SHARE = 0.9
"""How much of the time left the server may spend, so that it can still say itself that it was too slow."""


class Prometheus(Source):
    """One server with the Prometheus query API, asked about the end of the window."""

    kind: ClassVar[str] = "prometheus"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.RATIO, Shape.COUNT, Shape.VALUE)
    at_once: ClassVar[int] = 500

    def __init__(
        self,
        url: str,
        outbound: Outbound,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        loners: Loners | None = None,
    ) -> None:
        """``headers`` and ``params`` go with every query; neither is a place for a credential.

        ``loners`` remembers from one reading to the next what cannot be asked together with others.
        """
        self._endpoint = url.rstrip("/") + "/api/v1/query"
        self._outbound = outbound
        self._headers = dict(headers or {})
        self._params = dict(params or {})
        self.clock = clock
        self._loners = loners or Loners(clock)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from ``url`` (without ``/api/v1``), ``headers`` (no credentials) and ``params``.

        Raises:
            BadSetting: A setting is missing, unknown or cannot be used.
        """
        if unknown := sorted(set(map(str, settings)) - set(_SETTINGS)):
            raise BadSetting(unknown[0], "is unknown", f"known are {', '.join(_SETTINGS)}")
        headers, params = _headers(settings.get("headers")), _params(settings.get("params"))
        url = _url(settings.get("url"), access.outbound)
        loners = access.memory.of((cls.kind, "loners", url), lambda: Loners(time.monotonic))
        return cls(url, access.outbound, headers=headers, params=params, loners=loners)

    def check_leads(self) -> None:
        """See `Source.check_leads`."""
        try:
            self._outbound.check_leads(self._endpoint)
        except OutboundError as error:
            raise BadSetting("url", str(error), "enter an address that may be called") from None

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`; the server's own opinion of a query is known only when it is asked."""
        shape_of(query, self.shapes)
        for part, text in query.items():
            _template(part, text)

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
        return prepared.reading(parts)

    def read_many(self, questions: Sequence[Question], deadline_s: float) -> list[Reading]:
        """See `Source.read_many`. Queries about the same moment are joined into one request."""
        until = self.clock() + deadline_s
        prepared = [self._prepared(question) for question in questions]
        queries: dict[datetime, list[str]] = {}
        for each in prepared:
            queries.setdefault(each.window.end, []).extend(each.queries)
        answers = {end: self._asking(end, until).answers(asked) for end, asked in queries.items()}
        return [
            each.reading({part: answers[each.window.end][each.asked[part]] for part in each.parts})
            for each in prepared
        ]

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
        return Asking(lambda query, left_s: self._send(query, end, left_s), self._loners, self.clock, until)

    def _ask(self, query: str, end: datetime, left_s: float) -> Part:
        try:
            return understood(self._send(query, end, left_s))
        except OutboundError as error:
            return Part(Status.ERROR, message=str(error))

    def _send(self, query: str, end: datetime, left_s: float) -> Answer:
        form = {
            **self._params,
            "query": query,
            "time": f"{end.timestamp():.3f}",
            "timeout": f"{max(1, round(left_s * 1000 * _EVALUATION_SHARE))}ms",
        }
        return self._outbound.send(
            "POST", self._endpoint, data=form, headers=self._headers, deadline_s=left_s, max_bytes=MAX_BYTES
        )


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
            else _reading(parts, self.window)
        )
        return replace(reading, asked=self.asked)


def _template(part: str, text: str) -> Template:
    try:
        return Template.parse(text)
    except BadTemplate as error:
        raise BadQuery(part, error.message, error.remedy) from None


def _reading(parts: Mapping[str, Part], window: Window) -> Reading:
    warnings = tuple(dict.fromkeys(warning for part in parts.values() for warning in part.warnings))
    name, worst = max(parts.items(), key=lambda item: _FROM_BAD_TO_WORSE.index(item[1].status))
    if worst.status not in (Status.OK, Status.PARTIAL):
        reading = Reading.missing(worst.status, window, one_line(f"{name}: {worst.message}"))
    elif "total" in parts:
        reading = Reading.ratio(window, parts["bad"].number, parts["total"].number)
    elif "count" in parts:
        reading = Reading.count(window, parts["count"].number)
    else:
        samples = parts["samples"].number if "samples" in parts else None
        reading = Reading.gauge(window, parts["value"].number, samples)
    return reading.warned(warnings[:MAX_WARNINGS])


def _url(url: object, outbound: Outbound) -> str:
    if not isinstance(url, str) or not url:
        raise BadSetting("url", "is missing", "enter an address such as http://prometheus:9090")
    try:
        outbound.check(url)
    except OutboundError as error:
        raise BadSetting("url", str(error), "enter an address that may be called") from None
    if "?" in url or "#" in url:
        raise BadSetting("url", "has a query or a fragment", "enter extra parameters as params")
    if "/api/v1" in url:
        raise BadSetting("url", "contains /api/v1", "enter the address up to there")
    return url


def _headers(headers: object) -> dict[str, str]:
    checked = _texts("headers", headers)
    for name, value in checked.items():
        field = f"headers.{name}"
        if not header_is_sendable(name, value):
            raise BadSetting(field, "is not a header", "use printable ASCII, without space around it")
        if name.lower() in _CREDENTIAL_HEADERS:
            raise BadSetting(field, "would hold a credential in plain text", "let a proxy in front add it")
        if name.lower() in _FRAMING_HEADERS:
            raise BadSetting(field, "is set by the connection itself", "leave it out")
    return checked


def _params(params: object) -> dict[str, str]:
    checked = _texts("params", params)
    for name in checked:
        if name in _RESERVED_PARAMS:
            raise BadSetting(f"params.{name}", "is set for every query", "leave it out")
    return checked


def _texts(field: str, value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadSetting(field, "is not a mapping", "enter names with their values")
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise BadSetting(f"{field}.{name}", "is not a text", "put it in quotes")
    return dict(value)
