"""A registry that somebody has built at home."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from controller.registries import Pointer
from tests.contract.registry_servers.server import RegistryServer, path_of, reply, said_too_much
from tests.endpoint import Call

_PATH = "/prompts/claims%2Fanswer"


class HomeMadeServer(RegistryServer):
    """One prompt with a list of labels; a write says where it believes the label to be."""

    pointer = Pointer("claims/answer", "live")
    versions = ("2", "1", "3")
    target_sha256 = hashlib.sha256(b"Answer 1").hexdigest()
    compares_and_swaps = True

    def __init__(self) -> None:
        super().__init__()
        self.at = 2

    @property
    def now(self) -> str:
        return str(self.at)

    def move(self, version: str) -> None:
        self.at = int(version)

    @property
    def secret(self) -> str:
        return self.password

    @property
    def authorization(self) -> tuple[str, str]:
        return "x-api-key", self.password

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "auth": "header",
            "auth_header": "X-API-Key",
            "secret": "env:REGISTRY",
            "read": {
                "url": url + "/prompts/${name}?with=labels",
                "path": "$.labels[?@.name=='live'].version",
            },
            "write": {
                "method": "PUT",
                "url": url + "/prompts/${name}/labels/${pointer}",
                "headers": {"X-Team": "claims"},
                "body": {"version": "${version:integer}", "if_at": "${expected}", "by": ["Headgate"]},
            },
            "content": {"url": url + "/prompts/${name}/versions/${version}", "path": "$.text"},
        }

    def is_write(self, call: Call) -> bool:
        return call.method == "PUT"

    def refuse(self, call: Call, status: int) -> None:
        headers = {"Retry-After": "17"} if status == 429 else {}
        reply(call, status, {"code": "refused", "message": said_too_much(call)}, headers)

    def answer(self, call: Call) -> None:
        match (call.method, path_of(call)):
            case ("GET", path) if path == _PATH:
                labels = [{"name": "live", "version": self.at}, {"name": "newest", "version": 3}]
                reply(call, 200, {"name": "claims/answer", "labels": labels})
            case ("GET", path) if path.startswith(f"{_PATH}/versions/"):
                reply(call, 200, {"text": f"Answer {path.rpartition('/')[2]}"})
            case ("PUT", path) if path == f"{_PATH}/labels/live":
                self._put(call, json.loads(call.body))
            case _:
                self.refuse(call, 404)

    def _put(self, call: Call, body: dict[str, Any]) -> None:
        assert call.headers["x-team"] == "claims"
        if body["if_at"] != self.now:
            reply(call, 412, {"code": "stale", "message": f"it is at {self.at}"})
        elif body["version"] not in (1, 2, 3):
            reply(call, 422, {"code": "no_such_version"})
        else:
            self.at = body["version"]
            call.reply(204)
