"""The OpenFeature Remote Evaluation Protocol (OFREP 0.3), with answers that stock clients accept.

Every answer has a key, a value, a variant, a reason and metadata; every error has ``errorCode`` and ``errorDetails``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from controller.api.auth import key, services
from controller.api.errors import on_headgate_error
from controller.api.parsing import Blueprint, read_json
from controller.errors import HeadgateError
from controller.flags.snapshots import Snapshot
from controller.observability import LOOKUPS
from headgate.evaluator import Evaluation

blueprint = Blueprint(
    "ofrep", __name__, url_prefix="/ofrep/v1/evaluate", description="For every OpenFeature client"
)

_BODY = {"content": {"application/json": {"schema": {"type": "object"}}}}
_STATUSES = {"FLAG_NOT_FOUND": 404}


class BadContext(Exception):
    """The evaluation context is not one."""


@blueprint.post("/flags/<path:flag>")
@blueprint.doc(
    requestBody=_BODY,
    responses={"200": {"description": "The answer"}, "404": {"description": "No such flag"}},
)
def evaluate(flag: str) -> Response:
    """Evaluate one flag."""
    evaluation = _snapshot().flags.evaluate(flag, _context())
    status = _STATUSES.get(evaluation.error_code, 400) if evaluation.error_code else 200
    LOOKUPS.labels("ofrep", status).inc()
    return _json(_answer(flag, evaluation), status)


@blueprint.post("/flags")
@blueprint.doc(
    requestBody=_BODY, responses={"200": {"description": "All answers"}, "304": {"description": "Unchanged"}}
)
def evaluate_all() -> Response:
    """Evaluate every flag of the environment; answers 304 when nothing has changed for this context."""
    context, snapshot = _context(), _snapshot()
    answers = [_answer(flag, snapshot.flags.evaluate(flag, context)) for flag in snapshot.flags.keys()]  # noqa: SIM118
    response = _json({"flags": answers, "metadata": dict(snapshot.flags.metadata)}, 200)
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    if request.if_none_match.contains(response.get_etag()[0] or ""):
        response = Response(status=304, headers={"ETag": response.headers["ETag"]})
    LOOKUPS.labels("ofrep", response.status_code).inc()
    return response


@blueprint.errorhandler(BadContext)
def on_bad_context(error: BadContext) -> Response:
    """A context that is not an object."""
    return _json({"key": _key(), "errorCode": "INVALID_CONTEXT", "errorDetails": str(error)}, 400)


@blueprint.errorhandler(HeadgateError)
def on_error(error: HeadgateError) -> Response:
    """Any other error, in both languages: that of OFREP and our own."""
    response = on_headgate_error(error)
    code = "PARSE_ERROR" if response.status_code in (400, 415) else "GENERAL"
    told = {"key": _key(), "errorCode": code, "errorDetails": error.detail}
    response.set_data(json.dumps(json.loads(response.get_data()) | told))
    return response


def _snapshot() -> Snapshot:
    environment = key().environment_id
    if environment is None:
        raise TypeError("the guard lets only keys of an environment in")
    return services().snapshots.current(environment)


def _context() -> dict[str, Any]:
    body = read_json(request) if request.get_data(cache=True) else {}
    if not isinstance(body, dict):
        raise BadContext('the body is not an object; send {"context": {...}}')
    context = body.get("context") or {}
    if not isinstance(context, dict):
        raise BadContext("context is not an object")
    if not isinstance(context.get("targetingKey", ""), str):
        raise BadContext("targetingKey is not a text")
    return context


def _answer(flag: str, evaluation: Evaluation) -> dict[str, Any]:
    if evaluation.error_code:
        return {
            "key": flag,
            "errorCode": evaluation.error_code,
            "errorDetails": evaluation.error_message or "",
        }
    answer: dict[str, Any] = {"key": flag, "variant": evaluation.variant, "reason": evaluation.reason}
    answer["metadata"] = _scalars(evaluation.metadata)
    return answer if evaluation.value is None else answer | {"value": evaluation.value}


def _scalars(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if isinstance(value, (str, int, float, bool))}


def _key() -> str:
    return str((request.view_args or {}).get("flag", ""))


def _json(content: Mapping[str, Any], status: int) -> Response:
    return Response(json.dumps(content, allow_nan=False), status, mimetype="application/json")
