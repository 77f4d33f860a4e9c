"""Prompts and models in MLflow, whose aliases say which version is live (registered models, REST API 2.0)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from controller.http import Outbound
from controller.registries import entered
from controller.registries.client import Client
from controller.registries.content import sha256_of
from controller.registries.login import Scheme
from controller.registries.registry import (
    BadPointer,
    Missing,
    Nonsense,
    Pointer,
    Refused,
    Registry,
    check_number,
    check_word,
)
from controller.secrets import Secrets

_NOT_IN_NAMES = re.compile(r"[/:]")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)
_BAD_PARAMETER = "INVALID_PARAMETER_VALUE"
_TEXT = "mlflow.prompt.text"


@dataclass(frozen=True, slots=True)
class MLflow(Registry):
    """One tracking server. A prompt is a registered model whose versions have their text in a tag."""

    kind: ClassVar[str] = "mlflow"

    url: str
    client: Client

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make one from ``url``, ``auth`` (none, basic or bearer) and ``secret``; see `Registry.from_settings`."""
        entered.only(settings, "url", "auth", "secret")
        url = entered.base_url(settings, outbound)
        login = entered.login(settings, secrets, url, Scheme.NONE, Scheme.BASIC, Scheme.BEARER)
        return cls(f"{url}/api/2.0/mlflow", Client(outbound, secrets, login))

    def check_pointer(self, pointer: Pointer) -> None:
        """See `Registry.check_pointer`: a name as MLflow takes them, and an alias that it has not reserved."""
        check_word("name", pointer.name)
        if _NOT_IN_NAMES.search(pointer.name):
            raise BadPointer(
                "name", "has a / or a : in it, which MLflow does not allow", "check how it is spelled"
            )
        if not _ALIAS.fullmatch(pointer.pointer):
            raise BadPointer("pointer", "is not an alias", "use letters, digits, _ and -")
        if _RESERVED.fullmatch(pointer.pointer):
            raise BadPointer("pointer", "is reserved by MLflow", "use an alias of your own")

    def check_version(self, version: str) -> None:
        """See `Registry.check_version`: a number."""
        check_number(version)

    def read(self, pointer: Pointer, deadline_s: float) -> str:
        """See `Registry.read`."""
        self.check_pointer(pointer)
        try:
            found = self._version(
                "registered-models/alias", deadline_s, name=pointer.name, alias=pointer.pointer
            )
        except Refused as error:
            # MLflow calls an alias that does not exist a bad parameter, and only that is left to be bad here.
            if _BAD_PARAMETER in str(error):
                raise Missing(f"{error}: there is no such alias") from None
            raise
        return str(found["version"])

    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:  # noqa: ARG002
        """See `Registry.write`. MLflow sets the alias; it compares nothing."""
        self.check_pointer(pointer)
        self.check_version(version)
        body = {"name": pointer.name, "alias": pointer.pointer, "version": version}
        url = f"{self.url}/registered-models/alias"
        self.client.send("POST", url, deadline_s, body=json.dumps(body).encode())

    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        """See `Registry.content_sha256`: of the prompt's text as MLflow keeps it; a model has none."""
        self.check_pointer(pointer)
        self.check_version(version)
        found = self._version("model-versions/get", deadline_s, name=pointer.name, version=version)
        tags = found.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, dict) for tag in tags):
            raise Nonsense("MLflow answered with a version whose tags are no tags")
        texts = [tag.get("value") for tag in tags if tag.get("key") == _TEXT]
        return sha256_of(texts[0]) if texts and isinstance(texts[0], str) else None

    def _version(self, path: str, deadline_s: float, **query: str) -> dict[str, Any]:
        answer = self.client.ask("GET", f"{self.url}/{path}?{urlencode(query)}", deadline_s)
        version = answer.get("model_version") if isinstance(answer, dict) else None
        if not isinstance(version, dict) or not str(version.get("version", "")).isdigit():
            raise Nonsense("MLflow answered with something that is not a version of a model")
        return version
