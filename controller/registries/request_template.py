"""A request as a user wrote it down, with variables for what is moved.

``${name}``, ``${pointer}``, ``${version}`` and ``${expected}`` stand for texts. In an address they are escaped, so that
none can begin another part of it; in a body they stand within JSON strings. ``${version:integer}``, alone in a string,
becomes a JSON number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from controller.errors import BadSetting
from controller.http import Outbound
from controller.registries import entered
from controller.registries.registry import Refused

READING = ("name", "pointer")
KNOWN_VERSION = (*READING, "version")
WRITING = (*KNOWN_VERSION, "expected")

_VARIABLE = re.compile(r"\$\{(?P<name>[^}]*)(?P<end>\})?")
_INTEGER = re.compile(r"\$\{(?P<name>[a-z]+):integer\}")
_HOST = re.compile(r"[^/?#]*//[^/?#]*|[^/?#]*")
_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,17}")
_METHODS = ("GET", "POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A method, an address, headers and perhaps a body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @classmethod
    def parse(
        cls, field: str, settings: Mapping[str, Any], variables: tuple[str, ...], outbound: Outbound
    ) -> RequestTemplate:
        """Read a request as a user entered it in ``field``; only these ``variables`` may stand in it.

        Raises:
            BadSetting: A part cannot be used, or a variable is unknown or where no value is safe.
        """
        method = settings.get("method", "GET")
        if method not in _METHODS:
            raise BadSetting(f"{field}.method", "is unknown", f"use one of {', '.join(_METHODS)}")
        body = settings.get("body")
        if method == "GET" and body is not None:
            raise BadSetting(f"{field}.body", "is not sent with GET", "leave it out, or use another method")
        _check_body(f"{field}.body", body, variables)
        url = _checked_url(f"{field}.url", settings.get("url"), variables)
        template = cls(method, url, entered.headers(settings, field), body)
        entered.check_url(f"{field}.url", template.place, outbound)
        return template

    @property
    def place(self) -> str:
        """An address on the same host as all that the template makes."""
        return _VARIABLE.sub("x", self.url)

    def url_for(self, values: Mapping[str, str]) -> str:
        """The address with every variable filled in.

        Raises:
            Refused: A value would lead to a place that is not the one written down.
        """
        url = _VARIABLE.sub(lambda variable: quote(values[variable["name"]], safe=""), self.url)
        if {".", ".."} & set(urlsplit(url).path.split("/")):
            raise Refused("a name made of dots would lead to another address")
        return url

    def body_for(self, values: Mapping[str, str]) -> bytes | None:
        """The body with every variable filled in.

        Raises:
            Refused: A value that has to be a number is none.
        """
        return None if self.body is None else json.dumps(_filled(self.body, values)).encode()


def _checked_url(field: str, url: object, variables: tuple[str, ...]) -> str:
    if not isinstance(url, str) or not url:
        raise BadSetting(field, "is missing", "enter the address")
    _check_text(field, url, variables)
    host = _HOST.match(url)
    if host and "${" in host[0]:
        raise BadSetting(field, "has a variable in its host", "write the host itself")
    if "#" in url:
        raise BadSetting(field, "has a fragment, which is never sent", "leave it out")
    return url


def _check_body(field: str, body: Any, variables: tuple[str, ...]) -> None:
    match body:
        case str():
            whole = _INTEGER.fullmatch(body)
            _check_text(field, f"${{{whole['name']}}}" if whole else body, variables)
        case list():
            for part in body:
                _check_body(field, part, variables)
        case dict():
            for name, part in body.items():
                _check_text(field, str(name), ())
                _check_body(f"{field}.{name}", part, variables)
        case _:
            pass


def _check_text(field: str, text: str, variables: tuple[str, ...]) -> None:
    for variable in _VARIABLE.finditer(text):
        name = variable["name"]
        if not variable["end"] or name not in variables:
            known = ", ".join(f"${{{known}}}" for known in variables) or "none"
            raise BadSetting(
                field, f"has a variable ${{{name[:40]}}} that is unknown here", f"known are {known}"
            )


def _filled(part: Any, values: Mapping[str, str]) -> Any:
    match part:
        case str():
            whole = _INTEGER.fullmatch(part)
            if whole:
                return _integer(values[whole["name"]])
            return _VARIABLE.sub(lambda variable: values[variable["name"]], part)
        case list():
            return [_filled(inner, values) for inner in part]
        case dict():
            return {name: _filled(inner, values) for name, inner in part.items()}
        case _:
            return part


def _integer(value: str) -> int:
    if not _DIGITS.fullmatch(value):
        raise Refused("a version that has to be sent as a number is none")
    return int(value)
