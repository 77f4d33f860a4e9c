"""On to another page after something was done."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, url_for

from controller.rollouts import Where


def place_of(where: Where) -> dict[str, Any]:
    """The place of a feature as the parts of an address."""
    return {"project": where.project, "environment": where.environment, "feature": where.feature}


def onward(view: str, **parts: Any) -> Response:
    """Lead to a page, which the browser asks for by itself (303), so that to reload it does nothing again."""
    return make_response(redirect(url_for(f"console.{view}", **parts), 303))
