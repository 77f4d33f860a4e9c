"""What an answer of the Prometheus query API means."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from controller.http import Answer
from controller.sources.asking import Spoiled
from controller.sources.parts import Part
from controller.sources.wording import one_line
from controller.strict_json import InvalidJSON, loads
from triggers import Status

BRANCH = "headgate_q"
"""The label that says which of several joined queries a series answers."""

_NUMBER = re.compile(r"NaN|[+-]?(?:Inf|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)")
_ABOUT_A_QUERY = "PromQL"
"""How warnings begin that are about what was asked, not about stores that did not take part."""
_FAULT_OF_A_QUERY = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class _NotPrometheus(ValueError):
    """The answer is JSON, but not in the format of this API."""


def understood(answer: Answer) -> Part:
    """What was answered to a single query."""
    try:
        data, warnings = _success(answer)
        part = _result(data.get("resultType"), data.get("result"))
    except _NotPrometheus as error:
        return _not_prometheus(error)
    except Spoiled as spoiled:
        return spoiled.part
    return _warned(part, warnings)


def taken_apart(answer: Answer, count: int) -> list[Part]:
    """What was answered to each of ``count`` queries that were joined into one.

    Raises:
        Spoiled: There is no answer to each of them.
    """
    try:
        data, warnings = _success(answer)
        if any(warning.startswith(_ABOUT_A_QUERY) for warning in warnings):
            raise Spoiled(Part(Status.ERROR, message=warnings[0]), by_one=True)
        branches = _branches(data, count)
        return [_warned(_series(branch), warnings) for branch in branches]
    except _NotPrometheus as error:
        raise Spoiled(_not_prometheus(error), by_one=True) from None


def over_time(answer: Answer) -> dict[float, Part]:
    """What was answered to a range query, by the seconds of each step; a step without a sample is not in it.

    Raises:
        Spoiled: There is no answer.
    """
    try:
        data, warnings = _success(answer)
        result = _matrix(data)
        samples = _object(result[0], "a series").get("values", []) if result else []
        found = {_time(sample): _warned(_number(sample), warnings) for sample in samples}
    except _NotPrometheus as error:
        raise Spoiled(_not_prometheus(error), by_one=True) from None
    if len(result) > 1:
        raise Spoiled(_too_many(result), by_one=True)
    return found


def _matrix(data: Mapping[str, Any]) -> list[object]:
    result = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(result, list):
        raise _NotPrometheus("data is no matrix")
    return result


def _time(sample: object) -> float:
    match sample:
        case [int() | float() as seconds, str()]:
            return float(seconds)
    raise _NotPrometheus("a sample is not a time and a number")


def _branches(data: Mapping[str, Any], count: int) -> list[list[Mapping[str, Any]]]:
    """The series of a joined answer by the query that they answer."""
    result = data.get("result")
    if data.get("resultType") != "vector" or not isinstance(result, list):
        raise _NotPrometheus("data is no vector")
    branches: list[list[Mapping[str, Any]]] = [[] for _ in range(count)]
    for series in result:
        labels = _object(_object(series, "a series").get("metric"), "metric")
        branch = labels.get(BRANCH)
        if not isinstance(branch, str) or not branch.isdecimal() or not int(branch) < count:
            raise _NotPrometheus(f"a series lacks the label {BRANCH} that was asked for")
        branches[int(branch)].append(series)
    return branches


def _success(answer: Answer) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The data and the warnings of an answer, if it is one."""
    try:
        envelope = _object(loads(answer.body), "the answer")
    except InvalidJSON as error:
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer, {}) from None
        raise _NotPrometheus(str(error)) from None
    except _NotPrometheus:
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer, {}) from None
        raise
    if answer.status != HTTPStatus.OK or envelope.get("status") != "success":
        raise _refusal(answer, envelope)
    return _object(envelope.get("data"), "data"), tuple(_warnings(envelope.get("warnings")))


def _refusal(answer: Answer, envelope: Mapping[str, Any]) -> Spoiled:
    """What the server says of its refusal. Nothing else of a body is repeated: it may be anybody's page."""
    said = f"HTTP {answer.status}"
    kind, message = envelope.get("errorType"), envelope.get("error")
    if envelope.get("status") == "error" and isinstance(kind, str) and isinstance(message, str):
        said += f" {kind}: {message}"
    elif answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        said += ": the source does not accept the credentials"
    said += answer.wait_told
    too_slow = answer.status == HTTPStatus.SERVICE_UNAVAILABLE and kind == "timeout"
    by_one = answer.status in _FAULT_OF_A_QUERY or too_slow
    return Spoiled(Part(Status.ERROR, message=one_line(said)), by_one=by_one)


def _not_prometheus(error: _NotPrometheus) -> Part:
    return Part(Status.ERROR, message=f"the answer is not in the format of the Prometheus API: {error}")


def _warned(part: Part, warnings: tuple[str, ...]) -> Part:
    status = Status.PARTIAL if warnings and part.status is Status.OK else part.status
    return replace(part, status=status, warnings=warnings)


def _result(kind: object, result: object) -> Part:
    if kind in ("string", "matrix"):
        return Part(Status.INVALID, message=f"the answer is a {kind}, not one number")
    if kind == "scalar":
        return _number(result)
    if kind != "vector" or not isinstance(result, list):
        raise _NotPrometheus("data is none of vector, scalar, string and matrix")
    return _series(result)


def _series(result: Sequence[object]) -> Part:
    """The one number that the series of a vector are, if they are one."""
    if not result:
        return Part(Status.NO_DATA, message="no series matches")
    if len(result) > 1:
        return _too_many(result)
    series = _object(result[0], "a series")
    if "histogram" in series:
        return Part(Status.INVALID, message="the answer is a native histogram, not one number")
    return _number(series.get("value"))


def _too_many(result: Sequence[object]) -> Part:
    message = f"{len(result)} series match, not one; add them up, as with sum()"
    return Part(Status.INVALID, message=message)


def _number(sample: object) -> Part:
    match sample:
        case [int() | float(), str(written)] if _NUMBER.fullmatch(written):
            number = float(written)
        case _:
            raise _NotPrometheus("a sample is not a time and a number")
    if not math.isfinite(number):
        return Part(Status.INVALID, message=f"the answer is {written}")
    return Part(Status.OK, number)


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
