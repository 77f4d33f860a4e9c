"""Who does something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """What sort of actor: only people can take a feature up."""

    HUMAN = "human"
    TRIGGER = "trigger"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` tells one actor from another: ``user:ada@example.com``, ``key:ci``, ``trigger:unsupported``."""

    name: str
    kind: ActorKind = ActorKind.HUMAN


SYSTEM = Actor("headgate", ActorKind.SCHEDULE)
