"""The ways to stop and to resume a rollout that are possible from where it stands, each spelled out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from controller.console.words import MODES, holder, percent
from controller.store.narrowings import Narrowing
from controller.store.rollouts import StoredRollout
from stages import Exposure, Mode, Plan, Refusal, Refused, Request, Rollout, find_ends, make


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something that can be done; ``text`` spells out what will happen."""

    value: str
    title: str
    text: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way(Option):
    """A move that can be made; a ``strict`` one is meant for the version that was seen, and for no newer one."""

    request: Request
    strict: bool = False
    share: int = 0
    """For a way that asks how far, in basis points: what it suggests."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A rollout that somebody is about to act on."""

    stored: StoredRollout
    name: str
    plan: Plan
    firing: tuple[Refusal, ...] = ()
    narrowings: tuple[Narrowing, ...] = ()


def ways_down(subject: Subject, now: datetime) -> Iterator[Way]:
    """The ways to stop that are possible from here and would change something, the safest first."""
    for move, option in (("disable", _off), ("review", _review)):
        after = _arrival(subject, Request(move=move), now)
        if after is not None:
            yield option(subject, after)
    yield from _narrowings(subject, now)
    after = _arrival(subject, Request(move="revert"), now)
    if after is not None:
        yield _revert(subject, after)


def _narrowings(subject: Subject, now: datetime) -> Iterator[Way]:
    """Down to an exposure that has a name, and down to a smaller share."""
    exposure = subject.stored.rollout.exposure
    if subject.stored.rollout.mode is Mode.OFF:
        return  # Nobody has it; there is nothing to take away.
    for named in subject.narrowings:
        request = Request(move="narrow", exposure=exposure.at_most(named.ceiling))
        if _arrival(subject, request, now) is not None:
            text = f"{_losing(subject, request.exposure)} It was prepared under this name."
            yield Way(
                value=f"narrow:{named.key}",
                title=f"Narrow to “{named.key}”",
                text=text,
                icon="narrow",
                request=request,
            )
    half = exposure.share // 2
    request = Request(move="narrow", exposure=replace(exposure, share=half))
    if half and _arrival(subject, request, now) is not None:
        text = (
            f"Fewer users have it, in the same mode; nobody new gets it. Now it is {percent(exposure.share)}."
        )
        yield Way(
            value="narrow",
            title="Narrow to a smaller share",
            text=text,
            icon="narrow",
            request=request,
            share=half,
        )


def _losing(subject: Subject, after: Exposure | None) -> str:
    before = subject.stored.rollout.exposure
    if after is None or after.share == before.share:
        return f"It stays with {percent(before.share)} of users, within narrower limits."
    return f"{percent(before.share)} of users have it now, {percent(after.share)} afterwards."


def _arrival(subject: Subject, wanted: Request, now: datetime) -> Rollout | None:
    """The rollout after a move; None if the move is not possible from here, or would change nothing."""
    rollout = subject.stored.rollout
    if find_ends(rollout, wanted) is None:
        return None
    try:
        after = make(rollout, wanted, subject.plan, now)
    except Refused:
        return None
    return None if replace(after, version=rollout.version) == rollout else after


def _off(subject: Subject, _after: Rollout) -> Way:
    rollout, fallback = subject.stored.rollout, subject.stored.fallback
    instead = f"get the fallback “{fallback}”" if fallback else "get what your product does without it"
    cohorts = ", ".join(sorted(rollout.exposure.cohorts))
    reach = f"{percent(rollout.exposure.share)} of users{f' in {cohorts}' if cohorts else ''}"
    text = (
        f"{reach} lose it: they {instead} instead. It stays in {rollout.stage}, and resuming brings it back."
    )
    return Way(value="off", title="Switch off", text=text, icon="off", request=Request(move="disable"))


def _review(_subject: Subject, _after: Rollout) -> Way:
    text = "Users keep it, but a person looks at every answer before they see it. The share stays as it is."
    wanted = Request(move="review")
    return Way(value="review", title="Send to human review", text=text, icon="review", request=wanted)


def _revert(subject: Subject, after: Rollout) -> Way:
    before, until = subject.stored.rollout, "marked as bad until a person says otherwise"
    if before.candidate:
        step = f"The candidate {before.candidate} is dropped and {until}. All who have the feature get {after.stable}."
    else:
        step = f"All who have the feature go back to {after.stable}; {before.stable} is {until}."
    text = f"{step} The mode stays {MODES[before.mode].word}."
    wanted = Request(move="revert")
    # A second revert goes one release further back, so it must be about what the person has looked at.
    return Way(
        value="revert", title="Revert the release", text=text, icon="revert", request=wanted, strict=True
    )


def ways_up(rollout: Rollout) -> Iterator[Way]:
    """The ways to resume that are possible from here, the safest first."""
    if rollout.mode is Mode.LIVE and not rollout.holds:
        return
    for mode in (Mode.REVIEW, Mode.LIVE, Mode.OFF):
        wanted = Request(move="resume", mode=mode)
        if find_ends(rollout, wanted) is not None:
            yield Way(
                value=mode.value,
                title=_UP_TITLES[mode],
                text=_up_text(rollout, mode),
                icon=MODES[mode].icon,
                request=wanted,
                strict=True,
            )


_UP_TITLES = {
    Mode.REVIEW: "Resume in human review",
    Mode.LIVE: "Resume live",
    Mode.OFF: "Lift the holds",
}


def _up_text(rollout: Rollout, mode: Mode) -> str:
    reach = f"{percent(rollout.exposure.share)} of users"
    told = {
        Mode.REVIEW: f"{reach} get it, and a person looks at every answer before they see it.",
        Mode.LIVE: f"{reach} get its answers directly.",
        Mode.OFF: "It stays off; it may go up again afterwards.",
    }[mode]
    holds = ", ".join(holder(hold) for hold in sorted(rollout.holds))
    return f"{told} The hold by {holds} is lifted." if holds else told


def in_the_way(subject: Subject, options: tuple[Way, ...], now: datetime) -> Iterator[Refusal]:
    """What would refuse the first of these ways up at this moment."""
    if options:
        try:
            make(subject.stored.rollout, options[0].request, subject.plan, now)
        except Refused as refused:
            yield from refused.refusals
    yield from subject.firing
