"""What evaluations are about: triggers with their rollouts, as they stood at one moment, and what to ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.sources import SOURCES, Question, Timing
from controller.store.claims import Claim
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.projects import project_keys
from controller.store.rollouts import StoredRollout, rollouts_by_id
from controller.store.triggers import StoredTrigger, triggers_by_id
from stages import Rollout, digest
from triggers import Ask, Baseline, Scope, Side, State, Trigger, Window, asks, control_window, enter_epoch


@dataclass(frozen=True, slots=True)
class Subject:
    """All that one evaluation is about, as it stood at one moment."""

    project: str
    stored: StoredTrigger
    rollout: StoredRollout
    state: State
    asks: tuple[Ask, ...]

    @property
    def window(self) -> Window:
        """The span of time that is judged."""
        return self.asks[0].window

    @property
    def releases(self) -> tuple[str | None, str | None]:
        """The stable and the candidate release: a reading is about them, and about no others."""
        return self.rollout.rollout.stable, self.rollout.rollout.candidate

    def question(self, ask: Ask) -> Question:
        """What to ask the source."""
        return Question(
            self.stored.query,
            variables_of(self.project, self.rollout.rollout, self.stored.trigger, ask.side),
            ask.window,
        )

    def control(self) -> Question | None:
        """What to ask about the stable release beside a candidate, before that is blamed; None if nothing can be.

        A query that names no release would be answered about both.
        """
        rollout, trigger = self.rollout.rollout, self.stored.trigger
        tells_apart = self.stored.source_kind == "outcomes" or trigger.scope is Scope.CANDIDATE
        if not (rollout.candidate and rollout.stable and tells_apart):
            return None
        variables = variables_of(self.project, rollout, trigger, Side.BASELINE)
        window = control_window(trigger, self.state, self.window.end)
        return Question(self.stored.query, {**variables, "release": rollout.stable}, window)

    def why_unasked(self, ask: Ask) -> str:
        """Why there is nothing to ask the source; empty if there is."""
        if not ask.window.length:
            return "the window is empty"
        compares = self.stored.trigger.baseline is Baseline.STABLE and ask.side is Side.BASELINE
        if compares and self.rollout.rollout.candidate is None:
            return "there is no candidate to compare with the stable release"
        return ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The trigger's row does not hold a trigger."""

    why: str


def variables_of(project: str, rollout: Rollout, trigger: Trigger, side: Side) -> Mapping[str, str]:
    """What a query is filled in with, for the answers that are judged or for those of the stable release."""
    variables = {
        "project": project,
        "environment": rollout.environment,
        "feature": rollout.feature,
        "stage": rollout.stage.value,
    }
    release = rollout.stable if side is Side.BASELINE else rollout.candidate or rollout.stable
    if trigger.scope is Scope.CANDIDATE and release:
        variables["release"] = release
    return variables


def subjects_of(
    tx: Transaction, claims: Sequence[Claim], now: datetime
) -> dict[Claim, Subject | Unreadable | None]:
    """The subject of each claim; None where the trigger is gone, or its rollout is gone or cannot be read."""
    stored = triggers_by_id(tx, [claim.trigger_id for claim in claims])
    readable = [item for item in stored.values() if isinstance(item, StoredTrigger)]
    rollouts = rollouts_by_id(tx, {item.rollout_id for item in readable})
    projects = project_keys(
        tx, {item.project_id for item in rollouts.values() if isinstance(item, StoredRollout)}
    )
    return {claim: _subject(stored.get(claim.trigger_id), rollouts, projects, now) for claim in claims}


def _subject(
    stored: StoredTrigger | Broken | None,
    rollouts: Mapping[int, StoredRollout | Broken],
    projects: Mapping[int, str],
    now: datetime,
) -> Subject | Unreadable | None:
    if stored is None:
        return None
    if isinstance(stored, Broken):
        return Unreadable(stored.why)
    rollout = rollouts.get(stored.rollout_id)
    if rollout is None or isinstance(rollout, Broken):
        return None
    # A release is judged from its first answer on, and not from when somebody first got round to it.
    state = enter_epoch(stored.state, epoch(stored, rollout), rollout.rollout.serving_since or now)
    timing = _timing(stored)
    stored = _bounded(stored, timing)
    asked = asks(stored.trigger, state, now - timedelta(seconds=timing.lag_s))
    return Subject(projects[rollout.project_id], stored, rollout, state, asked)


def epoch(stored: StoredTrigger, rollout: StoredRollout) -> str:
    """What is being judged: the rule in its version, and the releases it is about."""
    return digest([stored.version, rollout.rollout.stable, rollout.rollout.candidate])[:16]


def _timing(stored: StoredTrigger) -> Timing:
    source = SOURCES.get(stored.source_kind)
    return source.timing(stored.source_settings) if source else Timing(0.0)


def _bounded(stored: StoredTrigger, timing: Timing) -> StoredTrigger:
    """The trigger with the bound of its source on the age of samples, where its own is not narrower."""
    bounds = [each for each in (stored.trigger.max_staleness_s, timing.max_staleness_s) if each]
    if min(bounds, default=0) == stored.trigger.max_staleness_s:
        return stored
    return replace(stored, trigger=replace(stored.trigger, max_staleness_s=min(bounds)))
