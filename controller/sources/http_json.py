"""Numbers from any HTTP API that answers with JSON; where they are in the answer is said by JSONPath (RFC 9535)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlsplit

from controller.http import OutboundError
from controller.json_path import JSONPath, NoSingleValue
from controller.sources.access import Access
from controller.sources.filling import check_filling, fill_in, fill_in_json
from controller.sources.numbers import Asked, Numbers, the_same
from controller.sources.parts import NEWEST, Part, number_part
from controller.sources.source import BadQuery, BadSetting, SecretPlace, Tried
from controller.sources.template import MissingValue
from controller.sources.web import WEB_SETTINGS, Entered, Said, Web, secrets_in, web_from
from controller.strict_json import InvalidJSON, loads
from triggers import Status, Window

_NOT_LET_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_JSON = {"Content-Type": "application/json"}
_PATH = re.compile(r"[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%{}-]*")


class HttpJson(Numbers):
    """One API. ``path`` goes behind the address; with a ``body``, the request is a POST."""

    kind: ClassVar[str] = "http_json"
    others: ClassVar[tuple[str, ...]] = ("path", "body")

    def __init__(self, web: Web) -> None:
        """``web`` is the way to it."""
        self._web = web
        self.redact = web.redact

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from the settings of a web source; see `Source.from_settings`."""
        return cls(web_from(Entered(settings, WEB_SETTINGS), access))

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """See `Source.secrets_in`."""
        return secrets_in(settings)

    def check_leads(self) -> None:
        """See `Source.check_leads`."""
        self._web.check_leads()

    def check_part(self, part: str, text: str) -> None:
        """See `Numbers.check_part`."""
        if part not in self.others:
            _path(part, text)
            return
        check_filling(part, text)
        if part == "path" and not _PATH.fullmatch(text):
            raise BadQuery(
                part, "cannot stand behind an address", "begin it with /, such as /v1/quality?f=${feature}"
            )
        if part == "body":
            _check_body(part, text)

    def fill(self, part: str, text: str, variables: Mapping[str, str], window: Window) -> str:
        """See `Numbers.fill`. Where the numbers are has no gaps."""
        self.check_part(part, text)
        if part == "body":
            return fill_in_json(text, variables, window)
        if part == "path":
            return _plain_path(fill_in(text, variables, window, lambda value: quote(value, safe="")))
        return text

    def answers(self, window: Window, asked: Sequence[Asked], until: float) -> Sequence[Mapping[str, Part]]:  # noqa: ARG002 - it is in the path or the body
        """See `Numbers.answers`. Questions with the same path and body share one request."""
        said: dict[tuple[str, str], Any] = {}
        for each in asked:
            request = (each.others.get("path", ""), each.others.get("body", ""))
            if request not in said:
                said[request] = self._ask(*request, until)
        return [
            _parts(each, said[each.others.get("path", ""), each.others.get("body", "")]) for each in asked
        ]

    def follows_window(self, query: Mapping[str, str]) -> bool:
        """See `Source.follows_window`."""
        return any("${start" in text or "${window" in text for text in query.values())

    def test(self, deadline_s: float) -> Tried:
        """See `Source.test`: the address itself is asked, and only what says that we are not let in counts."""
        try:
            answer = self._web.send("GET", "", deadline_s)
        except OutboundError as error:
            return Tried(works=False, message=self.redact(str(error)))
        if answer.status in _NOT_LET_IN or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Tried(works=False, message=str(self._web.refusal(answer)))
        return Tried(works=True, message=f"it answers (HTTP {answer.status} at its address without a path)")

    def _ask(self, path: str, body: str, until: float) -> Any:
        """The JSON that was answered, or the part that there is instead."""
        left_s = until - self.clock()
        if left_s <= 0:
            return Part(Status.ERROR, message="the questions before this one took all the time")
        try:
            answer = self._web.send(
                "POST" if body else "GET", path, left_s, body=body.encode(), headers=_JSON if body else {}
            )
            if answer.status != HTTPStatus.OK:
                raise self._web.refusal(answer)
            return loads(answer.body)
        except InvalidJSON as error:
            return Part(Status.ERROR, message=f"the answer is not JSON: {error}")
        except (OutboundError, Said) as error:
            return Part(Status.ERROR, message=str(error))


def _parts(asked: Asked, said: Any) -> Mapping[str, Part]:
    if isinstance(said, Part):
        return the_same(said, asked)
    if not isinstance(said, (dict, list)):
        return the_same(Part(Status.ERROR, message="the answer is neither an object nor an array"), asked)
    return {part: _found(part, text, said) for part, text in asked.numbers.items()}


def _found(part: str, text: str, said: Any) -> Part:
    try:
        value = _path(part, text).one(said)
    except NoSingleValue as error:
        # Where nothing is, there is no data. Where several are, nobody knows which one is meant.
        status = Status.NO_DATA if "no value" in str(error) else Status.INVALID
        return Part(status, message=str(error))
    if part == NEWEST and isinstance(value, str):
        value = _seconds(value)
    return number_part(value)


def _seconds(text: str) -> float | str:
    """A time as ISO 8601 writes it, in seconds since 1970."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _path(part: str, text: str) -> JSONPath:
    try:
        return JSONPath.parse(part, text, descents=1)
    except BadSetting as bad:
        raise BadQuery(part, bad.message, bad.remedy) from None


def _plain_path(path: str) -> str:
    if {".", ".."} & set(urlsplit(path).path.split("/")):
        raise MissingValue("a value made of dots would lead to another address")
    return path


def _check_body(part: str, text: str) -> None:
    try:
        document = loads(re.sub(r'"\$\{[a-z_]+:number\}"', "0", text))
    except InvalidJSON as error:
        raise BadQuery(part, f"is not JSON: {error}", "write variables within its strings") from None
    # Outside strings a gap would be no JSON, so that here every gap is inside one.
    if not isinstance(document, (dict, list)):
        raise BadQuery(part, "is neither an object nor an array", "enter one")
