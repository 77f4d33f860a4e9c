"""The addresses of the delivery plane, as the OpenAPI document describes them.

They are not ours to answer: `controller.delivery` does. A client of the API finds them in one document all the same.
"""

from __future__ import annotations

from typing import Any

from flask_smorest import Api

from controller.api.spec import CLIENT_KEY, ETAG, SERVER_KEY
from controller.delivery import ofrep, plane
from controller.problems import PROBLEM_TYPE

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
        "eventStreams": {"type": "array", "items": {"type": "object", "required": ["type", "endpoint"]}},
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


_KNOWN = {"in": "header", "name": "If-None-Match", "schema": _TEXT}
_LAST = {"in": "header", "name": "Last-Event-ID", "schema": _TEXT}
_FLAG = {"in": "path", "name": "flag", "required": True, "schema": _TEXT | {"minLength": 1}}
_DOCUMENT = {"type": "object", "required": ["$schema", "metadata", "flags"]}
_WRONG = "What is wrong, and what to do"
_ANY_PROBLEM = {"$ref": "#/components/responses/DEFAULT_ERROR"}


def _of_flags(summary: str, tag: str) -> dict[str, Any]:
    given = {
        "200": _answer("A flag document in the flagd format", _DOCUMENT, headers=ETAG),
        "304": {"description": "The caller has it already", "headers": ETAG},
        "default": _ANY_PROBLEM,
    }
    return {
        "tags": [tag],
        "summary": summary,
        "security": SERVER_KEY,
        "parameters": [_KNOWN],
        "responses": given,
    }


def _stream(summary: str, tag: str, **rest: Any) -> dict[str, Any]:
    events = {
        "description": "Events, until the client leaves",
        "content": {"text/event-stream": {"schema": _TEXT}},
    }
    return {
        "tags": [tag],
        "summary": summary,
        "responses": {"200": events, "default": _ANY_PROBLEM},
        **rest,
    }


_OPERATIONS: dict[str, dict[str, Any]] = {
    plane.FLAGS: _of_flags("The flags of the environment the key belongs to, with their rules.", "sdk"),
    plane.STREAM: _stream(
        "The flag document, and then patches of it.", "sdk", security=SERVER_KEY, parameters=[_LAST]
    ),
    plane.FLAGD: _of_flags("The same document, where flagd daemons look for it.", "flagd"),
    ofrep.ALL: {
        "tags": ["ofrep"],
        "summary": "Evaluate every flag the key may see; answers 304 when nothing has changed for this context.",
        "security": CLIENT_KEY,
        "parameters": [
            _KNOWN,
            {"in": "query", "name": "flagConfigEtag", "schema": _TEXT},
            {"in": "query", "name": "flagConfigLastModified", "schema": _TEXT},
        ],
        "requestBody": _BODY,
        "responses": {
            "200": _answer("All answers", _BULK, headers=ETAG),
            "304": {"description": "Nothing has changed for this context", "headers": ETAG},
            "400": _problem("The context cannot be used"),
            "default": _problem(_WRONG),
        },
    },
    f"{ofrep.ONE}{{flag}}": {
        "tags": ["ofrep"],
        "summary": "Evaluate one flag.",
        "security": CLIENT_KEY,
        "parameters": [_FLAG],
        "requestBody": _BODY,
        "responses": {
            "200": _answer("The answer", _SUCCESS),
            "400": _problem("The context or the flag cannot be used"),
            "404": _problem("There is no such flag"),
            "default": _problem(_WRONG),
        },
    },
    ofrep.EVENTS: _stream(
        "Word of changes to an OFREP client; the answer to all flags has the address with its ticket.",
        "ofrep",
        security=CLIENT_KEY,
        parameters=[{"in": "query", "name": "ticket", "schema": _TEXT}, _LAST],
    ),
}


_METHODS = {path.replace("<flag>", "{flag}"): method.lower() for path, method in plane.ADDRESSES.items()}
PATHS: dict[str, Any] = {path: {_METHODS[path]: operation} for path, operation in _OPERATIONS.items()}
"""The paths of the OpenAPI document that are not of this plane."""


def name_groups(api: Api) -> None:
    """Say in the OpenAPI document what each group of these addresses is for."""
    groups = {"ofrep": "For every OpenFeature client", "flagd": "For flagd daemons"}
    for name, description in groups.items():
        api.spec.tag({"name": name, "description": description})
