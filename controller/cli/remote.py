"""The API of an installation, as the commands use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from controller.http import Answer, Outbound, OutboundError, TimedOut, Unreachable

_DEADLINE_S = 30.0
_MOVE_DEADLINE_S = 10.0
_MAX_BYTES = 64 << 20
_PAGE = 200
_REFUSING = 400


class NoAnswer(Exception):
    """Nobody answered, or something that is not Headgate."""


class BadName(ValueError):
    """A name that cannot stand in an address."""


class SaidNo(Exception):
    """The API did not do it. ``problem`` is its problem+json (docs/errors.md)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.problem = problem

    def about(self, what: str) -> SaidNo:
        """The same, with what it is about in front of its detail."""
        return SaidNo({**self.problem, "detail": f"{what}: {self.problem['detail']}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """An installation at an address, and the project and environment that are meant.

    Every call may raise `NoAnswer`, `SaidNo` or `BadName`. No error holds the key, whoever repeats it.
    """

    url: str
    key: str = field(repr=False)
    outbound: Outbound
    project: str = ""
    environment: str = ""

    def at_installation(self, *names: str) -> str:
        """The address of something that is the same for all projects."""
        return _address(*names)

    def in_project(self, *names: str) -> str:
        """The address of something of the project."""
        return _address("projects", self.project, *names)

    def of_feature(self, feature: str, *names: str) -> str:
        """The address of something of a feature."""
        return self.in_project("features", feature, *names)

    def in_environment(self, *names: str) -> str:
        """The address of something of the environment."""
        return self.in_project("environments", self.environment, *names)

    def of_rollout(self, feature: str, *names: str) -> str:
        """The address of something of a feature in the environment."""
        return self.in_environment("rollouts", feature, *names)

    def get(self, address: str, **query: str | None) -> Any:
        """What stands at an address; parts of the query that are None are left out."""
        return self._json(self._ask("GET", _asked(address, query)))

    def page(self, address: str, **query: str | None) -> bytes:
        """A file that stands at an address, as it is."""
        return self._ask("GET", _asked(address, query)).body

    def all(self, address: str, **query: str | None) -> dict[str, Any]:
        """A whole list, put together from its pages."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(address, **query, limit=str(_PAGE), cursor=cursor)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return {"items": items, "next_cursor": None}

    def send(
        self,
        method: str,
        address: str,
        content: Any = None,
        *,
        if_match: str = "",
        deadline_s: float = _DEADLINE_S,
    ) -> Any:
        """Send some JSON; ``if_match`` is what has been looked at, where that is to be made sure of."""
        headers = {"Content-Type": "application/json"} | ({"If-Match": f'"{if_match}"'} if if_match else {})
        return self._json(self._ask(method, address, _body(content), headers, deadline_s=deadline_s))

    def upload(self, address: str, data: bytes, **query: str | None) -> Any:
        """Send a file."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._json(self._ask("POST", _asked(address, query), data, headers))

    def move(self, feature: str, content: Mapping[str, Any]) -> Any:
        """Make a move of a feature.

        It is sent once more if the connection breaks, under the same key, so that it counts once.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        address, body = self.of_rollout(feature, "moves"), _body(content)
        return self._json(self._ask("POST", address, body, headers, deadline_s=_MOVE_DEADLINE_S, again=True))

    def _ask(
        self,
        method: str,
        address: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        deadline_s: float = _DEADLINE_S,
        again: bool = False,
    ) -> Answer:
        try:
            answer = self._answer(method, address, data, headers or {}, deadline_s)
        except OutboundError as error:
            if again and isinstance(error, Unreachable | TimedOut):
                return self._ask(method, address, data, headers, deadline_s=deadline_s)
            unknown = "" if method == "GET" else "; look whether it was done before you repeat it"
            raise NoAnswer(self._without_key(f"{error}{unknown}")) from None
        return self._checked(answer)

    def _answer(
        self, method: str, address: str, data: bytes | None, headers: Mapping[str, str], deadline_s: float
    ) -> Answer:
        return self.outbound.send(
            method,
            f"{self.url.rstrip('/')}/api/v1{address}",
            data=data,
            headers={**headers, "Authorization": f"Bearer {self.key}"},
            deadline_s=deadline_s,
            max_bytes=_MAX_BYTES,
        )

    def _checked(self, answer: Answer) -> Answer:
        if answer.status < _REFUSING:
            return answer
        problem = _problem(self._without_key(answer.body.decode(errors="replace")))
        if problem is None:
            raise NoAnswer(f"the address answered with the status {answer.status}, but not as Headgate does")
        raise SaidNo(problem)

    def _json(self, answer: Answer) -> Any:
        if answer.status == HTTPStatus.NO_CONTENT:
            return {}
        try:
            return json.loads(answer.body)
        except ValueError:
            raise NoAnswer("the address answered, but not with JSON; is it Headgate's?") from None

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "[key]") if self.key else text


def _problem(text: str) -> Mapping[str, Any] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    is_ours = isinstance(content, dict) and {"code", "detail", "errors"} <= set(content)
    return content if is_ours else None


def _address(*names: str) -> str:
    for name in names:
        if name in ("", ".", ".."):
            raise BadName(f"{name!r} is not the name of anything")
    return "".join(f"/{quote(name, safe='', errors='replace')}" for name in names)


def _asked(address: str, query: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{address}?{urlencode(given, errors='replace')}" if given else address


def _body(content: Any) -> bytes | None:
    return None if content is None else json.dumps(content, allow_nan=False).encode()
