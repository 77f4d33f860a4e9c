"""The source itself: its settings, and which questions share a request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Self
from urllib.parse import quote

from controller.http import OutboundError
from controller.sources.access import Access
from controller.sources.langfuse.asked import MAX_ROWS, Topic
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
from controller.sources.web import WEB_SETTINGS, Entered, Said, Web, secrets_in, web_from
from controller.sources.wording import one_line
from controller.strict_json import InvalidJSON, loads
from triggers import Reading, Status, Window

V2, V1 = "/api/public/v2/metrics", "/api/public/metrics"
KNOWN_FOR_S = 3600.0
MAX_FEATURES = 50
"""So many features share a request: their names stand in its address."""

_DIMENSION = re.compile(r"[A-Za-z]{1,60}")


@dataclass(slots=True)
class Version:
    """That an installation has no version 2, as was found out not long ago."""

    old_until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Shared:
    """What questions have in common that share a request."""

    topic: Topic
    window: Window
    by_release: bool


class Langfuse(Source):
    """One Langfuse project. ``feature`` is the dimension that tells whose an answer is."""

    kind: ClassVar[str] = "langfuse"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.SCORE, Shape.AGGREGATE)
    at_once: ClassVar[int] = 200
    lag_s: ClassVar[float] = 120.0

    def __init__(
        self, web: Web, feature: str, environment: str, version: Version, now: Callable[[], datetime]
    ) -> None:
        """``version`` is kept from one reading to the next; ``now`` is for trying it."""
        self._web = web
        self._feature = feature
        self._environment = environment
        self._version = version
        self._now = now

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from the settings of a web source, ``feature`` and ``environment``."""
        entered = Entered(settings, (*WEB_SETTINGS, "feature", "environment"))
        web = web_from(entered, access)
        feature = entered.text("feature", "traceName")
        if not _DIMENSION.fullmatch(feature):
            raise BadSetting("feature", "is not a dimension of Langfuse", "enter one such as traceName")
        environment = entered.text("environment") if "environment" in entered else ""
        version = access.memory.of((cls.kind, "version", web.url), Version)
        return cls(web, feature, environment, version, access.now)

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """See `Source.secrets_in`."""
        return secrets_in(settings)

    def check_leads(self) -> None:
        """See `Source.check_leads`."""
        self._web.check_leads()

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`."""
        shape_of(query, self.shapes)
        Topic.of(query)

    def test(self, deadline_s: float) -> Tried:
        """See `Source.test`."""
        now = self._now()
        topic = Topic("observations", measure="latency", aggregation="avg")
        try:
            self._ask(topic, Window(now - timedelta(hours=1), now), {}, deadline_s)
        except OutboundError as error:
            return Tried(works=False, message=self._web.redact(str(error)))
        return Tried(works=True, message=f"it answers queries (version {1 if self._is_old() else 2})")

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """See `Source.read`."""
        (reading,) = self.read_many([Question(query, variables, window)], deadline_s)
        return reading

    def read_many(self, questions: Sequence[Question], deadline_s: float) -> list[Reading]:
        """See `Source.read_many`. Questions about the same thing share a request for up to 50 features."""
        until = self.clock() + deadline_s
        readings: dict[int, Reading] = {}
        shared: dict[_Shared, list[int]] = {}
        for place, question in enumerate(questions):
            try:
                shared.setdefault(_shared(question, self), []).append(place)
            except BadQuery as bad:
                readings[place] = Reading.missing(Status.ERROR, question.window, one_line(str(bad)))
            except KeyError as missing:
                message = f"the variable {missing} has no value here"
                readings[place] = Reading.missing(Status.ERROR, question.window, message)
        for what, places in shared.items():
            asked = {place: questions[place] for place in places}
            readings |= self._answered(what, asked, until)
        return [replace(readings[place], asked=dict(each.query)) for place, each in enumerate(questions)]

    def _answered(self, what: _Shared, asked: Mapping[int, Question], until: float) -> dict[int, Reading]:
        features = sorted({question.variables["feature"] for question in asked.values()})
        readings: dict[int, Reading] = {}
        for start in range(0, len(features), MAX_FEATURES):
            some = set(features[start : start + MAX_FEATURES])
            readings |= self._of_some(
                what,
                {place: each for place, each in asked.items() if each.variables["feature"] in some},
                until,
            )
        return readings

    def _of_some(self, what: _Shared, asked: Mapping[int, Question], until: float) -> dict[int, Reading]:
        features = {question.variables["feature"] for question in asked.values()}
        whose = {self._feature: features}
        if what.by_release:
            whose |= {self._release(what.topic): {each.variables["release"] for each in asked.values()}}
        try:
            rows = self._ask(what.topic, what.window, whose, until - self.clock())
        except OutboundError as error:
            failed = Reading.missing(Status.ERROR, what.window, self._web.redact(str(error)))
            return dict.fromkeys(asked, failed)
        if len(rows) >= MAX_ROWS and len(features) > 1:
            return self._halves(what, asked, until)
        return {place: self._reading(what, question, rows) for place, question in asked.items()}

    def _halves(self, what: _Shared, asked: Mapping[int, Question], until: float) -> dict[int, Reading]:
        """Ask about fewer features, because the answer may have been cut off."""
        features = sorted({question.variables["feature"] for question in asked.values()})
        lower = set(features[: len(features) // 2])
        halves: tuple[dict[int, Question], dict[int, Question]] = ({}, {})
        for place, question in asked.items():
            halves[question.variables["feature"] not in lower][place] = question
        return self._of_some(what, halves[0], until) | self._of_some(what, halves[1], until)

    def _reading(self, what: _Shared, question: Question, rows: Sequence[Mapping[str, Any]]) -> Reading:
        variables = question.variables
        own = [
            row
            for row in rows
            if row.get(self._feature) == variables["feature"]
            and (not what.by_release or row.get(self._release(what.topic)) == variables["release"])
        ]
        reading = what.topic.reading(own, question.query, what.window)
        if len(rows) >= MAX_ROWS:
            reading = reading.warned((f"the answer was cut off after {MAX_ROWS} rows",))
        return reading

    def _release(self, topic: Topic) -> str:
        return "release" if topic.view == "observations" and not self._is_old() else "traceRelease"

    def _ask(
        self, topic: Topic, window: Window, whose: Mapping[str, set[str]], left_s: float
    ) -> Sequence[Mapping[str, Any]]:
        """The rows of an answer; version 1 is asked where there is no version 2.

        Raises:
            OutboundError: There was no answer, or another one.
        """
        until = self.clock() + left_s
        if left_s <= 0:
            raise Said(0, "the questions before this one took all the time")
        if not self._is_old():
            try:
                return self._ask_at(V2, topic, window, whose, left_s)
            except Said as said:
                if said.status != HTTPStatus.NOT_FOUND:
                    raise
            self._version.old_until = self.clock() + KNOWN_FOR_S
            whose = {_older(name): values for name, values in whose.items()}
        return self._ask_at(V1, topic, window, whose, until - self.clock())

    def _ask_at(
        self, path: str, topic: Topic, window: Window, whose: Mapping[str, set[str]], left_s: float
    ) -> Sequence[Mapping[str, Any]]:
        query = topic.request((window.start, window.end), whose, self._environment, old=path == V1)
        written = quote(json.dumps(query, separators=(",", ":"), ensure_ascii=False), safe="")
        answer = self._web.send("GET", f"{path}?query={written}", left_s)
        if answer.status != HTTPStatus.OK:
            raise Said(answer.status, _refusal(str(self._web.refusal(answer)), answer.body))
        try:
            match loads(answer.body):
                case {"data": list(rows)} if all(isinstance(row, dict) for row in rows):
                    return rows
        except InvalidJSON as error:
            raise Said(answer.status, one_line(f"the answer is not JSON: {error}")) from None
        raise Said(answer.status, "the answer is not in the format of Langfuse's metrics")

    def _is_old(self) -> bool:
        return self.clock() < self._version.old_until


def _shared(question: Question, source: Langfuse) -> _Shared:
    source.check_query(question.query)
    if "feature" not in question.variables:
        raise KeyError("feature")
    return _Shared(Topic.of(question.query), question.window, "release" in question.variables)


def _older(dimension: str) -> str:
    return "traceRelease" if dimension == "release" else dimension


def _refusal(said: str, body: bytes) -> str:
    """What it says of its refusal. Nothing else of a body is repeated."""
    try:
        match loads(body):
            case {"message": str(message)}:
                return one_line(f"{said}: {message}")
    except InvalidJSON:
        pass
    return said
