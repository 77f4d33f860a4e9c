"""The demo project: loaded by one button, removed by another."""

from __future__ import annotations

import contextlib

from flask import Response

from controller.api.auth import services
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.onward import onward
from controller.demo import PROJECT, find_demo
from controller.errors import Conflict, NotFound


@blueprint.post("/demo")
def load_demo() -> Response:
    """Load the demo project; where it is there already, show it.

    Raises:
        Conflict: Somebody's own project has its key.
    """
    try:
        services().demo.load(actor())
    except Conflict:
        with services().database.read() as tx:
            if find_demo(tx) is None:
                raise
    return onward("show_board", project=PROJECT, done="demo_loaded")


@blueprint.get("/demo/remove")
def show_demo_removal() -> str:
    """What goes with the demo project.

    Raises:
        NotFound: It is not loaded.
    """
    with services().database.read() as tx:
        if find_demo(tx) is None:
            raise NotFound("project", PROJECT)
        return page("demo.html", frame(tx, PROJECT))


@blueprint.post("/demo/remove")
def remove_demo() -> Response:
    """Remove it; where it is gone already, that is what was asked for."""
    with contextlib.suppress(NotFound):
        services().demo.remove(actor())
    return onward("show_board", done="demo_removed")
