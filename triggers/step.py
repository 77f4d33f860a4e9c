"""One evaluation of one trigger: the only place where a reading becomes a verdict and an action falls due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from triggers.ask import wants_baseline
from triggers.reading import Reading, Status
from triggers.sight import News, counts_as_breach, look
from triggers.state import Phase, State, not_ahead
from triggers.trigger import Rung, Trigger
from triggers.verdict import Judgement, Severity, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The outcome of one evaluation.

    ``due`` are the rungs of the ladder to be taken now, in order. ``news`` is what somebody is to be told about the
    trigger's sight.
    """

    verdict: Verdict
    state: State
    due: tuple[Rung, ...]
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    severity: Severity = Severity.CRITICAL
    news: News | None = None


def step(trigger: Trigger, state: State, readings: Sequence[Reading], now: datetime) -> Step:
    """Judge the readings of one evaluation, move the trigger's phase, and say what is due.

    ``readings`` answer `asks`, one by one. A reading that says nothing restarts the hold time and the clear time alike:
    an outage can neither calm a trigger nor fire it, unless its policy says that it shall.
    """
    state = not_ahead(state, now)
    judgement = judge(trigger, state, readings, now)
    seen, news = look(trigger, state, _decisive(trigger, state, readings), judgement.verdict, now)
    remembered = _remembered(seen, readings[0], judgement)
    effective = judgement
    if counts_as_breach(trigger, seen, now):
        # It has lasted for the time that the policy gives it; the one a breach is given does not come on top.
        effective = replace(judgement, verdict=Verdict.BREACH)
        remembered = remembered if remembered.phase is Phase.FIRING else _fired(remembered, now)
    judged = _moved(trigger, remembered, effective.verdict, now)
    judged = _worsened(state, judged, effective, now)
    climbed, due = _climbed(trigger, judged, effective.verdict, now)
    return Step(
        verdict=judgement.verdict,
        state=climbed,
        due=due,
        sentence=judgement.sentence,
        numbers=judgement.numbers,
        severity=judgement.severity,
        news=news,
    )


def judge(trigger: Trigger, state: State, readings: Sequence[Reading], now: datetime) -> Judgement:
    """What the readings mean, without moving anything. One that tells nothing is enough for them not to tell."""
    subject, baseline = _sides(trigger, state, readings)
    if problem := _first_problem(trigger, subject, baseline, now):
        verdict, sentence = problem
        return Judgement(verdict=verdict, memory=state.memory, sentence=sentence)
    return trigger.method.judge(state.memory, *subject, baseline=baseline, sharing=trigger.sharing)


def escalate(trigger: Trigger, state: State, now: datetime) -> tuple[State, tuple[Rung, ...]]:
    """Take the next rungs of a firing trigger at once, because those due could not be carried out."""
    ahead = [rung for rung in trigger.ladder[state.rungs :] if rung.severity.rank <= state.severity.rank]
    if state.phase is not Phase.FIRING or not ahead:
        return state, ()
    rungs = tuple(rung for rung in ahead if rung.after_s == ahead[0].after_s)
    return replace(state, rungs=state.rungs + len(rungs), rung_at=now, acted_at=now), rungs


def _sides(
    trigger: Trigger, state: State, readings: Sequence[Reading]
) -> tuple[Sequence[Reading], Reading | None]:
    """What is judged, and what it is compared with."""
    return (readings[:-1], readings[-1]) if wants_baseline(trigger, state) else (readings, None)


def _decisive(trigger: Trigger, state: State, readings: Sequence[Reading]) -> Reading:
    """The reading for which nothing can be judged, whichever of the windows it is of; the first if there is none."""
    subject, _ = _sides(trigger, state, readings)
    if not subject[0].window.length:
        return subject[0]
    return next((reading for reading in subject if _problem(trigger, reading)), subject[0])


def _first_problem(
    trigger: Trigger, subject: Sequence[Reading], baseline: Reading | None, now: datetime
) -> tuple[Verdict, str] | None:
    for reading in subject:
        if problem := _problem(trigger, reading) or _stale(trigger, reading, now):
            return problem
    if baseline is not None and (problem := _problem(trigger, baseline)):
        return problem[0], f"{trigger.baseline} baseline: {problem[1]}"
    return None


def _problem(trigger: Trigger, reading: Reading) -> tuple[Verdict, str] | None:
    """Why a reading tells nothing, or None if it does tell."""
    if not reading.window.length:
        return Verdict.INSUFFICIENT, "the window is empty"
    if reading.status is Status.NO_DATA:
        return Verdict.INSUFFICIENT, reading.message or "the source has no data"
    if reading.status is Status.OK or (trigger.use_partial and reading.is_usable):
        return None
    return Verdict.SOURCE_ERROR, f"{reading.status}: {reading.message}"


def _stale(trigger: Trigger, reading: Reading, now: datetime) -> tuple[Verdict, str] | None:
    newest = reading.newest_sample_at
    if not trigger.max_staleness_s or newest is None:
        return None
    if now - newest <= timedelta(seconds=trigger.max_staleness_s):
        return None
    return Verdict.STALE, f"the newest sample is of {newest}"


def _remembered(state: State, reading: Reading, judgement: Judgement) -> State:
    """Only a window that was really added up is left behind; one that told nothing is asked for again."""
    told = judgement.verdict in (Verdict.OK, Verdict.BREACH)
    return replace(state, memory=judgement.memory, read_to=reading.window.end if told else state.read_to)


def _moved(trigger: Trigger, state: State, verdict: Verdict, now: datetime) -> State:
    if state.phase is Phase.FIRING:
        return _calmed(trigger, state, verdict, now)
    if verdict is not Verdict.BREACH:
        return state if state.phase is Phase.QUIET else replace(state, phase=Phase.QUIET, since=now)
    began = state.since if state.phase is Phase.PENDING and state.since else now
    if now - began >= timedelta(seconds=trigger.hold_s):
        return _fired(state, now)
    return replace(state, phase=Phase.PENDING, since=began)


def _fired(state: State, now: datetime) -> State:
    return replace(state, phase=Phase.FIRING, since=now, good_since=None, rungs=0, rung_at=None)


def _calmed(trigger: Trigger, state: State, verdict: Verdict, now: datetime) -> State:
    if verdict is not Verdict.OK:
        return replace(state, good_since=None)
    good_since = state.good_since or now
    if trigger.latch or now - good_since < timedelta(seconds=trigger.clear_s):
        return replace(state, good_since=good_since)
    return replace(state, phase=Phase.QUIET, since=now, good_since=None, rungs=0, rung_at=None)


def _worsened(before: State, state: State, judgement: Judgement, now: datetime) -> State:
    """A breach that became critical begins to wait anew, for the rungs that were not for a warning."""
    if judgement.verdict is not Verdict.BREACH:
        return state
    worse = before.phase is Phase.FIRING and judgement.severity.rank > before.severity.rank
    return replace(state, severity=judgement.severity, rung_at=now if worse else state.rung_at)


def _climbed(
    trigger: Trigger, state: State, verdict: Verdict, now: datetime
) -> tuple[State, tuple[Rung, ...]]:
    """Take the next rungs if their time has come.

    Waiting is measured from the rungs taken before, not from the start: after a pause of the evaluator the
    ladder goes on where it was instead of running up all at once.
    """
    if verdict is not Verdict.BREACH or state.phase is not Phase.FIRING or state.rungs >= len(trigger.ladder):
        return state, ()
    reached = trigger.ladder[state.rungs - 1].after_s if state.rungs else 0
    wait = timedelta(seconds=trigger.ladder[state.rungs].after_s - reached)
    if now - (state.rung_at or state.since or now) < wait or _rests(trigger, state, now):
        return state, ()
    return escalate(trigger, state, now)


def _rests(trigger: Trigger, state: State, now: datetime) -> bool:
    """Whether a ladder that begins anew waits for what was done in an earlier firing to take effect."""
    if state.rungs or state.acted_at is None:
        return False
    return now - state.acted_at < timedelta(seconds=trigger.cooldown_s)
