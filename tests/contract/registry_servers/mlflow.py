"""MLflow's registered models, in the words of a server of version 3.17."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from controller.registries import Pointer
from tests.contract.registry_servers.server import RegistryServer, path_of, query_of, reply
from tests.endpoint import Call

_NAME = "claims-answer"
_API = "/api/2.0/mlflow"


class MLflowServer(RegistryServer):
    """One prompt: a registered model whose versions have their text in a tag."""

    pointer = Pointer(_NAME, "production")
    versions = ("2", "1", "3")
    target_sha256 = hashlib.sha256(b"Answer 1 from {{claim}}").hexdigest()

    def __init__(self) -> None:
        super().__init__()
        self.aliases = {"production": "2"}

    @property
    def now(self) -> str:
        return self.aliases["production"]

    def move(self, version: str) -> None:
        self.aliases["production"] = version

    def settings(self, url: str) -> dict[str, Any]:
        return {"url": url, "auth": "basic", "secret": "env:REGISTRY"}

    def is_write(self, call: Call) -> bool:
        return call.method == "POST"

    def refuse(self, call: Call, status: int) -> None:
        """MLflow's own login answers with a sentence, its API with a code."""
        codes = {404: "RESOURCE_DOES_NOT_EXIST", 429: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR"}
        if status == 401:
            headers = {"WWW-Authenticate": 'Basic realm="mlflow"', "Content-Type": "text/html; charset=utf-8"}
            call.reply(401, b"You are not authenticated. Please see https://...", headers)
        elif status == 403:
            call.reply(403, b"Permission denied", {"Content-Type": "text/html; charset=utf-8"})
        else:
            _error(call, status, codes[status], f"{call.headers} {call.path}")

    def answer(self, call: Call) -> None:
        match (call.method, path_of(call)):
            case ("POST", "/api/2.0/mlflow/registered-models/alias"):
                self._set(call, json.loads(call.body))
            case ("GET", "/api/2.0/mlflow/registered-models/alias"):
                self._get_by_alias(call, query_of(call))
            case ("GET", "/api/2.0/mlflow/model-versions/get"):
                query = query_of(call)
                self._get(call, query["name"], query["version"])
            case _:
                call.reply(404, b"<!doctype html><title>404 Not Found</title>")

    def _set(self, call: Call, body: dict[str, str]) -> None:
        if body["name"] != _NAME or body["version"] not in self.versions:
            message = f"Model Version (name={body['name']}, version={body['version']}) not found"
            _error(call, 404, "RESOURCE_DOES_NOT_EXIST", message)
            return
        self.aliases[body["alias"]] = body["version"]
        reply(call, 200, {})

    def _get_by_alias(self, call: Call, query: dict[str, str]) -> None:
        if query["name"] != _NAME:
            message = f"Registered Model with name={query['name']} not found"
            _error(call, 404, "RESOURCE_DOES_NOT_EXIST", message)
        elif query["alias"] not in self.aliases:
            message = f"Registered model alias {query['alias']} not found."
            _error(call, 400, "INVALID_PARAMETER_VALUE", message)
        else:
            self._get(call, _NAME, self.aliases[query["alias"]])

    def _get(self, call: Call, name: str, version: str) -> None:
        if name != _NAME or version not in self.versions:
            message = f"Model Version (name={name}, version={version}) not found"
            _error(call, 404, "RESOURCE_DOES_NOT_EXIST", message)
            return
        tags = {
            "mlflow.prompt.is_prompt": "true",
            "_mlflow_prompt_type": "text",
            "mlflow.prompt.text": f"Answer {version} from {{{{claim}}}}",
        }
        found = {
            "name": name,
            "version": version,
            "creation_timestamp": 1795275661274,
            "last_updated_timestamp": 1795275661274,
            "current_stage": "None",
            "description": "",
            "source": "dummy-source",
            "run_id": "",
            "status": "READY",
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
            "run_link": "",
            "aliases": [alias for alias, at in self.aliases.items() if at == version],
        }
        reply(call, 200, {"model_version": found})


def _error(call: Call, status: int, code: str, message: str) -> None:
    body = {"error_code": code, "message": message, "sqlstate": "KAM00", "error_class": code}
    reply(call, status, body, {"Retry-After": "17"} if status == 429 else {})
