"""Moving one pointer: read, compare, write, read back.

The same call may be made again at any time, also after a crash between any two steps: it begins with a look at where
the pointer is, and a pointer that is there already is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.registries.deadline import Deadline
from controller.registries.registry import BadPointer, Conflict, Pointer, Registry, RegistryError

_Failure = RegistryError | BadPointer
_WRITE_SHARE = 0.7
"""How much of the time left a write may take, so that there is some to find out whether it was done."""


class Outcome(StrEnum):
    """How a move ended."""

    MOVED = "moved"
    ALREADY_THERE = "already_there"
    CONFLICT = "conflict"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a move.

    ``before`` and ``now`` are the versions that the pointer was seen at first and last, if it could be seen.
    ``message`` is for people and safe to show. ``retry_after_s`` is how long the registry asked to be left alone, if
    it did.
    """

    outcome: Outcome
    message: str
    before: str | None = None
    now: str | None = None
    retry_after_s: int | None = None


def move_pointer(
    registry: Registry,
    pointer: Pointer,
    *,
    expected: str,
    target: str,
    deadline_s: float,
    force: bool = False,
) -> Moved:
    """Move a pointer from the ``expected`` version to the ``target``, unless somebody else has moved it.

    With ``force`` it is moved from wherever it is; even then not past somebody who moves it in the same moment, if the
    registry can tell. It ends within ``deadline_s`` seconds. Whatever the world does becomes the outcome.
    """
    deadline = Deadline.after(deadline_s)
    return _Move(registry, pointer, expected, target, deadline).run(force=force)


@dataclass(frozen=True, slots=True)
class _Move:
    registry: Registry
    pointer: Pointer
    expected: str
    target: str
    deadline: Deadline

    def run(self, *, force: bool) -> Moved:
        before = self._seen()
        if not isinstance(before, str):
            return _failed(f"{self._what} could not be read: {before}", before)
        if before == self.target:
            return Moved(Outcome.ALREADY_THERE, f"{self._what} is at {before} already", before, before)
        if before != self.expected and not force:
            return self._conflict(self.expected, before, before)
        refusal = self._written(before)
        return self._judged(before, refusal, self._seen())

    def _judged(self, before: str, refusal: _Failure | None, now: str | _Failure) -> Moved:
        """What is there counts, not what the write was answered: an answer can get lost on its way."""
        if now == self.target:
            return Moved(Outcome.MOVED, f"{self._what} moved from {before} to {now}", before, now)
        if not isinstance(now, str):
            message = f"it is unknown whether {self._what} was moved from {before}: {refusal or now}"
            return _failed(message, refusal or now, before)
        if isinstance(refusal, Conflict) and now != before:
            return self._conflict(before, before, now)
        if refusal is not None:
            return _failed(f"{self._what} was not moved, and is at {now}: {refusal}", refusal, before, now)
        return _failed(f"{self._what} was moved to {self.target}, but reads back as {now}", None, before, now)

    def _conflict(self, meant: str, before: str, now: str) -> Moved:
        message = f"somebody else moved {self._what} from {meant} to {now}; it was left there"
        return Moved(Outcome.CONFLICT, message, before, now)

    @property
    def _what(self) -> str:
        return f"{self.pointer.pointer} of {self.pointer.name}"

    def _seen(self) -> str | _Failure:
        try:
            return self.registry.read(self.pointer, self.deadline.left_s)
        except (RegistryError, BadPointer) as error:
            return error

    def _written(self, before: str) -> _Failure | None:
        """What stood in the way of the write, if anything."""
        try:
            self.registry.write(self.pointer, self.target, before, self.deadline.left_s * _WRITE_SHARE)
        except (RegistryError, BadPointer) as error:
            return error
        return None


def _failed(message: str, why: _Failure | None, before: str | None = None, now: str | None = None) -> Moved:
    retry_after_s = why.retry_after_s if isinstance(why, RegistryError) else None
    return Moved(Outcome.FAILED, message, before, now, retry_after_s)
