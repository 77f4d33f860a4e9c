"""Reading what a user entered for a source, setting by setting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from controller.errors import BadSetting
from controller.http import header_is_sendable

_CREDENTIAL_HEADERS = ("authorization", "cookie", "proxy-authorization")
_FRAMING_HEADERS = ("connection", "content-length", "content-type", "host", "transfer-encoding")


class Entered:
    """The settings of a source, or of a part of it. Errors name the field as a user would find it."""

    def __init__(self, settings: Mapping[str, Any], known: Iterable[str], place: str = "") -> None:
        """``known`` are the names of all settings there are; ``place`` is what stands before them.

        Raises:
            BadSetting: There is one that nobody would read.
        """
        self._settings = settings
        self._place = place
        names = list(known)
        if unknown := sorted(set(map(str, settings)) - set(names)):
            raise BadSetting(self.field(unknown[0]), "is unknown", f"known are {', '.join(names)}")

    def __contains__(self, name: str) -> bool:
        return name in self._settings

    def field(self, name: str) -> str:
        """The whole name of a setting."""
        return f"{self._place}{name}"

    def raw(self, name: str) -> Any:
        """A setting as it was entered; None if it was not."""
        return self._settings.get(name)

    def text(self, name: str, default: str | None = None, remedy: str = "enter it") -> str:
        """A setting that is a text.

        Raises:
            BadSetting: It is missing and has no default, or is something else.
        """
        value = self._settings.get(name, default)
        if value is None or value == "":
            raise BadSetting(self.field(name), "is missing", remedy)
        if not isinstance(value, str):
            raise BadSetting(self.field(name), "is not a text", "put it in quotes")
        return value

    def one_of(self, name: str, options: Iterable[str], default: str | None = None) -> str:
        """A setting that is one of some words.

        Raises:
            BadSetting: It is not.
        """
        value, words = self.text(name, default), list(options)
        if value not in words:
            raise BadSetting(self.field(name), "is unknown", f"use one of {', '.join(words)}")
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A setting that is a number within bounds.

        Raises:
            BadSetting: It is not.
        """
        value = self._settings.get(name, default)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not least <= value <= most:
            remedy = f"enter a number from {least:g} to {most:g}"
            raise BadSetting(self.field(name), "is not a number that fits", remedy)
        return float(value)

    def part(self, name: str, known: Iterable[str]) -> Entered:
        """A setting that is made of settings; nothing is entered in one that is missing.

        Raises:
            BadSetting: It is something else.
        """
        value = self._settings.get(name, {})
        if not isinstance(value, Mapping):
            raise BadSetting(self.field(name), "is not a mapping", "enter names with their values")
        return Entered(value, known, f"{self.field(name)}.")

    def texts(self, name: str) -> dict[str, str]:
        """A setting that gives texts to names.

        Raises:
            BadSetting: It is something else.
        """
        value = self._settings.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise BadSetting(self.field(name), "is not a mapping", "enter names with their values")
        for key, text in value.items():
            if not isinstance(key, str) or not isinstance(text, str):
                raise BadSetting(self.field(f"{name}.{key}"), "is not a text", "put it in quotes")
        return dict(value)

    def headers(self, name: str = "headers") -> dict[str, str]:
        """Headers that go with every request; none is a place for a secret.

        Raises:
            BadSetting: One cannot be sent, would hold a credential, or is not ours to set.
        """
        checked = self.texts(name)
        for header, value in checked.items():
            field = self.field(f"{name}.{header}")
            if not header_is_sendable(header, value):
                raise BadSetting(field, "is not a header", "use printable ASCII, without space around it")
            if header.lower() in _CREDENTIAL_HEADERS:
                raise BadSetting(field, "would hold a credential in plain text", "enter it under auth")
            if header.lower() in _FRAMING_HEADERS:
                raise BadSetting(field, "is set by the connection itself", "leave it out")
        return checked
