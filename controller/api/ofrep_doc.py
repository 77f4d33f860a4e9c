"""How the addresses of OFREP are described in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from controller.api.spec import ETAG, PROBLEM_TYPE, SERVER_KEY

_TEXT = {"type": "string"}
_SUCCESS = {
    "type": "object",
    "required": ["key", "reason", "variant", "metadata"],
    "properties": {
        "key": _TEXT,
        "reason": {"enum": ["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED"]},
        "variant": {"type": ["string", "null"]},
        "value": {"type": ["boolean", "string", "number", "object"]},
        "metadata": {"type": "object", "additionalProperties": {"type": ["boolean", "string", "number"]}},
    },
}
_FAILURE = {
    "type": "object",
    "required": ["errorCode", "errorDetails"],
    "properties": {"key": _TEXT, "errorCode": _TEXT, "errorDetails": _TEXT},
}
_PROBLEM = {"allOf": [{"$ref": "#/components/schemas/Problem"}, _FAILURE]}
_BULK = {
    "type": "object",
    "required": ["flags", "metadata"],
    "properties": {
        "flags": {"type": "array", "items": {"anyOf": [_SUCCESS, _FAILURE]}},
        "metadata": {"type": "object"},
    },
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "context": {"type": ["object", "null"], "properties": {"targetingKey": _TEXT}}
                },
            }
        }
    },
}


def _answer(description: str, schema: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}, **rest}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": _PROBLEM}}}


ONE: dict[str, Any] = {
    "security": SERVER_KEY,
    "requestBody": _BODY,
    "responses": {
        "200": _answer("The answer", _SUCCESS),
        "400": _problem("The context or the flag cannot be used"),
        "404": _problem("There is no such flag"),
        "default": _problem("What is wrong, and what to do"),
    },
}
"""The evaluation of one flag."""

ALL: dict[str, Any] = {
    "security": SERVER_KEY,
    "parameters": [{"in": "header", "name": "If-None-Match", "schema": _TEXT}],
    "requestBody": _BODY,
    "responses": {
        "200": _answer("All answers", _BULK, headers=ETAG),
        "304": {"description": "Nothing has changed for this context", "headers": ETAG},
        "400": _problem("The context cannot be used"),
        "default": _problem("What is wrong, and what to do"),
    },
}
"""The evaluation of every flag."""
