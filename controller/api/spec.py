"""The OpenAPI document: what every answer and every address has in common."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from flask import Flask
from flask_smorest import Api
from flask_smorest.utils import prepare_response
from werkzeug.routing import BaseConverter

from controller.api.schemas import ProblemSchema
from controller.errors import InvalidInput, Problem
from controller.problems import PROBLEM_TYPE

OPTIONS: dict[str, Any] = {
    "info": {
        "description": "The control plane that takes GenAI features to production and back out.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "servers": [{"url": "/"}],
    "components": {
        "securitySchemes": {
            "adminKey": {
                "type": "http",
                "scheme": "bearer",
                "description": "An admin key: hg_admin_... Also taken as X-API-Key.",
            },
            "serverKey": {
                "type": "http",
                "scheme": "bearer",
                "description": "The key of an environment: hg_server_... Also taken as X-API-Key.",
            },
            "clientKey": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key for browsers and apps: hg_client_... Also taken as X-API-Key.",
            },
        }
    },
    "security": [{"adminKey": []}],
}

SERVER_KEY: list[dict[str, list[str]]] = [{"serverKey": []}]
"""The security of what SDKs and flagd daemons ask for."""
CLIENT_KEY: list[dict[str, list[str]]] = [{"serverKey": []}, {"clientKey": []}]
"""The security of what OFREP providers ask for."""
ETAG = {"ETag": {"description": "Its version, for If-Match and If-None-Match", "schema": {"type": "string"}}}
"""The header of an answer that has a version."""


FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the file, at most 20 MB",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""The body of a request that is a file."""


def key_in_path(what: str, key: str, pattern: str) -> None:
    """Refuse an address that names something by what is no key, before it is made under that name.

    Raises:
        InvalidInput: It is not a key.
    """
    if not re.fullmatch(pattern, key):
        remedy = "use 2 to 63 of a-z, 0-9 and -, not beginning with -"
        raise InvalidInput(Problem(what, f"{key!r} is not a key", remedy))


class RowId(BaseConverter):
    """The number of a row in an address: digits, and no more of them than a database can count."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """Make it a number."""
        return int(value)


class DocumentedApi(Api):
    """The API's own document, in which whatever goes wrong is answered with a problem."""

    ERROR_SCHEMA = ProblemSchema

    def init_app(self, app: Flask, **kwargs: Any) -> None:
        """Take an application as it is before any blueprint is registered."""
        app.url_map.converters |= {"row": RowId}
        super().init_app(app, **kwargs)
        self.register_converter(RowId, lambda _: {"type": "integer", "minimum": 0, "maximum": 10**18 - 1})

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            self._register(status.name, status.phrase, has_content=_has_content(status))
        self._register(self.DEFAULT_ERROR_RESPONSE_NAME, "What is wrong, and what to do", has_content=True)

    def _register(self, name: str, description: str, *, has_content: bool) -> None:
        response: dict[str, Any] = {"description": description}
        if has_content:
            response["schema"] = self.ERROR_SCHEMA
        prepare_response(response, self.spec, PROBLEM_TYPE)
        self.spec.components.response(name, response, lazy=True)


def _has_content(status: HTTPStatus) -> bool:
    return status >= HTTPStatus.OK and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
