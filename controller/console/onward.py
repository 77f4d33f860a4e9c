"""On to another page after something was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, redirect, url_for

from controller.console import forms
from controller.errors import HeadgateError, NotFound, Problem
from controller.rollouts import Where
from stages import Refusal, Refused


def place_of(where: Where) -> dict[str, Any]:
    """The place of a feature as the parts of an address."""
    return {"project": where.project, "environment": where.environment, "feature": where.feature}


def onward(view: str, **parts: Any) -> Response:
    """Lead to a page, which the browser asks for by itself (303), so that to reload it does nothing again."""
    return make_response(redirect(url_for(f"console.{view}", **parts), 303))


def onward_after(
    do: Callable[[], object], refused: Callable[[tuple[Refusal | Problem, ...]], str], view: str, **parts: Any
) -> Response | tuple[str, int]:
    """Do something and lead to a page; if it is refused, show what ``refused`` makes of the reasons."""
    try:
        do()
    except NotFound:
        raise
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        return refused(problems), status
    return onward(view, **parts)
