"""What the console shows when something cannot be shown."""

from __future__ import annotations

import logging

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from controller.api.errors import STATUSES, Unpermitted
from controller.console.auth import PasswordChangeNeeded, SignInNeeded
from controller.console.blueprint import blueprint
from controller.console.role_words import why_not
from controller.errors import HeadgateError
from controller.store.database import DatabaseUnavailable

log = logging.getLogger(__name__)

Answer = Response | tuple[str, int]


@blueprint.errorhandler(SignInNeeded)
def _on_sign_in_needed(_error: SignInNeeded) -> Response:
    return _elsewhere("console.show_sign_in")


@blueprint.errorhandler(PasswordChangeNeeded)
def _on_password_change_needed(_error: PasswordChangeNeeded) -> Response:
    return _elsewhere("console.show_password")


@blueprint.errorhandler(Unpermitted)
def _on_unpermitted(error: Unpermitted) -> Answer:
    why = why_not(error.permission, error.project, error.ask)
    return render_template("unpermitted.html", project=error.project, why=why), 403


@blueprint.errorhandler(HeadgateError)
def _on_headgate_error(error: HeadgateError) -> Answer:
    return _page(STATUSES.get(type(error), 400), error.detail)


@blueprint.errorhandler(DatabaseUnavailable)
def _on_unavailable(_error: DatabaseUnavailable) -> Answer:
    return _page(503, "the database does not answer; product code goes on with the flags it has")


@blueprint.errorhandler(HTTPException)
def _on_http_exception(error: HTTPException) -> Answer:
    return _page(error.code or 500, error.description or error.name)


@blueprint.errorhandler(Exception)
def _on_crash(error: Exception) -> Answer:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _page(500, "Headgate failed; the log has the reason")


def _page(status: int, detail: str) -> Answer:
    return render_template("error.html", status=status, detail=detail), status


def _elsewhere(endpoint: str) -> Response:
    """Send a page to where something has to be done first; the script of an open page is told by the status alone."""
    if request.endpoint == "console.show_pulse" or request.headers.get("HX-Request"):
        return make_response("", 401)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else request.path
    if request.endpoint == "console.sign_out":
        wanted = "/"  # There is no page to come back to.
    return make_response(redirect(url_for(endpoint, next=wanted), 303))
