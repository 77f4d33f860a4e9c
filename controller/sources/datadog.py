"""Metrics from Datadog, through its scalar query (API v2): many queries make one request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, Self

from controller.http import Answer, OutboundError
from controller.sources.access import Access
from controller.sources.asking import Asking, Loners, Spoiled, Way
from controller.sources.filling import check_filling, fill_in
from controller.sources.numbers import Asked, Numbers
from controller.sources.parts import Part, number_part
from controller.sources.source import BadQuery, BadSetting, SecretPlace, Tried
from controller.sources.template import MissingValue
from controller.sources.web import WEB_SETTINGS, Auth, Entered, Unsigned, Web, web_from
from controller.sources.web.auth import Secret, entered_secret
from controller.sources.wording import one_line
from controller.strict_json import InvalidJSON, loads
from triggers import Status, Window

MAX_QUERIES = 50
AGGREGATORS = ("avg", "last", "max", "mean", "min", "sum")

_SETTINGS = (*(name for name in WEB_SETTINGS if name != "auth"), "site", "api_key", "application_key")
_KEYS = ("api_key", "application_key")
_PATH = "/api/v2/query/scalar"
_JSON = {"Content-Type": "application/json"}
_SITE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")


class _TwoKeys(Auth):
    """Datadog wants to know both the organisation and who in it asks."""

    def __init__(self, api_key: Secret, application_key: Secret) -> None:
        self._api_key = api_key
        self._application_key = application_key

    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """See `Auth.headers`."""
        return {"DD-API-KEY": self._api_key.reveal(), "DD-APPLICATION-KEY": self._application_key.reveal()}


class Datadog(Numbers):
    """One organisation on one of its sites. ``aggregator`` says how a query's points become one number."""

    kind: ClassVar[str] = "datadog"
    at_once: ClassVar[int] = 100
    lag_s: ClassVar[float] = 60.0
    others: ClassVar[tuple[str, ...]] = ("aggregator",)

    def __init__(self, web: Web, loners: Loners, now: Callable[[], datetime]) -> None:
        """``loners`` remembers what cannot be asked together with others; ``now`` is for trying it."""
        self._now = now
        self._web = web
        self._loners = loners
        self.redact = web.redact

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from ``site``, ``api_key``, ``application_key`` and the settings of a web source."""
        entered = Entered(settings, _SETTINGS)
        site = entered.text("site", "datadoghq.com")
        if not _SITE.fullmatch(site):
            raise BadSetting("site", "is not a site of Datadog", "enter one such as datadoghq.eu")
        url = _url(settings)
        keys = (entered_secret(entered, access.secrets, url, name) for name in _KEYS)
        web = web_from(Entered({**settings, "url": url}, _SETTINGS), access, auth=_TwoKeys(*keys))
        return cls(web, access.memory.of((cls.kind, "loners", url), Loners), access.now)

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """See `Source.secrets_in`."""
        return [SecretPlace((name,), _url(settings)) for name in _KEYS if isinstance(settings.get(name), str)]

    def check_leads(self) -> None:
        """See `Source.check_leads`."""
        self._web.check_leads()

    def check_part(self, part: str, text: str) -> None:
        """See `Numbers.check_part`."""
        if part == "aggregator" and text not in AGGREGATORS:
            raise BadQuery(part, f"{text!r} is unknown", f"use one of {', '.join(AGGREGATORS)}")
        check_filling(part, text)

    def fill(self, part: str, text: str, variables: Mapping[str, str], window: Window) -> str:
        """See `Numbers.fill`."""
        self.check_part(part, text)
        return fill_in(text, variables, window, _tag_value)

    def answers(self, window: Window, asked: Sequence[Asked], until: float) -> Sequence[Mapping[str, Part]]:
        """See `Numbers.answers`."""
        way = Way(
            alone=lambda query, left_s: self._alone(query, window, left_s),
            together=lambda queries, left_s: self._together(queries, window, left_s),
            groups=_groups,
        )
        keys = [{part: _key(part, text, each) for part, text in each.numbers.items()} for each in asked]
        asking = Asking(way, self._loners, self.clock, until)
        parts = asking.answers(key for each in keys for key in each.values())
        return [{part: parts[key] for part, key in each.items()} for each in keys]

    def test(self, deadline_s: float) -> Tried:
        """See `Source.test`."""
        try:
            now_ms = int(self._now().timestamp() * 1000)
            answer = self._send(["avg avg:system.cpu.user{*}"], now_ms - 60_000, now_ms, deadline_s)
        except OutboundError as error:
            return Tried(works=False, message=self.redact(str(error)))
        if answer.status != HTTPStatus.OK:
            return Tried(works=False, message=str(self._web.refusal(answer)))
        return Tried(works=True, message="it answers queries")

    def _alone(self, query: str, window: Window, left_s: float) -> Part:
        try:
            return self._together([query], window, left_s)[0]
        except Spoiled as spoiled:
            return spoiled.part

    def _together(self, queries: Sequence[str], window: Window, left_s: float) -> list[Part]:
        start, end = (int(moment.timestamp() * 1000) for moment in (window.start, window.end))
        answer = self._send(queries, start, end, left_s)
        if answer.status != HTTPStatus.OK:
            by_one = answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
            raise Spoiled(Part(Status.ERROR, message=self._refusal(answer)), by_one=by_one)
        return _columns(answer, len(queries))

    def _send(self, queries: Sequence[str], start_ms: int, end_ms: int, left_s: float) -> Answer:
        asked = [query.split(" ", 1) for query in queries]
        attributes = {
            "from": start_ms,
            "to": end_ms,
            "formulas": [{"formula": f"q{place}"} for place in range(len(asked))],
            "queries": [
                {"name": f"q{place}", "data_source": "metrics", "aggregator": aggregator, "query": query}
                for place, (aggregator, query) in enumerate(asked)
            ],
        }
        body = json.dumps({"data": {"type": "scalar_request", "attributes": attributes}}).encode()
        return self._web.send("POST", _PATH, left_s, body=body, headers=_JSON)

    def _refusal(self, answer: Answer) -> str:
        """What it says of its refusal: Datadog has a list of errors for that, or one."""
        said = str(self._web.refusal(answer))
        try:
            body = loads(answer.body)
        except InvalidJSON:
            return said
        errors = body.get("errors") if isinstance(body, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else errors
        return one_line(f"{said}: {first}") if isinstance(first, str) else said


def _url(settings: Mapping[str, Any]) -> str:
    entered = Entered(settings, _SETTINGS)
    return entered.text("url", f"https://api.{entered.text('site', 'datadoghq.com')}").rstrip("/")


def _key(part: str, text: str, asked: Asked) -> str:
    """A query behind the way to make one number of it: of counts the sum, of values the average, unless it is said."""
    usual = "max" if part == "newest" else "avg" if part == "value" else "sum"
    return f"{asked.others.get('aggregator', usual) if part == 'value' else usual} {text}"


def _groups(queries: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(queries), MAX_QUERIES):
        yield queries[start : start + MAX_QUERIES]


def _columns(answer: Answer, count: int) -> list[Part]:
    """The columns in the order in which they were asked for; columns of a grouping are not numbers."""
    nonsense = Part(Status.ERROR, message="the answer is not in the format of Datadog's scalar query")
    try:
        body = loads(answer.body)
    except InvalidJSON:
        raise Spoiled(nonsense, by_one=False) from None
    match body:
        case {"data": {"attributes": {"columns": list(columns)}}}:
            numbers = [each for each in columns if isinstance(each, dict) and each.get("type") == "number"]
        case _:
            raise Spoiled(nonsense, by_one=False)
    if not columns:
        return [Part(Status.NO_DATA, message="no series matches")] * count
    if len(numbers) != count:
        raise Spoiled(nonsense, by_one=count > 1)
    return [_column(each.get("values")) for each in numbers]


def _column(values: object) -> Part:
    if not isinstance(values, list):
        return Part(Status.ERROR, message="the answer is not in the format of Datadog's scalar query")
    if not values or values == [None]:
        return Part(Status.NO_DATA, message="no series matches")
    if len(values) > 1:
        return Part(Status.INVALID, message=f"{len(values)} groups match, not one; leave out the grouping")
    return number_part(values[0])


def _tag_value(value: str) -> str:
    if not _TAG_VALUE.fullmatch(value):
        raise MissingValue(f"{value[:40]!r} cannot be the value of a tag")
    return value
