"""Stages entered in an emergency: to do it, to let the feature stay, to look at it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.break_glass_schemas import BreakGlassRequestSchema
from controller.api.parsing import load
from controller.break_glass import Emergency
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, head
from controller.console.frame import page
from controller.console.live import live
from controller.console.onward import onward_after, place_of
from controller.errors import InvalidInput, Problem
from controller.persons import are_one
from controller.rollouts import Where
from controller.store.break_glass import BreakGlass, break_glasses_of
from controller.store.database import Transaction
from stages import Refusal, Request, find_arrival

Answer = Response | str | tuple[str, int]
_PAGE = f"{FEATURE}/break-glass"
_LONGEST_NUMBER = 4


@dataclass(frozen=True, slots=True)
class Broken:
    """One time that the glass was broken; ``is_mine``: by the reader, or by somebody who counts as them."""

    glass: BreakGlass
    is_mine: bool


@blueprint.get(_PAGE)
def show_break_glass(project: str, environment: str, feature: str) -> str:
    """The page."""
    return _shown(Where(project, environment, feature))


@blueprint.post(_PAGE)
def enter_by_break_glass(project: str, environment: str, feature: str) -> Answer:
    """Enter the next stage without what it asks for, for a while."""
    where = Where(project, environment, feature)

    def enter() -> None:
        share = forms.share()
        asked: dict[str, Any] = forms.given("stage", "reason") | {"minutes": _minutes()}
        if share is not None:
            asked["exposure"] = {"share": share}
        content: dict[str, Any] = load(BreakGlassRequestSchema(), asked)
        services().break_glass.enter(where, Emergency(**content), actor())

    return _try(where, enter, "glass_broken")


@blueprint.post(f"{_PAGE}/<int:id>/regularise")
def regularise_break_glass(project: str, environment: str, feature: str, id: int) -> Answer:
    """Confirm that the feature has what the stage asks for, and may stay."""
    where = Where(project, environment, feature)
    return _try(
        where,
        lambda: services().break_glass.regularise(where, id, actor(), forms.reason()),
        "glass_regularised",
    )


@blueprint.post(f"{_PAGE}/<int:id>/review")
def review_break_glass(project: str, environment: str, feature: str, id: int) -> Answer:
    """Say what was found by looking at it."""
    where = Where(project, environment, feature)
    return _try(
        where, lambda: services().break_glass.review(where, id, actor(), forms.reason()), "glass_reviewed"
    )


def _minutes() -> int:
    text = forms.given("minutes")["minutes"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise InvalidInput(Problem("minutes", "is no number of minutes", "give a whole number from 5 to 480"))
    return int(text)


def _shown(where: Where, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    with services().database.read() as tx:
        about = head(tx, where)
        seen, rollout = live(tx, about.stored.id), about.stored.rollout
        next_stage = find_arrival(rollout, Request(move="promote"))
        shown: dict[str, Any] = {
            "broken": [
                _broken(tx, about.stored.project_id, glass) for glass in _newest_first(tx, about.stored.id)
            ],
            "next": next_stage,
            "step": services().cases.plan_of(tx, about.stored)[next_stage] if next_stage else None,
        }
    return page(
        "broken_glass.html",
        about.frame,
        seen,
        about=about,
        rollout=rollout,
        problems=problems,
        given=request.form,
        **shown,
    )


def _newest_first(tx: Transaction, rollout_id: int) -> list[BreakGlass]:
    return break_glasses_of(tx, rollout_id)[::-1]


def _broken(tx: Transaction, project_id: int, glass: BreakGlass) -> Broken:
    return Broken(glass, are_one(tx, project_id, actor().name, glass.actor))


def _try(where: Where, do: Callable[[], object], done: str) -> Answer:
    """Do it and show the page; if it is refused, the page says so, with what was written."""
    return onward_after(
        do, lambda problems: _shown(where, problems), "show_break_glass", done=done, **place_of(where)
    )
