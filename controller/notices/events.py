"""What destinations can be told, and who wants to be told what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

EVENTS: Mapping[str, str] = {
    "trigger.fired": "a trigger began to fire",
    "trigger.cleared": "a trigger stopped firing",
    "trigger.blind": "a trigger has seen nothing for longer than its policy lets pass",
    "trigger.sees": "a trigger sees again",
    "source.blind": "the triggers that ask a source have had nothing to judge for a while",
    "source.sees": "the triggers that ask a source see again",
    "evaluations.stopped": "triggers are due and nobody evaluates them",
    "evaluations.resumed": "triggers that were due are evaluated again",
    "action.done": "a trigger did something about a feature",
    "governor.tripped": "triggers moved a feature too often, so it was switched off",
    "incident.opened": "an incident was opened",
    "incident.verified": "it is shown that a revert worked",
    "incident.pointer_conflict": "a pointer cannot be moved back without a person",
    "incident.shared": "several features suffer from one provider or model",
    "incident.shared_closed": "what several features suffered from is over",
    "incident.closed": "an incident was closed",
    "promotion.requested": "somebody asks for the next stage",
    "promotion.approved": "somebody agreed to a promotion",
    "promotion.withdrawn": "a promotion was taken back",
    "promotion.applied": "a feature entered its next stage",
    "break_glass.entered": "somebody entered a stage without its evidence",
    "break_glass.ended": "a break-glass is over",
    "break_glass.reviewed": "somebody else has looked at a break-glass",
    "revert.unviable": "a feature could not be reverted if it had to be",
    "task.opened": "a trigger asks for something to be done",
    "notice.test": "somebody tries a destination",
}
"""Every event by its name. Beside them stand the changes of the record, as ``change.<name>``."""

_CHANGE = "change."
_TOLD_OF: Mapping[str, str] = {
    "change.incident.close": "incident.closed",
    "change.promotion.ask": "promotion.requested",
    "change.promotion.approve": "promotion.approved",
    "change.promotion.withdraw": "promotion.withdrawn",
    "change.promote": "promotion.applied",
}
"""Changes that are events too."""


def names_of(event: str) -> tuple[str, ...]:
    """The names under which something can be asked for, the one it is told under first."""
    return (_TOLD_OF[event], event) if event in _TOLD_OF else (event,)


def wants(patterns: Iterable[str], event: str) -> bool:
    """Whether somebody who asks for these patterns is told of an event. ``*`` is everything but bare changes."""
    return any(_matches(pattern, name) for pattern in patterns for name in names_of(event))


def is_pattern(pattern: str) -> bool:
    """Whether something can be asked for by this: an event, ``*``, or a group of events such as ``incident.*``."""
    return pattern == "*" or pattern.startswith(_CHANGE) or any(_matches(pattern, name) for name in EVENTS)


def _matches(pattern: str, name: str) -> bool:
    if pattern == "*":
        return not name.startswith(_CHANGE)
    return name.startswith(pattern[:-1]) if pattern.endswith(".*") else name == pattern
