"""What one evaluation asks: whose answers, and of which span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from triggers.reading import Window
from triggers.state import State
from triggers.trigger import Baseline, Trigger


class Side(StrEnum):
    """Whose answers a question is about."""

    SUBJECT = "subject"
    """Those that are judged."""
    BASELINE = "baseline"
    """Those they are compared with."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of an evaluation."""

    side: Side
    window: Window


def asks(trigger: Trigger, state: State, now: datetime) -> tuple[Ask, ...]:
    """The questions of one evaluation; `step` takes one reading for each, in this order.

    First come the windows of what is judged, then the one of the baseline, if the method still wants it.
    """
    subject = windows(trigger, state, now)
    asked = tuple(Ask(Side.SUBJECT, window) for window in subject)
    if not wants_baseline(trigger, state):
        return asked
    return (*asked, Ask(Side.BASELINE, _baseline(trigger, subject[0], now)))


def wants_baseline(trigger: Trigger, state: State) -> bool:
    """Whether the last reading of an evaluation is to be one of the baseline."""
    return trigger.baseline is not Baseline.NONE and trigger.method.wants_baseline(state.memory)


def control_window(trigger: Trigger, state: State, now: datetime) -> Window:
    """The span over which the stable release is looked at, before a candidate is blamed."""
    judged = window(trigger, state, now)
    return Window(now - timedelta(seconds=trigger.window_s), now) if trigger.method.contiguous else judged


def window(trigger: Trigger, state: State, now: datetime) -> Window:
    """The first span of time to ask about; for most methods the only one."""
    return windows(trigger, state, now)[0]


def windows(trigger: Trigger, state: State, now: datetime) -> tuple[Window, ...]:
    """The spans of time to ask about what is judged.

    They never reach back before the epoch, save for methods that judge across epochs. Methods that add windows up get
    windows that touch, the first of which begins with the epoch however long the source has been failing; the others
    get as many seconds as they ask for. A window is empty at the very moment an epoch begins.
    """
    found = (now - span for span in trigger.method.spans(trigger.window_s, now))
    return tuple(_since(trigger, state, earliest, now) for earliest in found)


def _since(trigger: Trigger, state: State, earliest: datetime, now: datetime) -> Window:
    if trigger.method.contiguous:
        earliest = state.read_to or state.epoch_at or earliest
    if state.epoch_at is not None and not trigger.method.across_epochs:
        earliest = max(earliest, state.epoch_at)
    return Window(min(earliest, now), now)


def _baseline(trigger: Trigger, subject: Window, now: datetime) -> Window:
    """As long as the subject's window; for methods that add windows up, ``window_s``.

    The stable release is asked about the same time, the previous period about that long before.
    """
    if trigger.method.contiguous:
        subject = Window(now - timedelta(seconds=trigger.window_s), now)
    if trigger.baseline is Baseline.STABLE:
        return subject
    offset = timedelta(seconds=trigger.baseline_offset_s or trigger.window_s)
    return Window(subject.start - offset, subject.end - offset)
