"""Any registry with a JSON API: how to read and move a pointer is written down as requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from controller.errors import BadSetting
from controller.http import Outbound
from controller.json_path import JSONPath
from controller.registries import entered
from controller.registries.client import Client
from controller.registries.content import sha256_of
from controller.registries.json_path import value_at, version_at
from controller.registries.login import Scheme
from controller.registries.registry import Pointer, Registry, check_word
from controller.registries.request_template import KNOWN_VERSION, READING, WRITING, RequestTemplate
from controller.secrets import Secrets

_REQUEST = ("method", "url", "headers", "body")


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A request, and where in its answer the value is."""

    request: RequestTemplate
    path: JSONPath


@dataclass(frozen=True, slots=True)
class GenericHTTP(Registry):
    """Requests to read, to write and perhaps to look into a version, all with the same secret."""

    kind: ClassVar[str] = "http"

    client: Client
    reading: _Lookup
    writing: RequestTemplate
    content: _Lookup | None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make one from ``read``, ``write``, ``content``, ``auth`` and ``secret``; see `Registry.from_settings`."""
        entered.only(settings, "read", "write", "content", "auth", "auth_header", "secret")
        reading = _lookup(settings, "read", READING, outbound)
        written = _part(settings, "write", *_REQUEST)
        writing = RequestTemplate.parse("write", written, WRITING, outbound)
        content = _lookup(settings, "content", KNOWN_VERSION, outbound) if "content" in settings else None
        login = entered.login(settings, secrets, writing.place, *Scheme)
        for lookup in filter(None, (reading, content)):
            entered.check_secret(login, secrets, lookup.request.place)
        return cls(Client(outbound, secrets, login), reading, writing, content)

    def check_pointer(self, pointer: Pointer) -> None:
        """See `Registry.check_pointer`: two words."""
        check_word("name", pointer.name)
        check_word("pointer", pointer.pointer)

    def check_version(self, version: str) -> None:
        """See `Registry.check_version`: a word."""
        check_word("version", version)

    def read(self, pointer: Pointer, deadline_s: float) -> str:
        """See `Registry.read`."""
        self.check_pointer(pointer)
        return version_at(self.reading.path, self._ask(self.reading.request, _values(pointer), deadline_s))

    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:
        """See `Registry.write`. Whether anything is compared is up to the other side and its ``${expected}``."""
        self.check_pointer(pointer)
        self.check_version(version)
        values = _values(pointer) | {"version": version, "expected": expected}
        request = self.writing
        self.client.send(
            request.method,
            request.url_for(values),
            deadline_s,
            body=request.body_for(values),
            headers=request.headers,
        )

    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        """See `Registry.content_sha256`: of what ``content`` leads to, if it is entered."""
        self.check_pointer(pointer)
        self.check_version(version)
        if self.content is None:
            return None
        values = _values(pointer) | {"version": version}
        return sha256_of(value_at(self.content.path, self._ask(self.content.request, values, deadline_s)))

    def _ask(self, request: RequestTemplate, values: Mapping[str, str], deadline_s: float) -> Any:
        return self.client.ask(
            request.method,
            request.url_for(values),
            deadline_s,
            body=request.body_for(values),
            headers=request.headers,
        )


def _values(pointer: Pointer) -> dict[str, str]:
    return {"name": pointer.name, "pointer": pointer.pointer}


def _lookup(
    settings: Mapping[str, Any], field: str, variables: tuple[str, ...], outbound: Outbound
) -> _Lookup:
    part = _part(settings, field, *_REQUEST, "path")
    path = part.get("path")
    if not isinstance(path, str):
        raise BadSetting(f"{field}.path", "is missing", "enter a JSONPath such as $.prompt.version")
    return _Lookup(
        RequestTemplate.parse(field, part, variables, outbound), JSONPath.parse(f"{field}.path", path)
    )


def _part(settings: Mapping[str, Any], field: str, *known: str) -> Mapping[str, Any]:
    part = settings.get(field)
    if not isinstance(part, Mapping):
        raise BadSetting(field, "is missing", f"enter {', '.join(known)}")
    if unknown := sorted(set(map(str, part)) - set(known)):
        raise BadSetting(f"{field}.{unknown[0]}", "is unknown", f"known are {', '.join(known)}")
    return part
