"""Metrics from Amazon CloudWatch, through GetMetricData: many queries make one request.

The request is JSON, signed here (see `controller.sources.web.sigv4`), so that it takes our own way out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, Self

from controller.http import Answer, OutboundError
from controller.sources.access import Access
from controller.sources.asking import Asking, Loners, Spoiled, Way
from controller.sources.filling import check_filling, fill_in_json
from controller.sources.numbers import Asked, Numbers
from controller.sources.parts import Part, number_part
from controller.sources.source import BadQuery, BadSetting, SecretPlace, Tried
from controller.sources.web import WEB_SETTINGS, Entered, Web, web_from
from controller.sources.web.assumed_role import ROLE_SETTINGS, as_role
from controller.sources.web.auth import entered_secret
from controller.sources.web.sigv4 import SignatureV4
from controller.sources.wording import one_line
from controller.strict_json import InvalidJSON, loads
from triggers import Status, Window

MAX_QUERIES = 100
PERIOD_S = 60
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": math.fsum,
    "SampleCount": math.fsum,
    "Maximum": max,
    "Minimum": min,
}
"""The statistics of minutes that become one of the whole window, and how."""
AVERAGE = "Average"
"""The average of averages is none: it is asked for as a sum and as how many there were, and divided here."""
_PERCENTILE = re.compile(r"(?:p|tm|tc|ts|wm|IQM|PR|TC|TM|TS|WM).*")

_SETTINGS = (
    *(name for name in WEB_SETTINGS if name != "auth"),
    "region",
    "access_key_id",
    "secret",
    *ROLE_SETTINGS,
)
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
}
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
_NONSENSE = Part(Status.ERROR, message="the answer is not in the format of GetMetricData")
_SHAPE = {"Namespace", "MetricName", "Dimensions", "Stat"}
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.#]{0,100}")


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric as a user writes it down: JSON with its namespace, name, statistic and dimensions."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, str]

    @classmethod
    def parse(cls, part: str, text: str) -> _Metric:
        """Read it.

        Raises:
            BadQuery: It is something else.
        """
        try:
            written = loads(text)
        except InvalidJSON as error:
            raise BadQuery(part, f"is not JSON: {error}", "write variables within its strings") from None
        match written:
            case {"Namespace": str(namespace), "MetricName": str(name), "Stat": str(statistic)} if (
                namespace and name and set(written) <= _SHAPE and statistic in (*STATISTICS, AVERAGE)
            ):
                dimensions = written.get("Dimensions", {})
            case {"Stat": str(statistic)} if _PERCENTILE.fullmatch(statistic):
                remedy = (
                    "take Average, or count in the product what is above the bound, and ask for bad and total"
                )
                raise BadQuery(part, f"{statistic} of minutes makes none of the whole window", remedy)
            case _:
                raise _no_metric(part)
        if not isinstance(dimensions, dict) or not all(
            isinstance(value, str) for value in dimensions.values()
        ):
            raise _no_metric(part)
        return cls(namespace, name, statistic, dimensions)

    def query(self, id: str) -> dict[str, Any]:
        """The same as GetMetricData wants it; the statistic is none of those that are made of two others."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions.items()]
        metric = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}
        return {"Id": id, "MetricStat": {"Metric": metric, "Period": PERIOD_S, "Stat": self.statistic}}


class CloudWatch(Numbers):
    """One account in one region."""

    kind: ClassVar[str] = "cloudwatch"
    at_once: ClassVar[int] = 100
    lag_s: ClassVar[float] = 180.0

    def __init__(self, web: Web, loners: Loners, now: Callable[[], datetime]) -> None:
        """``loners`` remembers what cannot be asked together with others; ``now`` is for trying it."""
        self._web = web
        self._loners = loners
        self._now = now
        self.redact = web.redact

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from ``region``, ``access_key_id``, ``secret`` and the settings of a web source."""
        entered = Entered(settings, _SETTINGS)
        region = entered.text("region", remedy="enter one such as eu-central-1")
        if not _REGION.fullmatch(region):
            raise BadSetting("region", "is not a region of AWS", "enter one such as eu-central-1")
        url = _url(settings)
        secret = entered_secret(entered, access.secrets, url)
        user = SignatureV4(entered.text("access_key_id"), secret, region, "monitoring", access.now)
        auth = as_role(entered, access, user)
        web = web_from(Entered({**settings, "url": url}, _SETTINGS), access, auth=auth)
        return cls(web, access.memory.of((cls.kind, "loners", url), Loners), access.now)

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """See `Source.secrets_in`."""
        return [SecretPlace(("secret",), _url(settings))] if isinstance(settings.get("secret"), str) else ()

    def check_leads(self) -> None:
        """See `Source.check_leads`."""
        self._web.check_leads()

    def check_part(self, part: str, text: str) -> None:
        """See `Numbers.check_part`. An average is a value, and nothing that is counted."""
        check_filling(part, text)
        if _Metric.parse(part, text).statistic == AVERAGE and part != "value":
            raise BadQuery(part, "is an average, which counts nothing", "take Sum or SampleCount")

    def fill(self, part: str, text: str, variables: Mapping[str, str], window: Window) -> str:
        """See `Numbers.fill`."""
        self.check_part(part, text)
        return fill_in_json(text, variables, window)

    def answers(self, window: Window, asked: Sequence[Asked], until: float) -> Sequence[Mapping[str, Part]]:
        """See `Numbers.answers`."""
        way = Way(
            alone=lambda query, left_s: self._alone(query, window, left_s),
            together=lambda queries, left_s: self._together(queries, window, left_s),
            groups=_groups,
        )
        asking = Asking(way, self._loners, self.clock, until)
        parts = asking.answers(
            query for each in asked for number in each.numbers.values() for query in _asked_for(number)
        )
        return [_answered(each.numbers, parts) for each in asked]

    def test(self, deadline_s: float) -> Tried:
        """See `Source.test`."""
        end = self._now().timestamp() // PERIOD_S * PERIOD_S
        metric = _Metric("AWS/Bedrock", "Invocations", "Sum", {})
        try:
            answer = self._send([metric], end - 5 * PERIOD_S, end, deadline_s)
        except OutboundError as error:
            return Tried(works=False, message=self.redact(str(error)))
        if answer.status != HTTPStatus.OK:
            return Tried(works=False, message=self.redact(self._refusal(answer).message))
        return Tried(works=True, message="it answers queries")

    def _alone(self, query: str, window: Window, left_s: float) -> Part:
        try:
            return self._together([query], window, left_s)[0]
        except Spoiled as spoiled:
            return spoiled.part

    def _together(self, queries: Sequence[str], window: Window, left_s: float) -> list[Part]:
        metrics = [_Metric.parse("query", query) for query in queries]
        # Minutes are answered whole: those that the window has in part are left to the windows beside it.
        start, end = (moment.timestamp() // PERIOD_S * PERIOD_S for moment in (window.start, window.end))
        if end <= start:
            return [Part(Status.NO_DATA, message="the window holds no whole minute")] * len(queries)
        answer = self._send(metrics, start, end, left_s)
        if answer.status != HTTPStatus.OK:
            raise Spoiled(self._refusal(answer), by_one=answer.status == HTTPStatus.BAD_REQUEST)
        return _results(answer, metrics)

    def _send(self, metrics: Sequence[_Metric], start: float, end: float, left_s: float) -> Answer:
        asked = {
            "MetricDataQueries": [metric.query(f"q{place}") for place, metric in enumerate(metrics)],
            "StartTime": start,
            "EndTime": end,
            "ScanBy": "TimestampAscending",
        }
        return self._web.send("POST", "/", left_s, body=json.dumps(asked).encode(), headers=_HEADERS)

    def _refusal(self, answer: Answer) -> Part:
        """What a refusal means: AWS names it in the body, behind the name of the service."""
        said = str(self._web.refusal(answer))
        try:
            body = loads(answer.body)
        except InvalidJSON:
            body = None
        code = body.get("__type") if isinstance(body, dict) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            said += f" {code.rpartition('#')[2]}"
        return Part(Status.ERROR, message=one_line(said))


def _asked_for(query: str) -> list[str]:
    """The queries that a number is made of: one, or for an average the sum and how many there were."""
    written = loads(query)
    if written["Stat"] != AVERAGE:
        return [query]
    return [json.dumps({**written, "Stat": statistic}) for statistic in ("Sum", "SampleCount")]


def _answered(numbers: Mapping[str, str], parts: Mapping[str, Part]) -> dict[str, Part]:
    """The parts of one question; an average comes with how many samples it stands for."""
    answered: dict[str, Part] = {}
    for name, query in numbers.items():
        found = [parts[each] for each in _asked_for(query)]
        answered[name] = found[0] if len(found) == 1 else _divided(*found)
        if len(found) > 1 and "samples" not in numbers:
            answered["samples"] = found[1]
    return answered


def _divided(total: Part, count: Part) -> Part:
    if total.status not in (Status.OK, Status.PARTIAL) or count.status not in (Status.OK, Status.PARTIAL):
        return total if total.status not in (Status.OK, Status.PARTIAL) else count
    if count.number <= 0:
        return Part(Status.NO_DATA, message="there are no samples in the window")
    return replace(total, number=total.number / count.number)


def _url(settings: Mapping[str, Any]) -> str:
    entered = Entered(settings, _SETTINGS)
    return entered.text("url", f"https://monitoring.{entered.text('region')}.amazonaws.com").rstrip("/")


def _groups(queries: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(queries), MAX_QUERIES):
        yield queries[start : start + MAX_QUERIES]


def _results(answer: Answer, metrics: Sequence[_Metric]) -> list[Part]:
    try:
        body = loads(answer.body)
    except InvalidJSON:
        raise Spoiled(_NONSENSE, by_one=False) from None
    match body:
        case {"MetricDataResults": list(results)} if not body.get("NextToken"):
            by_id: dict[object, list[Any]] = {}
            for result in results:
                by_id.setdefault(result.get("Id") if isinstance(result, dict) else None, []).append(result)
        case {"NextToken": str()}:
            more = Part(Status.ERROR, message="the answer goes on elsewhere; ask for a shorter window")
            raise Spoiled(more, by_one=len(metrics) > 1)
        case _:
            raise Spoiled(_NONSENSE, by_one=False)
    if None in by_id:
        raise Spoiled(_NONSENSE, by_one=False)
    return [_result(by_id.get(f"q{place}", []), metric) for place, metric in enumerate(metrics)]


def _result(results: Sequence[Mapping[str, Any]], metric: _Metric) -> Part:
    if len(results) != 1:
        status = Status.INVALID if results else Status.ERROR
        return Part(status, message=f"{len(results)} results for one query")
    result = results[0]
    code, values = result.get("StatusCode"), result.get("Values")
    if code not in ("Complete", "PartialData") or not isinstance(values, list):
        return Part(Status.ERROR, message=one_line(f"CloudWatch says {code}"))
    numbers = [number_part(value) for value in values]
    if bad := next((each for each in numbers if each.status is not Status.OK), None):
        return Part(Status.INVALID, message=bad.message)
    if not numbers:
        return Part(Status.NO_DATA, message="nothing was recorded in the window")
    number = STATISTICS[metric.statistic]([each.number for each in numbers])
    if code == "PartialData":
        return Part(Status.PARTIAL, number, warnings=("CloudWatch had a part of the data only",))
    return Part(Status.OK, number)


def _no_metric(part: str) -> BadQuery:
    remedy = f"enter Namespace, MetricName, Dimensions, and as Stat one of {', '.join(STATISTICS)}"
    return BadQuery(part, "is not a metric of CloudWatch", remedy)
