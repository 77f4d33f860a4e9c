"""The flag document where stock flagd daemons look for it: their HTTP sync polls it."""

from __future__ import annotations

from flask import Response

from controller.api.parsing import Blueprint
from controller.api.sdk import DOCUMENT, document_response

blueprint = Blueprint("flagd", __name__, url_prefix="/flagd/v1", description="For flagd daemons")


@blueprint.get("/flags.json")
@blueprint.doc(**DOCUMENT)
def flags() -> Response:
    """The flags of the environment the key belongs to."""
    return document_response()
