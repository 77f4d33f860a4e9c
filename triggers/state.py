"""What a trigger remembers between two readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from triggers.verdict import Lack, Severity

T = TypeVar("T")


class Phase(StrEnum):
    """Where a trigger stands."""

    QUIET = "quiet"
    PENDING = "pending"
    """In breach, but not yet for the hold time."""
    FIRING = "firing"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole memory of a trigger: it survives a restart as JSON and holds no floating-point number.

    ``epoch`` names what is being judged (releases, rule); ``epoch_at`` is when that began, and nothing
    older counts. ``since`` is when the phase began, ``good_since`` when an unbroken run of good readings
    began while firing. ``rungs`` of the ladder have been taken, the newest of them at ``rung_at``.
    ``acted_at`` is when a rung was taken last, in this firing or an earlier one.
    ``read_to`` is the end of the last window that told something. ``severity`` is that of the last breach.
    ``lack`` is why there was nothing to judge the last time, ``lack_since`` since when there has been nothing, and
    ``lack_told`` whether somebody was told of it.
    """

    epoch: str = ""
    epoch_at: datetime | None = None
    memory: tuple[int, ...] = ()
    phase: Phase = Phase.QUIET
    since: datetime | None = None
    good_since: datetime | None = None
    rungs: int = 0
    rung_at: datetime | None = None
    acted_at: datetime | None = None
    read_to: datetime | None = None
    severity: Severity = Severity.CRITICAL
    lack: Lack | None = None
    lack_since: datetime | None = None
    lack_told: bool = False

    def to_json(self) -> dict[str, Any]:
        """The state as JSON types; `from_json` turns it back."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> State:
        """Read a stored state; what is missing is as in a new one.

        Raises:
            ValueError: It is not a state, or not one that a trigger can be in.
        """
        if not isinstance(stored, Mapping):
            raise ValueError(f"not a trigger state: {stored!r}")  # noqa: TRY004 - one error for all of it
        state = cls(
            epoch=_typed(str, stored.get("epoch", "")),
            memory=tuple(_typed(int, number) for number in _typed(list, stored.get("memory", []))),
            phase=Phase(stored.get("phase", Phase.QUIET)),
            rungs=_typed(int, stored.get("rungs", 0)),
            severity=Severity(stored.get("severity", Severity.CRITICAL)),
            lack=Lack(stored["lack"]) if stored.get("lack") is not None else None,
            lack_told=stored.get("lack_told") is True,
            **{name: _instant(stored.get(name)) for name in _INSTANTS},
        )
        if state.rungs < 0 or (state.phase is not Phase.QUIET and state.since is None):
            raise ValueError(f"{state.phase} since {state.since} with {state.rungs} rungs is no state")
        if (state.lack is None) is not (state.lack_since is None):
            raise ValueError(f"{state.lack} since {state.lack_since} is no state")
        return state


_INSTANTS = ("epoch_at", "since", "good_since", "rung_at", "acted_at", "read_to", "lack_since")


def not_ahead(state: State, now: datetime) -> State:
    """The same state with nothing in it later than ``now``, for when a clock was set back.

    Hold times, ladders and windows would otherwise stand still until the clock has caught up. What happens
    from now on is counted, even where its time of day was counted before.
    """
    ahead: dict[str, Any] = {name: now for name in _INSTANTS if (at := getattr(state, name)) and at > now}
    return replace(state, **ahead) if ahead else state


def enter_epoch(state: State, epoch: str, began: datetime) -> State:
    """Forget what was seen of other releases or under another rule.

    What counts begins with ``began``, or with what a person has acknowledged since.

    A trigger that is firing goes on firing: only good readings or a person end that. Whether it sees anything, and when
    it acted last, is not about a release.
    """
    if state.epoch == epoch:
        return state
    if not state.epoch and state.epoch_at is not None:
        # A new trigger counts from when it was made, not from when somebody first got round to it.
        return replace(state, epoch=epoch)
    began = max(began, state.epoch_at or began)
    entered = replace(state, epoch=epoch, epoch_at=began, memory=(), good_since=None, read_to=None)
    if state.phase is Phase.FIRING:
        return entered
    return replace(entered, phase=Phase.QUIET, since=None, severity=Severity.CRITICAL)


def acknowledge(state: State, now: datetime) -> State:
    """A person has seen to it: the trigger is quiet again and starts counting from now.

    Nobody makes it see by saying so: that it is blind, since when, and that somebody was told stays.
    """
    quiet = State(epoch=state.epoch, epoch_at=now, since=now)
    return replace(quiet, lack=state.lack, lack_since=state.lack_since, lack_told=state.lack_told)


def redefine(state: State, now: datetime) -> State:
    """The rule was changed: it counts from now, what fires goes on firing, and the ladder begins at its first rung.

    That it is blind, and that somebody was told, is forgotten when it sees; for how long counts from now, too.
    """
    lack_since = None if state.lack is None else now
    anew = State(epoch_at=now, lack=state.lack, lack_since=lack_since, lack_told=state.lack_told)
    if state.phase is not Phase.FIRING:
        return anew
    return replace(anew, phase=Phase.FIRING, since=state.since)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _typed(kind: type[T], stored: object) -> T:
    if not isinstance(stored, kind) or isinstance(stored, bool):
        raise ValueError(f"not a trigger state: {stored!r} is not {kind.__name__}")  # noqa: TRY004 - the same
    return stored


def _instant(stored: object) -> datetime | None:
    if stored is None:
        return None
    instant = datetime.fromisoformat(_typed(str, stored))
    if instant.tzinfo is None:
        raise ValueError(f"{stored} has no time zone")
    return instant
