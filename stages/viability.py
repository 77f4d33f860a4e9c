"""Whether the release that a revert would bring back can serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from stages.models import Calendar, Model, models_of, same_seller
from stages.refusals import Refusal
from stages.release import Goodness


@dataclass(frozen=True, slots=True)
class Target:
    """The release that would come back.

    ``served``: some users have it now, because what gives way is a candidate; then it is known to work beside it.
    ``missing`` are the things it is made of that were looked for and are not there, each in words.
    """

    release: str
    bundle: Mapping[str, Any]
    verdict: Goodness
    verdict_reason: str = ""
    served: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident at whoever serves models; ``model`` is empty if it is about all of them."""

    provider: str
    model: str
    why: str

    def touches(self, model: Model) -> bool:
        """Whether a model is among those that have the trouble."""
        same = same_seller(self.provider, model.host or model.provider)
        return same and self.model in ("", model.id)


@dataclass(frozen=True, slots=True)
class RetrievalIndex:
    """The index that a release retrieves from, and the registry that knows of it; empty if none is named."""

    name: str
    registry: str


def index_of(bundle: Mapping[str, Any]) -> RetrievalIndex | None:
    """The retrieval index of a bundle; None if it names none."""
    retrieval = bundle.get("retrieval")
    if not isinstance(retrieval, Mapping) or not retrieval.get("index"):
        return None
    return RetrievalIndex(str(retrieval["index"]), str(retrieval.get("registry") or ""))


def unviable(
    target: Target | None,
    away: Mapping[str, Any],
    calendar: Calendar,
    today: date,
    troubles: Iterable[Trouble] = (),
    *,
    forced: bool = False,
) -> Iterator[Refusal]:
    """Every reason why going back would not help; ``away`` is the bundle of the release that would give way.

    ``forced``: that sessions of the one cannot go on with the other has been accepted. Only the model itself has to be
    there: a fallback that is gone is none, and the release does what it did without one.
    """
    if target is None:
        yield Refusal(
            "revert_target_missing", "there is no release to go back to", "use another rung", "move"
        )
        return
    yield from _known_bad(target)
    model = next((model for model in models_of(target.bundle) if model.role == "model"), None)
    if model is not None:
        yield from _gone(target, model, calendar, today)
        yield from _troubled(target, model, troubles)
    for what in target.missing:
        remedy = "put it back, or make another release"
        yield Refusal("revert_part_missing", f"{target.release} needs {what}", remedy, "release")
    if not (forced or target.served):
        yield from _incompatible(target, away)


def _known_bad(target: Target) -> Iterator[Refusal]:
    if target.verdict is Goodness.BAD:
        message = f"{target.release} is known to be bad: {target.verdict_reason}"
        yield Refusal("revert_target_bad", message, "evaluate it anew, or use another rung", "release")


def _gone(target: Target, model: Model, calendar: Calendar, today: date) -> Iterator[Refusal]:
    end = calendar.end_of(model.provider, model.id, model.host)
    if end is not None and end.ends_at <= today:
        message = f"{target.release} needs {model}, which was retired on {end.ends_at}"
        yield Refusal(
            "revert_model_retired", message, "make a release with a model that is still served", "model"
        )


def _troubled(target: Target, model: Model, troubles: Iterable[Trouble]) -> Iterator[Refusal]:
    for trouble in troubles:
        if trouble.touches(model):
            message = f"{target.release} needs {model}, and there is an open incident about it: {trouble.why}"
            yield Refusal("revert_provider_troubled", message, "wait until the incident is closed", "model")


def _incompatible(target: Target, away: Mapping[str, Any]) -> Iterator[Refusal]:
    here, there = (repr(bundle.get("compatibility") or "none") for bundle in (away, target.bundle))
    if here != there:
        message = f"{target.release} is of the compatibility class {there}, and what is served of {here}"
        remedy = "give the rung force, if running sessions may break"
        yield Refusal("revert_incompatible", message, remedy, "compatibility")
