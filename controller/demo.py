"""The demo project: made through the use cases like any other, of made-up answers that say so, and removed entirely.

It is known by the first row of its record, which nobody but `Demo.load` writes, and never by its key alone.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.actors import Actor
from controller.catalog import Catalog
from controller.errors import Conflict, NotFound
from controller.flags.snapshots import Snapshots
from controller.promotions import Promotions
from controller.receipts import Receipts
from controller.rollouts import Clock, Order, Rollouts, Where
from controller.store.changes import first_change
from controller.store.database import Database, Transaction
from controller.store.outcomes import add_outcomes
from controller.store.projects import Project, get_environment, get_project
from controller.store.removal import remove_project
from controller.trigger_definitions import Definition
from controller.trigger_edits import TriggerEdits
from stages import EXPOSED, Request, Stage, Tier
from triggers import Action, Arming, Rung

log = logging.getLogger(__name__)

PROJECT, ENVIRONMENT = "demo", "playground"
NOTE = "demo"
"""The task that every made-up answer names."""
ANSWERS = 200
_WEEK_S = 7 * 86_400
_WHY = "part of the demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A feature of the demo: how far it came, and how many of its answers were bad."""

    key: str
    name: str
    tier: Tier
    to: Stage = Stage.READINESS
    share: int = 0
    bad: int = 0
    ends: bool = False


ACTS = (
    Act(key="ticket-summaries", name="Ticket summaries", tier=Tier.T1),
    Act(key="reply-drafts", name="Reply drafts", tier=Tier.T2, to=Stage.BETA, share=500, bad=4),
    Act(key="help-search", name="Help search", tier=Tier.T2, to=Stage.PILOT, share=2500, bad=66),
    Act(key="product-texts", name="Product texts", tier=Tier.T1, to=Stage.SCALED, share=10_000, bad=3),
    Act(key="price-advice", name="Price advice", tier=Tier.T3, to=Stage.BETA, share=500, bad=2, ends=True),
)


class Demo:
    """Loads the demo project, and removes it."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        rollouts: Rollouts,
        promotions: Promotions,
        trigger_edits: TriggerEdits,
        now: Clock,
        caches: tuple[Receipts, Snapshots],
    ) -> None:
        """``caches`` keep something of each environment in memory, and have to forget those that are gone."""
        self._database = database
        self._catalog = catalog
        self._rollouts = rollouts
        self._promotions = promotions
        self._trigger_edits = trigger_edits
        self._now = now
        self._caches = caches

    def load(self, actor: Actor) -> None:
        """Make the demo project. What was begun and broken off can be removed, and loaded again.

        Raises:
            Conflict: There is a project of its key, the demo or another one.
        """
        self._catalog.make_project(PROJECT, "Demo", "", actor, is_demo=True)
        self._catalog.make_environment(PROJECT, ENVIRONMENT, "Playground", actor, protected=False)
        for act in ACTS:
            self._play(act, actor)

    def remove(self, actor: Actor) -> None:
        """Remove the demo project with everything in it, also what people added to it; other projects stay as they are.

        Raises:
            NotFound: There is none.
            Conflict: The project of its key is somebody's own.
        """
        with self._database.write() as tx:
            project = get_project(tx, PROJECT)
            if not is_demo(tx, project):
                detail = "the project demo was not loaded as a demo, so it stays"
                raise Conflict("not_the_demo", detail)
            removed = remove_project(tx, project.id)
        for cache in self._caches:
            cache.forget(removed.environments)
        log.warning(
            "the demo project was removed by %s; its record had %s rows and ended in %s",
            actor.name,
            removed.changes,
            removed.last_hash,
        )

    def _play(self, act: Act, actor: Actor) -> None:
        where = Where(PROJECT, ENVIRONMENT, act.key)
        described = {
            "name": act.name,
            "description": "Made up, to show how Headgate looks.",
            "owner": "Demo team",
            "risk_tier": act.tier,
            "when_lost": "review",
        }
        self._catalog.make_feature(PROJECT, act.key, described, actor)
        if act.to not in EXPOSED:
            return
        bundle = {"prompt": {"ref": f"prompts/{act.key}@1"}, "model": {"provider": "demo", "id": "demo-1"}}
        release, _ = self._catalog.make_release(PROJECT, act.key, bundle, "made up for the demo", actor)
        introduce = Request(move="introduce", release=release.public_id)
        self._rollouts.move(where, Order(request=introduce, actor=actor, reason=_WHY))
        for stage in EXPOSED[: EXPOSED.index(act.to) + 1]:
            self._promotions.ask(where, stage, {"share": act.share}, actor, _WHY)
        # A trigger that has not looked yet would keep the feature from going up.
        self._trigger_edits.add(where, _WATCH, actor)
        self._answer(act, release.public_id)
        if act.ends:
            self._rollouts.move(where, Order(request=Request(move="stop"), actor=actor, reason=_WHY))

    def _answer(self, act: Act, release: str) -> None:
        with self._database.write() as tx:
            environment = get_environment(tx, get_project(tx, PROJECT).id, ENVIRONMENT)
            add_outcomes(tx, environment.id, self._answers(act, release), self._now())

    def _answers(self, act: Act, release: str) -> Iterator[dict[str, Any]]:
        for number in range(ANSWERS):
            yield {
                "public_id": f"demo-{uuid.uuid4().hex}",
                "feature": act.key,
                "at": self._now(),
                "task": NOTE,
                "mode": "live",
                "release": release,
                "grounded": number >= act.bad,
            }


def is_demo(tx: Transaction, project: Project) -> bool:
    """Whether a project was loaded as the demo."""
    if project.key != PROJECT:
        return False
    made = first_change(tx, project.id)
    return made is not None and made.name == "project.create" and made.after.get("demo") is True


def find_demo(tx: Transaction) -> Project | None:
    """The demo project; None if it is not loaded."""
    try:
        project = get_project(tx, PROJECT)
    except NotFound:
        return None
    return project if is_demo(tx, project) else None


_WATCH = Definition(
    key="unsupported-answers",
    source="outcomes",
    query={"measure": "unsupported"},
    method="threshold",
    params={"limit": 0.05, "min_samples": 50},
    rest={"window_s": _WEEK_S, "interval_s": 60, "arming": Arming.ACT, "ladder": (Rung(Action.REVIEW),)},
)
"""A week, because nobody answers after the demo was loaded; then it says that it sees nothing any more."""
