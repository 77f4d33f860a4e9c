"""The page to try the API, with the assets of a pinned package: nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, render_template_string, send_from_directory

blueprint = Blueprint("docs", __name__, url_prefix="/docs")

_ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
_START = """window.onload = () => SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#api", persistAuthorization: false, validatorUrl: null,
});
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Headgate API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{{ url_for('docs.asset', name='swagger-ui.css') }}"></head>
<body><div id="api"></div>
<script src="{{ url_for('docs.asset', name='swagger-ui-bundle.js') }}"></script>
<script src="{{ url_for('docs.start') }}"></script></body></html>
"""


@blueprint.get("/")
def page() -> Response:
    """The page."""
    response = Response(render_template_string(_PAGE))
    # Swagger UI sets styles on elements and shows its icons as data addresses.
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    )
    return response


@blueprint.get("/start.js")
def start() -> Response:
    """What makes the page show our document."""
    return Response(_START, mimetype="text/javascript")


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    """A file of the package."""
    return send_from_directory(_ASSETS, name, max_age=86_400)
