"""A recorded state of a rollout, told as what users of a cohort were served by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.console.words import MODES, Sign, percent
from controller.store.changes import RecordedChange
from controller.store.columns import Broken, build, typed
from controller.store.rollouts import exposure_from_json
from stages import EXPOSED, Exposure, Mode, Stage

_NOBODY = Sign("nobody had it", "off", "plain")
_UNKNOWN = Sign("cannot be told", "broken", "alarm")
_UNMOVED = "it had not been moved here; a feature begins in readiness, where nobody has it"


@dataclass(frozen=True, slots=True)
class Served:
    """``reached``: whether users of the cohort may have had it; None if that cannot be told."""

    reached: bool | None
    sign: Sign
    text: str
    facts: tuple[tuple[str, str], ...] = ()


def served(change: RecordedChange | None, cohort: str) -> Served:
    """What users of a cohort were served after a move; without a move nobody had the feature."""
    if change is None:
        return Served(False, _NOBODY, _UNMOVED)  # noqa: FBT003 - the answer itself
    told = build(change.id, change.feature, lambda: _served(change.after, cohort))
    if isinstance(told, Broken):
        return Served(None, _UNKNOWN, f"what change {change.seq} recorded cannot be read: {told.why}")
    return told


def _served(state: Mapping[str, Any], cohort: str) -> Served:
    stage, mode = Stage(state["stage"]), Mode(state["mode"])
    exposure, stable = exposure_from_json(state["exposure"]), state["stable"]
    if why := _why_nobody(stage, mode, exposure, stable, cohort):
        return Served(False, _NOBODY, why)  # noqa: FBT003 - the answer itself
    facts = tuple(_facts(state, stage, exposure))
    return Served(True, MODES[mode], _who(exposure, cohort), facts)  # noqa: FBT003 - the answer itself


def _why_nobody(stage: Stage, mode: Mode, exposure: Exposure, stable: object, cohort: str) -> str:
    if stage not in EXPOSED:
        return f"it was in {stage}" if stage is Stage.READINESS else "it was stopped"
    if mode is Mode.OFF:
        return f"it was in {stage}, and switched off"
    if stable is None:
        return f"it was in {stage}, and had no release"
    if not exposure.share:
        return f"it was in {stage}, with a share of 0%"
    if cohort and exposure.cohorts and cohort not in exposure.cohorts:
        others = ", ".join(sorted(exposure.cohorts))
        return f"it was in {stage}, for others: {others}. Whoever was in one of these as well may have had it"
    return ""


def _who(exposure: Exposure, cohort: str) -> str:
    share = percent(exposure.share)
    whose = f"the users of {cohort}" if cohort else "all users"
    if not cohort and exposure.cohorts:
        whose = f"the users of {', '.join(sorted(exposure.cohorts))}"
    if exposure.share == 10_000:  # noqa: PLR2004 - all of them, in basis points
        return whose[0].upper() + whose[1:]
    return f"{share} of {whose}, the same ones as long as the share stayed"


def _facts(state: Mapping[str, Any], stage: Stage, exposure: Exposure) -> Iterator[tuple[str, str]]:
    yield "stage", stage.value
    yield "release", _releases(state)
    if exposure.tasks:
        yield "only for the tasks", ", ".join(sorted(exposure.tasks))
    if exposure.languages:
        yield "only in the languages", ", ".join(sorted(exposure.languages))
    yield "autonomy at most", exposure.autonomy.value
    sample = typed(int, state["review"]["sample"])
    if sample:
        yield "looked at by a person", f"{percent(sample)} of answers"


def _releases(state: Mapping[str, Any]) -> str:
    stable, candidate, share = state["stable"], state["candidate"], typed(int, state["candidate_share"])
    if not candidate or not share:
        return typed(str, stable)
    return f"{stable}, and {typed(str, candidate)} for {percent(share)} of those who had it"
