"""The OpenFeature Remote Evaluation Protocol (OFREP 0.3), with answers that stock clients accept.

Every answer has a key, a value, a variant, a reason and metadata; every error has ``errorCode`` and ``errorDetails``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import Response, request
from headgate.evaluator import Evaluation
from werkzeug.exceptions import HTTPException

from controller.api import ofrep_doc
from controller.api.auth import key, services
from controller.api.errors import on_crash, on_headgate_error, on_http_exception, on_unavailable
from controller.api.errors import problem as problem_response
from controller.api.parsing import Blueprint, read_json
from controller.errors import HeadgateError, NotFound, Problem
from controller.flags.snapshots import Snapshot
from controller.observability import LOOKUPS
from controller.store.database import DatabaseUnavailable

blueprint = Blueprint(
    "ofrep", __name__, url_prefix="/ofrep/v1/evaluate", description="For every OpenFeature client"
)

_UNREADABLE = (400, 413, 415)


class BadContext(Exception):
    """The evaluation context cannot be used; names the field, what is wrong and what to do."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.field = field
        self.remedy = remedy


@blueprint.post("/flags/<flag:flag>")
@blueprint.doc(**ofrep_doc.ONE)
def evaluate(flag: str) -> Response:
    """Evaluate one flag."""
    evaluation = _snapshot().flags.evaluate(flag, _context())
    response = _failure(flag, evaluation) if evaluation.error_code else _json(_answer(flag, evaluation), 200)
    LOOKUPS.labels("ofrep", response.status_code).inc()
    return response


@blueprint.post("/flags")
@blueprint.doc(**ofrep_doc.ALL)
def evaluate_all() -> Response:
    """Evaluate every flag of the environment; answers 304 when nothing has changed for this context."""
    context, snapshot = _context(), _snapshot()
    answers = [_answer(flag, snapshot.flags.evaluate(flag, context)) for flag in snapshot.flags.keys()]  # noqa: SIM118 - a Document is no mapping
    response = _json({"flags": answers, "metadata": dict(snapshot.flags.metadata)}, 200)
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    # A proxy that compresses answers makes our tags weak ones.
    if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
        response.status_code = 304
        response.set_data(b"")
    LOOKUPS.labels("ofrep", response.status_code).inc()
    return response


@blueprint.errorhandler(BadContext)
def on_bad_context(error: BadContext) -> Response:
    """A context that cannot be used."""
    problem = Problem(error.field, str(error), error.remedy)
    return _in_both_languages(
        problem_response(400, "invalid_context", str(error), [problem]), "INVALID_CONTEXT"
    )


@blueprint.errorhandler(HeadgateError)
def on_error(error: HeadgateError) -> Response:
    """An error of ours."""
    return _in_both_languages(on_headgate_error(error))


@blueprint.errorhandler(HTTPException)
def on_refused_request(error: HTTPException) -> Response:
    """A request that was refused before it was read, such as one that is too large."""
    return _in_both_languages(on_http_exception(error))


@blueprint.errorhandler(DatabaseUnavailable)
def on_no_database(error: DatabaseUnavailable) -> Response:
    """The database does not answer."""
    return _in_both_languages(on_unavailable(error))


@blueprint.errorhandler(Exception)
def on_fault(error: Exception) -> Response:
    """A fault of ours."""
    return _in_both_languages(on_crash(error))


def _failure(flag: str, evaluation: Evaluation) -> Response:
    if evaluation.error_code == "FLAG_NOT_FOUND":
        response = on_headgate_error(NotFound("flag", flag))
    else:
        why = evaluation.error_message or "the flag cannot be worked out"
        unusable = Problem("flag", why, "look at its feature in the console")
        response = problem_response(400, "flag_unusable", why, [unusable])
    return _in_both_languages(response, evaluation.error_code or "")


def _in_both_languages(response: Response, code: str = "") -> Response:
    """Our own error, with what OFREP says about errors added."""
    content = json.loads(response.get_data())
    known = "PARSE_ERROR" if response.status_code in _UNREADABLE else "GENERAL"
    told = {"errorCode": code or known, "errorDetails": content["detail"] or content["title"]}
    if key := _key():
        told["key"] = key
    response.set_data(json.dumps(content | told))
    return response


def _snapshot() -> Snapshot:
    environment = key().environment_id
    if environment is None:
        raise TypeError("the guard lets only keys of an environment in")
    return services().snapshots.current(environment)


def _context() -> dict[str, Any]:
    body = read_json(request)
    if not isinstance(body, dict):
        raise BadContext("body", "the body is not an object", 'send {"context": {...}}')
    context = body.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise BadContext("context", "it is not an object", 'send {"context": {"targetingKey": "..."}}')
    if not isinstance(context.get("targetingKey", ""), str):
        raise BadContext("context.targetingKey", "it is not a text", "send the user's id as a text")
    return context


def _answer(flag: str, evaluation: Evaluation) -> dict[str, Any]:
    if evaluation.error_code:
        return {
            "key": flag,
            "errorCode": evaluation.error_code,
            "errorDetails": evaluation.error_message or evaluation.error_code,
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
