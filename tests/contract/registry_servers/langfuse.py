"""Langfuse's prompts API, as its public definition and handlers describe it (v2)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import quote, unquote

from controller.registries import Pointer
from tests.contract.registry_servers.server import RegistryServer, path_of, query_of, reply, said_too_much
from tests.endpoint import Call

_NAME = "support/claims answer"
_PATH = re.compile(r"/api/public/v2/prompts/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?")


class LangfuseServer(RegistryServer):
    """One prompt in a folder; labels are unique among its versions, and ``latest`` is where the newest is."""

    user = "pk-lf-0123"
    password = "sk-lf-4567-89ab"
    pointer = Pointer(_NAME, "production")
    versions = ("8", "7", "9")
    target_sha256 = hashlib.sha256(b"Answer 7 from {{claim}}").hexdigest()

    def __init__(self) -> None:
        super().__init__()
        self.labels = {7: ["reviewed"], 8: ["production"], 9: ["latest"]}

    @property
    def now(self) -> str:
        return next(str(version) for version, labels in self.labels.items() if "production" in labels)

    def move(self, version: str) -> None:
        self._add_labels(int(version), ["production"])

    def settings(self, url: str) -> dict[str, Any]:
        return {"url": url, "secret": "env:REGISTRY"}

    def is_write(self, call: Call) -> bool:
        return call.method == "PATCH"

    def refuse(self, call: Call, status: int) -> None:
        if status == 429:
            headers = {"Retry-After": "17", "X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"}
            call.reply(429, b"429 - rate limit exceeded", headers)
            return
        super().refuse(call, status)

    def answer(self, call: Call) -> None:
        path = _PATH.fullmatch(path_of(call))
        assert path, f"{call.path} is no address of a prompt"
        assert path["name"] == quote(_NAME, safe=""), "the folder is not escaped"
        if call.method == "PATCH":
            self._patch(call, path["version"])
        else:
            self._get(call, unquote(path["name"]), query_of(call))

    def _get(self, call: Call, name: str, query: dict[str, str]) -> None:
        label = query.get("label", "production")
        wanted = query.get("version")
        for version, labels in self.labels.items():
            if str(version) == wanted or (wanted is None and label in labels):
                reply(call, 200, self._prompt(name, version))
                return
        message = f"Prompt not found: '{name}' with label '{label}'"
        reply(call, 404, {"message": message, "error": "LangfuseNotFoundError"})

    def _patch(self, call: Call, version: str) -> None:
        new = json.loads(call.body)["newLabels"]
        if "latest" in new:
            reply(call, 400, {"message": "Invalid request data", "error": [{"path": ["newLabels"]}]})
        elif int(version) not in self.labels:
            reply(call, 404, {"message": f"Prompt not found: {said_too_much(call)}"})
        else:
            self._add_labels(int(version), new)
            reply(call, 200, self._prompt(_NAME, int(version)))

    def _add_labels(self, version: int, new: list[str]) -> None:
        for labels in self.labels.values():
            labels[:] = [label for label in labels if label not in new]
        self.labels[version] += new

    def _prompt(self, name: str, version: int) -> dict[str, Any]:
        return {
            "id": f"id-{version}",
            "projectId": "project",
            "createdBy": "user",
            "name": name,
            "version": version,
            "type": "text",
            "prompt": f"Answer {version} from {{{{claim}}}}",
            "config": {"model": "gpt", "temperature": 0.2},
            "labels": self.labels[version],
            "tags": ["claims"],
            "commitMessage": None,
            "resolutionGraph": None,
        }
