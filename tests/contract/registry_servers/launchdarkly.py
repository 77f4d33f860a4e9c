"""LaunchDarkly's targeting of AI configurations, as its API reference and notes of real answers describe it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from controller.registries import Pointer
from tests.contract.registry_servers.server import RegistryServer, path_of, reply, said_too_much
from tests.endpoint import Call

_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limited", 500: "internal_error"}
_IDS = tuple(f"6f1c2a{number}0-0000-4000-8000-00000000000{number}" for number in range(4))


class LaunchDarklyServer(RegistryServer):
    """One configuration in two environments; a rule names a variation by its place, a patch by its id."""

    password = "api-01234567-89ab-cdef"
    pointer = Pointer("claims-answer", "production")
    versions = (_IDS[2], _IDS[1], _IDS[3])
    target_sha256 = hashlib.sha256(
        b'{"messages":[{"content":"Answer 1 from {{claim}}","role":"system"}],"model":{"name":"gpt"}}'
    ).hexdigest()

    def __init__(self) -> None:
        super().__init__()
        self.default: dict[str, Any] = {"variation": 2}
        self.experiment = False

    @property
    def now(self) -> str:
        return _IDS[self.default["variation"]]

    def move(self, version: str) -> None:
        self.default = {"variation": _IDS.index(version)}

    @property
    def secret(self) -> str:
        return self.password

    @property
    def authorization(self) -> tuple[str, str]:
        return "authorization", self.password

    def settings(self, url: str) -> dict[str, Any]:
        return {"url": url, "project": "claims", "secret": "env:REGISTRY"}

    def is_write(self, call: Call) -> bool:
        return call.method == "PATCH"

    def refuse(self, call: Call, status: int) -> None:
        headers = {"Retry-After": "17", "X-Ratelimit-Route-Remaining": "0"} if status == 429 else {}
        reply(call, status, {"code": _CODES[status], "message": said_too_much(call)}, headers)

    def answer(self, call: Call) -> None:
        assert call.headers["ld-api-version"] == "beta"
        if path_of(call) != "/api/v2/projects/claims/ai-configs/claims-answer/targeting":
            self.refuse(call, 404)
        elif call.method == "GET":
            reply(call, 200, self._targeting())
        else:
            self._patch(call, json.loads(call.body))

    def _patch(self, call: Call, body: dict[str, Any]) -> None:
        assert call.headers["content-type"] == "application/json; domain-model=launchdarkly.semanticpatch"
        (instruction,) = body["instructions"]
        assert instruction["kind"] == "updateFallthroughVariationOrRollout"
        if self.experiment:
            message = "the default rule is in a running experiment"
            reply(call, 409, {"code": "optimistic_locking_error", "message": message})
        elif instruction["variationId"] not in _IDS or body["environmentKey"] != "production":
            reply(call, 400, {"code": "invalid_request", "message": said_too_much(call)})
        else:
            self.move(instruction["variationId"])
            reply(call, 200, self._targeting())

    def _targeting(self) -> dict[str, Any]:
        environment = {"_version": 4, "enabled": True, "offVariation": 0, "targets": [], "rules": []}
        return {
            "createdAt": 1795275661274,
            "variations": [_variation(number) for number in range(4)],
            "environments": {
                "production": {**environment, "fallthrough": self.default},
                "test": {**environment, "fallthrough": {"rollout": {"variations": []}}},
            },
        }


def _variation(number: int) -> dict[str, Any]:
    meta = {"variationKey": f"v{number}", "enabled": number > 0, "version": 1, "mode": "completion"}
    messages = [{"role": "system", "content": f"Answer {number} from {{{{claim}}}}"}]
    value = {"_ldMeta": meta, "model": {"name": "gpt"}, "messages": messages}
    return {"_id": _IDS[number], "name": f"Version {number}", "description": "", "value": value}
