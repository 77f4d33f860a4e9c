"""AI configurations in LaunchDarkly, where the default rule of an environment says which variation is live."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from controller.errors import BadSetting
from controller.http import Outbound
from controller.registries import entered
from controller.registries.client import Client
from controller.registries.content import sha256_of
from controller.registries.login import Scheme
from controller.registries.registry import BadPointer, Conflict, Missing, Nonsense, Pointer, Registry
from controller.secrets import Secrets

HOST = "https://app.launchdarkly.com"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_VARIATION = re.compile(r"[A-Za-z0-9-]{1,64}")
_BETA = {"LD-API-Version": "beta"}
_SEMANTIC_PATCH = {"Content-Type": "application/json; domain-model=launchdarkly.semanticpatch"}
_OWN_FIELDS = "_ldMeta"


@dataclass(frozen=True, slots=True)
class LaunchDarkly(Registry):
    """One project. A name is the key of an AI configuration, a pointer that of an environment.

    A version is the id of a variation.
    Rules and targets before the default rule, and whether targeting is on at all, are left as they are.
    """

    kind: ClassVar[str] = "launchdarkly"

    url: str
    client: Client

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make one from ``project``, ``secret`` (an access token) and ``url``; see `Registry.from_settings`."""
        entered.only(settings, "project", "secret", "url")
        url = entered.base_url(settings, outbound, HOST)
        project = entered.text(settings, "project")
        if not _KEY.fullmatch(project):
            raise BadSetting("project", "is not the key of a project", "enter the key, not the name")
        login = entered.login(settings, secrets, url, Scheme.HEADER)
        return cls(f"{url}/api/v2/projects/{project}/ai-configs", Client(outbound, secrets, login))

    def check_pointer(self, pointer: Pointer) -> None:
        """See `Registry.check_pointer`: two keys."""
        if not _KEY.fullmatch(pointer.name):
            raise BadPointer("name", "is not the key of an AI configuration", "enter the key, not the name")
        if not _KEY.fullmatch(pointer.pointer):
            raise BadPointer("pointer", "is not the key of an environment", "enter the key, not the name")

    def check_version(self, version: str) -> None:
        """See `Registry.check_version`: the id of a variation, not its key."""
        if not _VARIATION.fullmatch(version):
            raise BadPointer("version", "is not the id of a variation", "copy the id from LaunchDarkly")

    def read(self, pointer: Pointer, deadline_s: float) -> str:
        """See `Registry.read`."""
        self.check_pointer(pointer)
        targeting = self._targeting(pointer, deadline_s)
        environments = _object(targeting.get("environments"), "environments")
        if pointer.pointer not in environments:
            raise Missing("LaunchDarkly has no such environment in this project")
        environment = _object(environments[pointer.pointer], "the environment")
        default = _object(environment.get("fallthrough"), "the default rule")
        return _served(default, _variations(targeting))

    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:  # noqa: ARG002
        """See `Registry.write`. LaunchDarkly compares nothing, but refuses while an experiment or rollout runs."""
        self.check_pointer(pointer)
        self.check_version(version)
        instruction = {"kind": "updateFallthroughVariationOrRollout", "variationId": version}
        body = {
            "environmentKey": pointer.pointer,
            "comment": "Moved by Headgate",
            "instructions": [instruction],
        }
        data = json.dumps(body).encode()
        self.client.send(
            "PATCH", self._address(pointer), deadline_s, body=data, headers=_BETA | _SEMANTIC_PATCH
        )

    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        """See `Registry.content_sha256`: of the whole variation but the fields that LaunchDarkly adds to it.

        A variation keeps its id when it is edited, so this is where an edit shows.
        """
        self.check_pointer(pointer)
        self.check_version(version)
        for variation in _variations(self._targeting(pointer, deadline_s)):
            if variation.get("_id") == version:
                value = _object(variation.get("value"), "a variation")
                return sha256_of({name: part for name, part in value.items() if name != _OWN_FIELDS})
        raise Missing("LaunchDarkly has no such variation in this configuration")

    def _targeting(self, pointer: Pointer, deadline_s: float) -> Mapping[str, Any]:
        answer = self.client.ask("GET", self._address(pointer), deadline_s, headers=_BETA)
        return _object(answer, "the answer")

    def _address(self, pointer: Pointer) -> str:
        return f"{self.url}/{pointer.name}/targeting"


def _served(default: Mapping[str, Any], variations: list[Mapping[str, Any]]) -> str:
    """The one variation that a default rule serves; it is named there by its place among the variations."""
    if default.get("rollout") is not None:
        raise Conflict(
            "the default rule of LaunchDarkly serves a rollout, not one variation; end it there first"
        )
    place = default.get("variation")
    if type(place) is not int or not 0 <= place < len(variations):
        raise Nonsense("the default rule of LaunchDarkly names no variation")
    id = variations[place].get("_id")
    if not isinstance(id, str) or not _VARIATION.fullmatch(id):
        raise Nonsense("LaunchDarkly answered with a variation without an id")
    return id


def _variations(targeting: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    variations = targeting.get("variations")
    if not isinstance(variations, list):
        raise Nonsense("LaunchDarkly answered without variations")
    return [_object(variation, "a variation") for variation in variations]


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Nonsense(f"{name} in LaunchDarkly's answer is not an object")
    return value
