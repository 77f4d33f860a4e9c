"""The blueprint of the console, and the headers of all its answers."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache, partial
from http import HTTPStatus

from flask import Blueprint, Response, request, url_for
from flask.blueprints import BlueprintSetupState

from controller.api.auth import services
from controller.console import times
from controller.console.throttle import Throttle
from controller.console.trigger_form import plain, span
from controller.console.trigger_words import reading_words
from controller.console.words import about, count, duration, duration_of, exact_time, percent, sentence, who

blueprint = Blueprint(
    "console",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static/console",
)

STATIC = "console.static"
_TEXTS = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})

_PAGES = frozenset({"text/html", "application/json"})

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page of the console may load and do."""

blueprint.add_app_template_filter(percent, "percent")
blueprint.add_app_template_filter(exact_time, "exact_time")
for _told in (times.moment, times.instant, times.lasting, times.ago, times.ahead):
    blueprint.add_app_template_filter(
        partial(lambda told, at: told(at, services().now()), _told), _told.__name__
    )
blueprint.add_app_template_filter(sentence, "sentence")
blueprint.add_app_template_filter(duration, "duration")
blueprint.add_app_template_filter(duration_of, "lasted")
blueprint.add_app_template_filter(lambda seconds: duration_of(timedelta(seconds=seconds)), "duration_s")
blueprint.add_app_template_filter(who, "who")
blueprint.add_app_template_filter(about, "about")
blueprint.add_app_template_filter(count, "count")
blueprint.add_app_template_filter(span, "span")
blueprint.add_app_template_filter(plain, "plain")
blueprint.add_app_template_filter(reading_words, "reading")


@blueprint.app_template_global()
def asset(name: str) -> str:
    """The address of something static."""
    return url_for(STATIC, filename=name)


@blueprint.record
def _prepare(state: BlueprintSetupState) -> None:
    """Each application counts failed sign-ins for itself."""
    state.app.extensions["headgate-console-throttle"] = Throttle()


@blueprint.after_request
def _seal(response: Response) -> Response:
    """Pages are for one person at one moment; nothing on them comes from elsewhere or runs inline."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    if request.endpoint == STATIC:
        _compress(response)
    else:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
        # What shows a secret, such as a new key, is an answer to a form and goes as it is.
        if request.method == "GET" and response.mimetype in _PAGES and not response.is_streamed:
            compressed(response)
    return response


def _compress(response: Response) -> None:
    """Send what is static small."""
    if response.status_code == HTTPStatus.OK and response.mimetype in _TEXTS:
        response.direct_passthrough = False
        compressed(response, _remembered)


def compressed(response: Response, how: Callable[[bytes], bytes] = gzip.compress) -> Response:
    """The same answer, small, for whoever takes it so. The token of forms on it has to be masked."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        response.set_data(how(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=64)
def _remembered(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
