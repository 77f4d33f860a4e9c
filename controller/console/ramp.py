"""The ramp of a feature: where it stands, starting it, letting it wait, and approving its next step."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request, url_for

from controller.api.auth import services
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, head
from controller.console.frame import page
from controller.console.live import live
from controller.console.onward import onward_after, place_of
from controller.console.ways_out import ways_out
from controller.errors import Problem
from controller.rollouts import Where
from stages import EXPOSED, Refusal

Answer = Response | tuple[str, int]


@blueprint.get(f"{FEATURE}/ramp")
def show_ramp(project: str, environment: str, feature: str) -> str:
    """The page."""
    return _shown(Where(project, environment, feature))


@blueprint.post(f"{FEATURE}/ramp/start")
def start_ramp(project: str, environment: str, feature: str) -> Answer:
    """Start it, or let it go on after a pause."""
    where = Where(project, environment, feature)
    return _try(where, lambda: services().ramps.start(where, actor(), forms.reason()), "ramp_started")


@blueprint.post(f"{FEATURE}/ramp/pause")
def pause_ramp(project: str, environment: str, feature: str) -> Answer:
    """Let it wait until a person lets it go on."""
    where = Where(project, environment, feature)
    return _try(where, lambda: services().ramps.pause(where, actor(), forms.reason()), "ramp_paused")


@blueprint.post(f"{FEATURE}/ramp/approve")
def approve_ramp_step(project: str, environment: str, feature: str) -> Answer:
    """Agree to its next step as it was looked at."""
    where, seen = Where(project, environment, feature), request.form.get("seen", "")
    return _try(where, lambda: services().ramps.approve(where, actor(), seen), "step_approved")


def _try(where: Where, do: Callable[[], object], done: str) -> Answer:
    return onward_after(
        do, lambda problems: _shown(where, problems), "show_ramp", done=done, **place_of(where)
    )


def _shown(where: Where, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    parts = services()
    with parts.database.read() as tx:
        about = head(tx, where)
        seen, stage = live(tx, about.stored.id), about.stored.rollout.stage
        ramp = parts.ramps.standing(tx, about.stored)
        steps = parts.cases.plan_of(tx, about.stored)[stage].ramp if stage in EXPOSED else ()
        evidence = url_for("console.show_promotion", **about.keys)
        why = list(ways_out(where, about.stored, ramp.why, evidence))
    return page(
        "ramp.html",
        about.frame,
        seen,
        about=about,
        rollout=about.stored.rollout,
        ramp=ramp,
        steps=steps,
        why=why,
        problems=problems,
        reason=request.form.get("reason", ""),
        me=actor().name,
    )
