"""Prompts in Langfuse, whose labels say which version is live (prompts API v2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from urllib.parse import quote

from controller.http import Outbound
from controller.registries import entered
from controller.registries.client import Client
from controller.registries.content import sha256_of
from controller.registries.login import Scheme
from controller.registries.registry import BadPointer, Nonsense, Pointer, Registry, check_number, check_word
from controller.secrets import Secrets

_LABEL = re.compile(r"[a-z0-9_.-]{1,36}")
_ALWAYS_NEWEST = "latest"


@dataclass(frozen=True, slots=True)
class Langfuse(Registry):
    """One project of Langfuse; the secret is its public and secret key with a colon between."""

    kind: ClassVar[str] = "langfuse"

    url: str
    client: Client

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make one from ``url`` and ``secret``; see `Registry.from_settings`."""
        entered.only(settings, "url", "secret")
        url = entered.base_url(settings, outbound)
        login = entered.login(settings, secrets, url, Scheme.BASIC)
        return cls(url, Client(outbound, secrets, login))

    def check_pointer(self, pointer: Pointer) -> None:
        """See `Registry.check_pointer`: any name but with ``|``, and a label other than ``latest``."""
        check_word("name", pointer.name)
        check_word("pointer", pointer.pointer)
        if "|" in pointer.name:
            raise BadPointer(
                "name", "has a | in it, which Langfuse does not allow", "check how it is spelled"
            )
        if not _LABEL.fullmatch(pointer.pointer):
            raise BadPointer("pointer", "is not a label", "use up to 36 of a-z, 0-9, _, - and .")
        if pointer.pointer == _ALWAYS_NEWEST:
            raise BadPointer("pointer", "is moved by Langfuse itself", "use a label of your own")

    def check_version(self, version: str) -> None:
        """See `Registry.check_version`: a number."""
        check_number(version)

    def read(self, pointer: Pointer, deadline_s: float) -> str:
        """See `Registry.read`."""
        self.check_pointer(pointer)
        prompt = self._prompt(pointer, "label", pointer.pointer, deadline_s)
        labels = prompt.get("labels")
        if not isinstance(labels, list) or pointer.pointer not in labels:
            raise Nonsense("Langfuse answered with a version that does not have the label")
        return str(prompt["version"])

    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:  # noqa: ARG002
        """See `Registry.write`. Langfuse adds the label and takes it from all other versions; it compares nothing."""
        self.check_pointer(pointer)
        self.check_version(version)
        body = json.dumps({"newLabels": [pointer.pointer]}).encode()
        url = f"{self._address(pointer)}/versions/{version}"
        self.client.send("PATCH", url, deadline_s, body=body)

    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        """See `Registry.content_sha256`: of the text or the messages, with the prompts embedded in them."""
        self.check_pointer(pointer)
        self.check_version(version)
        prompt = self._prompt(pointer, "version", version, deadline_s)
        if str(prompt["version"]) != version:
            raise Nonsense("Langfuse answered with another version")
        if not isinstance(prompt.get("prompt"), (str, list)):
            raise Nonsense("Langfuse answered with a prompt that is neither a text nor messages")
        return sha256_of(prompt["prompt"])

    def _prompt(self, pointer: Pointer, by: str, value: str, deadline_s: float) -> dict[str, Any]:
        prompt = self.client.ask("GET", f"{self._address(pointer)}?{by}={quote(value, safe='')}", deadline_s)
        if not isinstance(prompt, dict) or type(prompt.get("version")) is not int:
            raise Nonsense("Langfuse answered with something that is not a version of a prompt")
        return prompt

    def _address(self, pointer: Pointer) -> str:
        """Where a prompt is; the slashes of folders are part of its name."""
        return f"{self.url}/api/public/v2/prompts/{quote(pointer.name, safe='')}"
