"""What is served of an environment: its newest snapshot, and how those who know an older one get there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from controller.delivery.answers import Answers
from controller.flags.snapshots import Snapshot

_REMEMBERED = 64
"""How many changes back somebody may come from and still be sent patches."""
_HEAVIEST = 2
"""Patches that together weigh more than so many documents are replaced by one document."""


@dataclass(frozen=True, slots=True)
class Step:
    """From one document to the next, as an event of a stream."""

    before: str
    event: bytes


class Served:
    """A snapshot with everything that is sent of it, each made when it is first needed."""

    def __init__(self, snapshot: Snapshot, made_at: int, before: Served | None = None) -> None:
        """``made_at`` is in seconds since 1970; ``before`` is what was served until now."""
        self.snapshot = snapshot
        self.made_at = made_at
        self._steps = before.steps_to(snapshot) if before else ()

    @property
    def etag(self) -> str:
        """The tag of the document, without quotes; its first part is the revision."""
        return self.snapshot.etag

    @cached_property
    def answers(self) -> Answers:
        """What OFREP says to a server key."""
        return Answers(self.snapshot, only_visible=False)

    @cached_property
    def visible_answers(self) -> Answers:
        """What OFREP says to a client key."""
        return Answers(self.snapshot, only_visible=True)

    @cached_property
    def put(self) -> bytes:
        """The whole document as an event."""
        return _event("put", self.etag, self.snapshot.body)

    @cached_property
    def notice(self) -> bytes:
        """The event that tells an OFREP client to ask again (OFREP ADR 0008)."""
        content = {"type": "refetchEvaluation", "etag": self.etag, "lastModified": self.made_at}
        return _event("message", self.etag, _json(content))

    def since(self, etag: str) -> list[bytes]:
        """The events that bring whoever has the document ``etag`` up to date: none, patches, or the whole document."""
        if etag == self.etag:
            return []
        known = next((place for place, step in enumerate(self._steps) if step.before == etag), None)
        if known is None:
            return [self.put]
        patches = [step.event for step in self._steps[known:]]
        return patches if sum(map(len, patches)) <= _HEAVIEST * len(self.snapshot.body) else [self.put]

    def steps_to(self, after: Snapshot) -> tuple[Step, ...]:
        """The way from each document that is remembered to a newer one, oldest first."""
        patch = patch_between(self.snapshot, after)
        if patch is None:
            return ()
        step = Step(self.etag, _event("patch", after.etag, _json(patch)))
        # Whoever would arrive at this very document again need not go round.
        kept = [one for one in self._steps if one.before != after.etag]
        return (*kept, step)[-_REMEMBERED:] if len(kept) == len(self._steps) else (step,)


def patch_between(before: Snapshot, after: Snapshot) -> dict[str, Any] | None:
    """What makes one document of the other; None if a patch cannot say it, because shared rules have changed."""
    if _rest(before.content) != _rest(after.content):
        return None
    old, new = before.content["flags"], after.content["flags"]
    return {
        "from": before.etag,
        "revision": after.revision,
        "metadata": after.content["metadata"],
        "set": {key: flag for key, flag in new.items() if _differ(old.get(key), flag)},
        "unset": [key for key in old if key not in new],
    }


def _differ(before: Any, after: Any) -> bool:
    """Whether two flags are not alike; one that did not change is the same object, which is seen at once.

    Otherwise their texts are compared: to Python true is 1, and 1 is 1.0.
    """
    return before is not after and _json(before) != _json(after)


def _rest(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in content.items() if name not in ("flags", "metadata")}


def _event(name: str, id: str, data: bytes) -> bytes:
    """A server-sent event. JSON in UTF-8 has no line breaks, so one data line carries it."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (id.encode(), name.encode(), data)


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
