"""Where others send alerts. Each source has a secret of its own in place of an API key."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from controller.api.auth import services
from controller.api.parsing import read_json

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks/v1")


@blueprint.post("/<project>/<source>")
def receive(project: str, source: str) -> tuple[Response, int]:
    """Take a message of a source's sender; tells how many alerts in it were not known."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.get_data(cache=True)
    message: Any = read_json(request)
    new = services().sources.receive(project, source, headers, body, message)
    return jsonify(accepted=new), 202
