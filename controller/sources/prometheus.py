"""Metrics from whatever speaks the Prometheus query API, such as Mimir, Thanos and VictoriaMetrics."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, ClassVar, Self

from controller.http import Answer, Outbound, OutboundError, header_is_sendable
from controller.sources.access import Access
from controller.sources.source import BadQuery, BadSetting, Shape, Source, shape_of
from controller.sources.template import BadTemplate, MissingValue, Template
from controller.strict_json import InvalidJSON, loads
from triggers import Reading, Status, Window

MAX_BYTES = 1 << 20
MAX_MESSAGE = 300
MAX_WARNINGS = 10

_SETTINGS = ("url", "headers", "params")
_RESERVED_PARAMS = ("query", "time", "timeout")
_CREDENTIAL_HEADERS = ("authorization", "cookie", "proxy-authorization")
_FRAMING_HEADERS = ("connection", "content-length", "content-type", "host", "transfer-encoding")
_NUMBER = re.compile(r"NaN|[+-]?(?:Inf|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)")
_FROM_BAD_TO_WORSE = (Status.OK, Status.PARTIAL, Status.NO_DATA, Status.INVALID, Status.ERROR)
_EVALUATION_SHARE = 0.9
"""How much of the time left the server may spend, so that it can still say itself that it was too slow."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What the server answered to one query. Only with status ok or partial is the number one."""

    status: Status
    number: float = math.nan
    message: str = ""
    warnings: tuple[str, ...] = ()


class _NotPrometheus(ValueError):
    """The answer is JSON, but not in the format of this API."""


class Prometheus(Source):
    """One server with the Prometheus query API, asked about the end of the window."""

    kind: ClassVar[str] = "prometheus"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.RATIO, Shape.COUNT, Shape.VALUE)

    def __init__(
        self,
        url: str,
        outbound: Outbound,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``headers`` and ``params`` go with every query; neither is a place for a credential."""
        self._endpoint = url.rstrip("/") + "/api/v1/query"
        self._outbound = outbound
        self._headers = dict(headers or {})
        self._params = dict(params or {})
        self._clock = clock

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from ``url`` (without ``/api/v1``), ``headers`` (no credentials) and ``params``.

        Raises:
            BadSetting: A setting is missing, unknown or cannot be used.
        """
        if unknown := sorted(set(map(str, settings)) - set(_SETTINGS)):
            raise BadSetting(unknown[0], "is unknown", f"known are {', '.join(_SETTINGS)}")
        headers, params = _headers(settings.get("headers")), _params(settings.get("params"))
        return cls(
            _url(settings.get("url"), access.outbound), access.outbound, headers=headers, params=params
        )

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`; the server's own opinion of a query is known only when it is asked."""
        shape_of(query, self.shapes)
        for part, text in query.items():
            _template(part, text)

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """See `Source.read`. ``deadline_s`` is for all queries of the reading together."""
        asked: dict[str, str] = {}
        try:
            shape = shape_of(query, self.shapes)
            for part, text in query.items():
                asked[part] = _template(part, text).render(variables, window)
        except (BadQuery, MissingValue) as error:
            return replace(Reading.missing(Status.ERROR, window, one_line(str(error))), asked=asked)
        until = self._clock() + deadline_s
        parts: dict[str, _Part] = {}
        for part in shape.required + shape.optional:
            if part in asked and not any(answered.status is Status.ERROR for answered in parts.values()):
                parts[part] = self._ask(asked[part], window, until - self._clock())
        return replace(_reading(parts, window), asked=asked)

    def _ask(self, query: str, window: Window, left_s: float) -> _Part:
        form = {
            **self._params,
            "query": query,
            "time": f"{window.end.timestamp():.3f}",
            "timeout": f"{max(1, round(left_s * 1000 * _EVALUATION_SHARE))}ms",
        }
        try:
            answer = self._outbound.send(
                "POST",
                self._endpoint,
                data=form,
                headers=self._headers,
                deadline_s=left_s,
                max_bytes=MAX_BYTES,
            )
            return _understood(answer)
        except OutboundError as error:
            return _Part(Status.ERROR, message=str(error))


def _template(part: str, text: str) -> Template:
    try:
        return Template.parse(text)
    except BadTemplate as error:
        raise BadQuery(part, error.message, error.remedy) from None


def _reading(parts: Mapping[str, _Part], window: Window) -> Reading:
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


def _understood(answer: Answer) -> _Part:
    try:
        envelope = _object(loads(answer.body), "the answer")
        if answer.status != HTTPStatus.OK or envelope.get("status") != "success":
            return _refused(answer, envelope)
        return _success(envelope)
    except (InvalidJSON, _NotPrometheus) as error:
        if answer.status != HTTPStatus.OK:
            return _refused(answer, {})
        return _Part(Status.ERROR, message=f"the answer is not in the format of the Prometheus API: {error}")


def _refused(answer: Answer, envelope: Mapping[str, Any]) -> _Part:
    """What the server says of its refusal. Nothing else of a body is repeated: it may be anybody's page."""
    said = f"HTTP {answer.status}"
    kind, message = envelope.get("errorType"), envelope.get("error")
    if envelope.get("status") == "error" and isinstance(kind, str) and isinstance(message, str):
        said += f" {kind}: {message}"
    wait = answer.headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,6}", wait):
        said += f" (asks to wait {wait} s)"
    return _Part(Status.ERROR, message=one_line(said))


def _success(envelope: Mapping[str, Any]) -> _Part:
    data = _object(envelope.get("data"), "data")
    part = _result(data.get("resultType"), data.get("result"))
    warnings = tuple(_warnings(envelope.get("warnings")))
    status = Status.PARTIAL if warnings and part.status is Status.OK else part.status
    return replace(part, status=status, warnings=warnings)


def _result(kind: object, result: object) -> _Part:
    if kind in ("string", "matrix"):
        return _Part(Status.INVALID, message=f"the answer is a {kind}, not one number")
    if kind == "scalar":
        return _number(result)
    if kind != "vector" or not isinstance(result, list):
        raise _NotPrometheus("data is none of vector, scalar, string and matrix")
    if not result:
        return _Part(Status.NO_DATA, message="no series matches")
    if len(result) > 1:
        message = f"{len(result)} series match, not one; add them up, as with sum()"
        return _Part(Status.INVALID, message=message)
    series = _object(result[0], "a series")
    if "histogram" in series:
        return _Part(Status.INVALID, message="the answer is a native histogram, not one number")
    return _number(series.get("value"))


def _number(sample: object) -> _Part:
    match sample:
        case [int() | float(), str(written)] if _NUMBER.fullmatch(written):
            number = float(written)
        case _:
            raise _NotPrometheus("a sample is not a time and a number")
    if not math.isfinite(number):
        return _Part(Status.INVALID, message=f"the answer is {written}")
    return _Part(Status.OK, number)


def _warnings(warnings: object) -> Iterator[str]:
    if warnings is None:
        return
    if not isinstance(warnings, list) or not all(isinstance(warning, str) for warning in warnings):
        raise _NotPrometheus("warnings is not a list of texts")
    yield from (one_line(warning) or "a warning without text" for warning in warnings)


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _NotPrometheus(f"{name} is not an object")
    return value


def one_line(text: str) -> str:
    """At most 300 characters on one line, with nothing that acts on a terminal or on the text direction."""
    visible = "".join(character if character.isprintable() else " " for character in text[: 4 * MAX_MESSAGE])
    line = " ".join(visible.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"


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
