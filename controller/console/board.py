"""The board: where every feature of an environment stands, and what needs attention anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import request, url_for

from controller.api.auth import rights, services
from controller.console.attention import attention
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.cards import BrokenCard, Card, card
from controller.console.changes import newest_changes
from controller.console.frame import Frame, frame, page
from controller.console.live import live
from controller.demo import find_demo
from controller.store.board import Wanted, count_stages, rollouts_by_stage, stop_reasons
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.projects import Environment, Project
from controller.store.rollouts import StoredRollout
from stages import EXPOSED, Mode, Stage, Tier

COLUMNS = (Stage.READINESS, *EXPOSED, Stage.STOPPED)
FIRST = 6
"""How many cards a column begins with."""
PAGE = 30
"""How many cards a page about one stage has."""
_LONGEST_SEARCH = 100
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A stage with its first cards, of ``total``; ``more`` leads to the others, ``back`` to those before."""

    stage: Stage
    total: int
    cards: tuple[Card, ...]
    broken: tuple[BrokenCard, ...] = ()
    more: str = ""
    back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address asks for: which features, one stage or all, and how many are skipped."""

    wanted: Wanted
    stage: Stage | None
    skip: int

    @classmethod
    def read(cls) -> Asked:
        """What does not make sense is taken as not asked."""
        given = request.args
        skip = given.get("skip", "")
        return cls(
            wanted=Wanted(
                text=" ".join(given.get("text", "").split())[:_LONGEST_SEARCH].replace("\0", ""),
                tier=_one_of(Tier, given.get("tier", "")),
                mode=_one_of(Mode, given.get("mode", "")),
                troubled=bool(given.get("troubled")),
            ),
            stage=_one_of(Stage, given.get("stage", "")),
            skip=int(skip) if skip.isascii() and skip.isdecimal() and len(skip) < 7 else 0,  # noqa: PLR2004
        )


@blueprint.get("/")
def show_board() -> str:
    """The page."""
    asked, now = Asked.read(), services().now()
    with services().database.read() as tx:
        seen = live(tx)
        here = frame(tx, request.args.get("project", ""), request.args.get("environment", ""))
        columns: list[Column] = []
        changes = []
        if here.project and here.environment:
            columns = _columns(tx, here.project, here.environment, asked, here)
            changes = newest_changes(tx, here.environment)
        found = attention(tx, actor(), rights(), now)
        demo = find_demo(tx)
        if demo is not None and not rights().sees(demo.id):
            demo = None
    return page(
        "board.html",
        here,
        seen,
        asked=asked,
        columns=columns,
        changes=changes,
        attention=found,
        demo=demo,
    )


def _columns(
    tx: Transaction, project: Project, environment: Environment, asked: Asked, here: Frame
) -> list[Column]:
    counts = count_stages(tx, environment.id, asked.wanted, here.now)
    each = PAGE if asked.stage else FIRST
    skip = asked.skip if asked.stage else 0
    found = rollouts_by_stage(
        tx, environment.id, asked.wanted, here.now, each=each, stage=asked.stage, skip=skip
    )
    readable = [item for item in found if isinstance(item, StoredRollout)]
    glances = services().glances.at(tx, project, readable, here.now)
    stopped = [item.rollout.feature for item in readable if item.rollout.stage is Stage.STOPPED]
    reasons = stop_reasons(tx, environment, stopped) if stopped else {}
    cards = [card(glance, here.now, reasons.get(glance.feature.key, "")) for glance in glances]
    broken = tuple(BrokenCard(key=item.key, why=item.why) for item in found if isinstance(item, Broken))
    shown = (asked.stage,) if asked.stage else COLUMNS
    return [
        _column(
            stage,
            counts,
            [one for one in cards if one.stage is stage],
            broken if stage is shown[0] else (),
            skip,
            each,
        )
        for stage in shown
    ]


def _column(
    stage: Stage,
    counts: dict[str, int],
    cards: list[Card],
    broken: tuple[BrokenCard, ...],
    skip: int,
    each: int,
) -> Column:
    total = counts.get(stage.value, 0)
    rest: dict[str, Any] = {
        name: value for name, value in request.args.items() if name not in ("stage", "skip", "done")
    }
    after = skip + each if each == PAGE else 0
    return Column(
        stage=stage,
        total=total,
        cards=tuple(cards),
        broken=broken,
        more=url_for("console.show_board", **rest, stage=stage.value, skip=after or None)
        if total > skip + each
        else "",
        back=url_for("console.show_board", **rest, stage=stage.value, skip=max(0, skip - each) or None)
        if skip
        else "",
    )


def _one_of(kind: type[E], text: str) -> E | None:
    return kind(text) if text in list(kind) else None
