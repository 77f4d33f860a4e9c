"""Where one feature stands in one environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from stages.exposure import NOBODY, Autonomy, Exposure, Review


class Stage(StrEnum):
    """The way from demo to production, and the respected end of a feature that is not worth carrying on."""

    READINESS = "readiness"
    BETA = "beta"
    PILOT = "pilot"
    SCALED = "scaled"
    STOPPED = "stopped"


EXPOSED = (Stage.BETA, Stage.PILOT, Stage.SCALED)
"""The stages in which users get the feature, in order."""


class Mode(StrEnum):
    """What happens to an answer, from safest to least safe."""

    OFF = "off"
    REVIEW = "review"
    """A person sees every answer before the user does."""
    LIVE = "live"


class Replacement(StrEnum):
    """What takes the place of a feature that was stopped."""

    NOTHING = "nothing"
    AUTOMATION = "automation"
    SEARCH = "search"
    DASHBOARD = "dashboard"
    SMALLER_ASSISTANT = "smaller_assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One feature in one environment.

    ``stable``, ``candidate`` and ``previous`` are release ids; ``candidate_share`` is in basis points of the
    users who are exposed. ``previous`` is what was stable before, the target of a revert. While there is a
    reason in ``holds``, the feature does not go up. ``replacement`` is what took its place when it was stopped.
    ``live_s`` are the whole seconds the feature was live in this stage before ``live_since``, which is None while it
    is not live. ``serving_since`` is when the releases users may get last changed; None: before that was kept.
    ``version`` counts the changes.
    """

    feature: str
    environment: str
    stage: Stage = Stage.READINESS
    mode: Mode = Mode.OFF
    exposure: Exposure = NOBODY
    review: Review = field(default_factory=Review)
    stable: str | None = None
    candidate: str | None = None
    candidate_share: int = 0
    previous: str | None = None
    holds: frozenset[str] = frozenset()
    replacement: Replacement | None = None
    stage_since: datetime
    live_s: int = 0
    live_since: datetime | None = None
    serving_since: datetime | None = None
    version: int = 1

    @property
    def serves(self) -> tuple[str, ...]:
        """The ids of the releases users may get."""
        return tuple(release for release in (self.stable, self.candidate) if release)

    def capped(self, autonomy: Autonomy) -> Rollout:
        """What is served of it when its feature may never do more by itself than this."""
        if not self.exposure.autonomy.exceeds(autonomy):
            return self
        return replace(self, exposure=replace(self.exposure, autonomy=autonomy))

    @property
    def is_live(self) -> bool:
        """Whether users get answers that nobody looked at first."""
        return self.stage in EXPOSED and self.mode is Mode.LIVE

    def soaked_s(self, now: datetime) -> int:
        """How many seconds of the present stage count: all of them before users have it, then those spent live."""
        if self.stage not in EXPOSED:
            return int((now - self.stage_since).total_seconds())
        return self.live_s + (int((now - self.live_since).total_seconds()) if self.live_since else 0)

    def clocked(self, before: Rollout, now: datetime) -> Rollout:
        """This rollout, just arrived at from another one, with its live time, and since when it serves what it does."""
        served = replace(self, serving_since=before.serving_since if self.serves == before.serves else now)
        if served.is_live and before.is_live and served.stage is before.stage:
            return served
        soaked = before.soaked_s(now) if before.stage in EXPOSED and served.stage is before.stage else 0
        return replace(served, live_s=soaked, live_since=now if served.is_live else None)
