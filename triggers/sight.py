"""Whether a trigger sees anything, and what follows if it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from triggers.policy import Policy, Reaction
from triggers.reading import Reading, Status
from triggers.state import State
from triggers.trigger import Trigger
from triggers.verdict import Lack, Verdict

_NOTHING = Policy(Reaction.IGNORE)


class News(StrEnum):
    """What somebody is to be told about a trigger's sight."""

    BLIND = "blind"
    """It has seen nothing for longer than its policy lets pass."""
    SEES = "sees"
    """It sees again, after somebody was told that it did not."""


def lack_of(subject: Reading, verdict: Verdict) -> Lack | None:
    """Why there was nothing to judge; None if there was. ``subject`` is the reading that decided."""
    if verdict is Verdict.STALE:
        return Lack.STALE
    if verdict is Verdict.SOURCE_ERROR:
        return Lack.PARTIAL if subject.status is Status.PARTIAL else Lack.SOURCE_ERROR
    return Lack.NO_DATA if subject.status is Status.NO_DATA else None


def look(
    trigger: Trigger, state: State, subject: Reading, verdict: Verdict, now: datetime
) -> tuple[State, News | None]:
    """What the trigger remembers of its sight after a reading, and whether somebody is to be told.

    It has been blind since the first of a run of readings in which there was nothing to judge, whatever the reason
    was each time. An empty window changes nothing: there was nothing to see.
    """
    if not subject.window.length:
        return state, None
    lack = lack_of(subject, verdict)
    if lack is None:
        return _seeing(state), News.SEES if state.lack_told else None
    blind = replace(state, lack=lack, lack_since=state.lack_since or now)
    policy, lasts = _policy(trigger, blind, now)
    if not (lasts and policy.tells) or state.lack_told:
        return blind, None
    return replace(blind, lack_told=True), News.BLIND


def _seeing(state: State) -> State:
    if state.lack is None and not state.lack_told:
        return state
    return replace(state, lack=None, lack_since=None, lack_told=False)


def holds_back(trigger: Trigger, state: State, now: datetime) -> bool:
    """Whether nothing may go up because the trigger sees nothing.

    Where somebody is told in the end, nothing goes up until then either.
    """
    policy, lasts = _policy(trigger, state, now)
    return policy.tells or (lasts and policy.do is Reaction.HOLD)


def is_blind(trigger: Trigger, state: State) -> bool:
    """Whether the trigger sees nothing, and that is not to be ignored."""
    policy = trigger.policies.get(state.lack, _NOTHING) if state.lack else _NOTHING
    return policy.do is not Reaction.IGNORE


def counts_as_breach(trigger: Trigger, state: State, now: datetime) -> bool:
    """Whether seeing nothing is as bad as a breach by now."""
    policy, lasts = _policy(trigger, state, now)
    return lasts and policy.do is Reaction.ACT


def _policy(trigger: Trigger, state: State, now: datetime) -> tuple[Policy, bool]:
    """What is to be done about what the trigger lacks, and whether the lack has lasted long enough for it."""
    if state.lack is None or state.lack_since is None or state.lack not in trigger.policies:
        return _NOTHING, False
    policy = trigger.policies[state.lack]
    wait = timedelta(seconds=policy.wait_s(state.lack, trigger.interval_s))
    return policy, now - state.lack_since >= wait
