"""The blueprint of the console, and the headers of all its answers."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState

from controller.console.throttle import Throttle
from controller.console.words import exact_time, percent, sentence

blueprint = Blueprint(
    "console",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static/console",
)

STATIC = "console.static"

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

blueprint.add_app_template_filter(percent, "percent")
blueprint.add_app_template_filter(exact_time, "exact_time")
blueprint.add_app_template_filter(sentence, "sentence")


@blueprint.record
def _prepare(state: BlueprintSetupState) -> None:
    """Each application counts failed sign-ins for itself."""
    state.app.extensions["headgate-console-throttle"] = Throttle()


@blueprint.after_request
def _seal(response: Response) -> Response:
    """Pages are for one person at one moment; nothing on them comes from elsewhere or runs inline."""
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    if request.endpoint != STATIC:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response
