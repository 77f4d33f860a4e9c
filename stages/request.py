"""What somebody asks of a rollout."""

from __future__ import annotations

from dataclasses import dataclass

from stages.exposure import Exposure
from stages.rollout import Mode, Replacement, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks of a rollout.

    ``stage`` and ``mode`` choose between several possible ends; ``exposure`` goes with promote, widen, advance
    and narrow, ``release`` and ``share`` (basis points of the exposed users) with introduce, ``hold`` names the
    reason of a hold, ``replacement`` what takes the place of a feature that is stopped.
    """

    move: str
    stage: Stage | None = None
    mode: Mode | None = None
    exposure: Exposure | None = None
    release: str | None = None
    share: int | None = None
    hold: str = "person"
    replacement: Replacement | None = None
