"""Every error as problem+json with a stable code: the one place that knows HTTP statuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from controller.api.parsing import MAX_BODY_BYTES, UnreadableBody, WrongMediaType
from controller.errors import (
    Conflict,
    Forbidden,
    HeadgateError,
    InvalidInput,
    NotFound,
    Problem,
    VersionConflict,
)
from controller.permissions import Permission, roles_for
from controller.problems import EXPIRED, NOBODY, PROBLEM_TYPE, problem_content
from controller.source_desk import NotSent
from controller.store.database import DatabaseUnavailable
from stages import Refused

log = logging.getLogger(__name__)


class Unauthenticated(HeadgateError):
    """Nobody we know sent this."""

    def __init__(self) -> None:
        super().__init__("unauthenticated", NOBODY.remedy, NOBODY)


class KeyExpired(Unauthenticated):
    """The key's time is over."""

    def __init__(self) -> None:
        HeadgateError.__init__(self, "key_expired", EXPIRED.message, EXPIRED)


class Unpermitted(Forbidden):
    """Somebody may not do this; says what it takes, and who could do it."""

    def __init__(self, permission: Permission, project: str, ask: str) -> None:
        self.permission, self.project, self.ask = permission, project, ask
        where = f"in the project {project}" if project else "in the whole installation"
        detail = f"this takes the permission {permission} {where}, and you do not have it"
        roles = ", ".join(roles_for(permission))
        remedy = f"ask somebody who may: {ask}" + (f"; it comes with the role {roles}" if roles else "")
        super().__init__("permission_missing", detail, Problem("permission", detail, remedy))


STATUSES: Mapping[type[HeadgateError], int] = {
    UnreadableBody: 400,
    Unauthenticated: 401,
    NotSent: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    VersionConflict: 412,
    WrongMediaType: 415,
    InvalidInput: 422,
}

CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "no_such_address",
    405: "method_not_allowed",
    413: "body_too_large",
    414: "address_too_long",
    431: "headers_too_large",
}
"""Codes of errors that are found before any of our own code runs."""

_FIELDS: Mapping[str, tuple[str, str]] = {
    "version_conflict": ("If-Match", "read it again, and send the ETag of what you then see"),
    "key_taken": ("key", "choose another key"),
    "key_retired": ("key", "choose another key"),
    "drill_running": ("drill", "wait until it is over"),
    "not_deleted": ("flag", "look at what it is"),
    "feature_in_use": ("feature", "stop it or demote it to readiness there first"),
    "tier_in_use": ("risk_tier", "demote the feature to readiness there first"),
    "release_blocked": ("release", "hand in new evidence for it first"),
    "promotion_open": ("promotion", "approve or withdraw the open one first"),
    "promotion_settled": ("promotion", "ask for a new one"),
    "incident_verified": ("incident", "close it"),
    "incident_closed": ("incident", "look at what came of it"),
    "pointer_settled": ("pointer move", "look at what became of it"),
    "pointer_manual": ("pointer move", "move the pointer by hand, and confirm that"),
    "same_moment": ("request", "look at what is there now, and ask again"),
    "idempotency_key_reused": ("Idempotency-Key", "send another one with another request"),
    "bad_request": ("request", "send a whole HTTP request"),
    "no_such_address": ("address", "look for it in /openapi.json"),
    "method_not_allowed": ("method", "use one that the header Allow names"),
    "address_too_long": ("address", "send a shorter one"),
    "headers_too_large": ("headers", "send less of them"),
}
"""For a code whose error names no field itself: the field it is about, and what to do."""


def register_errors(app: Flask) -> None:
    """Answer every error of this app as problem+json."""
    app.register_error_handler(HeadgateError, on_headgate_error)
    app.register_error_handler(Refused, on_refused)
    app.register_error_handler(DatabaseUnavailable, on_unavailable)
    app.register_error_handler(HTTPException, on_http_exception)
    app.register_error_handler(Exception, on_crash)


def problem(status: int, code: str, detail: str, problems: Iterable[Problem] = ()) -> Response:
    """An RFC 9457 answer."""
    body = problem_content(status, code, detail, problems)
    response = Response(json.dumps(body), status, mimetype=PROBLEM_TYPE)
    if status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def on_headgate_error(error: HeadgateError) -> Response:
    """An error of ours."""
    problems = error.problems or _problems(error.code, error.detail)
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return problem(status, error.code, error.detail, problems)


def on_refused(refused: Refused) -> Response:
    """A move that is not allowed: every reason at once. The code of each reason stands in front of its field."""
    reasons = refused.refusals
    body = problem(409, "refused", "; ".join(reason.message for reason in reasons))
    content = json.loads(body.get_data())
    content["errors"] = [
        {"code": r.code, "field": r.field or "request", "message": r.message, "remedy": r.remedy}
        for r in reasons
    ]
    body.set_data(json.dumps(content))
    return body


def on_unavailable(_error: DatabaseUnavailable) -> Response:
    """The database does not answer."""
    response = problem(503, "database_unavailable", "the database does not answer; try again shortly")
    response.headers["Retry-After"] = "2"
    return response


def _most_bytes() -> int:
    """What a request to this address may weigh: files more than other bodies."""
    return request.max_content_length or MAX_BODY_BYTES


def on_http_exception(error: HTTPException) -> Response:
    """An error that Flask or Werkzeug found."""
    if isinstance(error, RequestEntityTooLarge):
        size = Problem("body", f"it is larger than {_most_bytes()} bytes", "send less at once")
        return problem(413, CODES[413], size.message, [size])
    status = error.code or 500
    code, detail = CODES.get(status, "http_error"), error.description or error.name
    response = problem(status, code, detail, _problems(code, detail))
    if status == 405 and getattr(error, "valid_methods", None):  # noqa: PLR2004
        response.headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]
    return response


def on_crash(error: Exception) -> Response:
    """A fault of ours: told in the log, not to the caller."""
    log.error("%s %r failed", request.method, request.path, exc_info=error)
    return problem(500, "internal_error", "Headgate failed; the log has the reason")


def _problems(code: str, detail: str) -> list[Problem]:
    """The problem of an error that is about one field, told by its code."""
    return [Problem(_FIELDS[code][0], detail, _FIELDS[code][1])] if code in _FIELDS else []
