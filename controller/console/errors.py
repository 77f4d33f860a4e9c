"""What the console shows when something cannot be shown."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from controller.api.errors import STATUSES, Unpermitted, on_http_exception
from controller.console.auth import PasswordChangeNeeded, SignInNeeded, local_path
from controller.console.blueprint import POLICY, blueprint
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


@blueprint.app_errorhandler(404)
@blueprint.app_errorhandler(405)
def _on_no_such_page(error: HTTPException) -> Response:
    """An address that nothing is at: programs are told by the API's own answer, people by a page."""
    if not _is_asked_by_a_browser():
        return on_http_exception(error)
    shown = make_response(_page(404, "no page has this address; it may have been mistyped, or cut off"))
    shown.headers["Content-Security-Policy"] = POLICY
    return shown


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
    if request.method == "GET":
        return make_response(redirect(url_for(endpoint, next=request.full_path.rstrip("?")), 303))
    if request.endpoint == "console.sign_out":
        return make_response(redirect(url_for(endpoint, next="/"), 303))  # There is no page to come back to.
    # Whoever sent a form has to know that nothing came of it, and comes back to where it stands.
    return make_response(redirect(url_for(endpoint, next=_page_of_form(), undone=1), 303))


def _page_of_form() -> str:
    """Where the form stood that was sent; the board, if the browser does not tell."""
    stood = urlsplit(request.referrer or "")
    if stood.netloc != request.host:
        return "/"
    return local_path(f"{stood.path}?{stood.query}" if stood.query else stood.path)


def _is_asked_by_a_browser() -> bool:
    """Whether a person types or clicks: only a browser would rather have a page than JSON."""
    wanted = request.accept_mimetypes
    return request.method == "GET" and wanted["text/html"] > wanted["application/json"]
