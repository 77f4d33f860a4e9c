"""How long a trigger would take to notice that something is wrong: told before anybody has to find out.

The model: answers arrive evenly, each is bad by itself with the same probability from the first one on, and the trigger
begins with nothing seen. Of readings whose windows overlap once a window is full, only those are counted whose windows
do not, and m of k counts as m in a row. So a time is exact where m is 1 or k and windows grow or do not overlap;
otherwise it is too long rather than too short.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from triggers.bars import Bar, Unforeseeable, bar_of
from triggers.trigger import Trigger

_HOUR_S = 3600
_LONGEST_S = 366 * 24 * _HOUR_S
_CERTAIN = 1e-9
_HARDLY = 1e-4
"""Of what only adds up, the rest that may be left out of a mean."""
_NEGLIGIBLE = 1e-12
_MOST_BAD = 4000
"""More bad answers than that between two readings make nothing surer."""
_MOST_WORK = 1_000_000
_FINE = 500
"""Into how many parts the mean time of a method that only adds up is divided."""
_MOST_BLOCKS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How long a trigger would take to fire on twice its limit.

    ``expected_s`` is the mean time in seconds and ``answers`` the mean number of answers until then, None if that never
    happens or cannot be told. ``within`` is the probability that it happens in the time that was asked about, None if
    there was none. ``sentence`` says all that in words.
    """

    expected_s: float | None
    answers: float | None
    within: float | None
    sentence: str


def detect(trigger: Trigger, answers_per_hour: float, planned_s: int = 0, judged: float = 1.0) -> Detection:
    """How long a trigger would take to fire on twice its limit, and how likely it does so within ``planned_s``.

    ``judged`` is the part of the answers, from 0 to 1, of which it will ever be known whether they are bad; the others
    go by unseen. With S(t) as the probability that it has not fired by the time t, the mean time is the sum of S over
    all times between two readings; S comes from the binomial distribution of the bad answers in each window.
    """
    try:
        bar = bar_of(trigger.method, trigger.sharing)
        course = _course(trigger, bar, answers_per_hour * judged)
    except Unforeseeable as reason:
        sentence = f"{trigger.key}: when it would fire cannot be told: {reason}"
        return Detection(expected_s=None, answers=None, within=None, sentence=sentence)
    expected_s = course.mean_s
    within = course.fired_by(planned_s) if planned_s else None
    if expected_s > _LONGEST_S:
        why = _why_never(trigger, bar, answers_per_hour, judged)
        sentence = f"{trigger.key}: {bar.words} would never be noticed: {why}"
        return Detection(expected_s=None, answers=None, within=within, sentence=sentence)
    answers = expected_s * answers_per_hour / _HOUR_S
    sentence = (
        f"{trigger.key}: {bar.words} would be noticed after about {_many(answers)}, "
        f"{_span(expected_s)} at {_many(answers_per_hour)} an hour{_part(judged)}"
    )
    return Detection(expected_s=expected_s, answers=answers, within=within, sentence=sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """How likely a trigger has not fired yet, over time.

    ``alive`` holds times in seconds, each with the probability that the trigger has not fired by then, while its first
    window grows. Later every ``stride_s`` there is a reading independent of the others, which is beyond the limit with
    the probability ``p``; ``runs`` says how likely the last so many readings were beyond it when that begins.
    """

    alive: Sequence[tuple[float, float]]
    stride_s: float
    p: float
    runs: Sequence[float]

    @property
    def mean_s(self) -> float:
        """The mean time to fire; infinite if it may never happen."""
        grown = sum((later - time) * alive for (time, alive), (later, _) in pairwise(self.alive))
        if sum(self.runs) <= _CERTAIN:
            return grown
        whole = _readings_for(len(self.runs), self.p)
        if math.isinf(whole):
            return whole
        left = (mass * (whole - _readings_for(run, self.p)) for run, mass in enumerate(self.runs))
        return grown + self.stride_s * sum(left)

    def fired_by(self, seconds: float) -> float:
        """The probability that the trigger has fired by then."""
        end = self.alive[-1][0]
        if seconds < end:
            return 1 - next(alive for time, alive in reversed(self.alive) if time <= seconds)
        return max(0.0, 1 - _alive_after(int((seconds - end) / self.stride_s), self.runs, self.p))


def _course(trigger: Trigger, bar: Bar, answers_per_hour: float) -> _Course:
    # Between two readings comes at least one answer, and no more than are of use: neither changes what is noticed. What
    # only adds up is not looked at more finely than its mean can tell.
    useful = max(_MOST_BAD / bar.share, bar.min_samples) / trigger.interval_s
    rate = min(answers_per_hour / _HOUR_S, useful)
    if rate <= 0:
        return _Course(alive=[(0.0, 1.0)], stride_s=trigger.interval_s, p=0.0, runs=[1.0])
    fewest = max(1, bar.typical / _FINE if trigger.method.contiguous else 1)
    interval_s = trigger.interval_s * max(1, math.ceil(fewest / (rate * trigger.interval_s)))
    breach_s = (bar.row - 1) * trigger.interval_s + math.ceil(
        trigger.hold_s / trigger.interval_s
    ) * trigger.interval_s
    rows = 1 + math.ceil(breach_s / interval_s)
    if trigger.method.contiguous:
        alive, runs = _grow(bar, rate, interval_s, rows, math.inf)
        if sum(runs) > _HARDLY:
            raise Unforeseeable("it counts too many answers")
        return _Course(alive=alive, stride_s=interval_s, p=1.0, runs=[0.0] * rows)
    window_s = bar.window_s or trigger.window_s
    alive, runs = _grow(bar, rate, interval_s, rows, window_s)
    return _Course(
        alive=alive,
        stride_s=interval_s * math.ceil(window_s / interval_s),
        p=_chance(bar, _whole(rate * window_s)),
        runs=runs,
    )


def _grow(
    bar: Bar, rate: float, interval_s: float, rows: int, window_s: float
) -> tuple[list[tuple[float, float]], list[float]]:
    """Follow the bad answers through the readings of a window that grows.

    Returns:
        Each time with the probability that the trigger has not fired by then, and at the end how likely the last 0, 1,
        ... readings were beyond the limit.
    """
    alive, work = [(0.0, 1.0)], 0
    # By how many readings in a row were beyond, the probabilities of the numbers of bad answers.
    runs: list[dict[int, float]] = [{0: 1.0}] + [{} for _ in range(rows - 1)]
    seen, time = 0, interval_s
    while time <= window_s and alive[-1][1] > _CERTAIN:
        answers = _whole(rate * time)
        arrived = _binomial(answers - seen, bar.share)
        work += len(arrived) * sum(len(spread) for spread in runs)
        if work > _MOST_WORK:
            break
        runs = _read(runs, arrived, bar.least(answers) if answers >= bar.min_samples else None)
        alive.append((time, sum(sum(spread.values()) for spread in runs)))
        seen, time = answers, time + interval_s
    return alive, [sum(spread.values()) for spread in runs]


def _read(
    runs: Sequence[Mapping[int, float]], arrived: Mapping[int, float], least: int | None
) -> list[dict[int, float]]:
    """One reading: the bad answers that arrived are added, and whoever is beyond the limit gets one further in its row.

    What gets to the end of the row has fired and is gone. Where there are too few answers to judge, a row ends.
    """
    after: list[defaultdict[int, float]] = [defaultdict(float) for _ in runs]
    for run, spread in enumerate(runs):
        for bad, mass in spread.items():
            for more, chance in arrived.items():
                place = run + 1 if least is not None and bad + more >= least else 0
                if place < len(runs) and mass * chance > _NEGLIGIBLE:
                    after[place][bad + more] += mass * chance
    return [dict(spread) for spread in after]


def _binomial(n: int, share: float) -> dict[int, float]:
    """The binomial distribution, without what is negligible.

    Outwards from the mode, by p(b + 1) / p(b) = (n - b) / (b + 1) · share / (1 - share), and made to sum up to 1.
    """
    if share >= 1:
        return {n: 1.0}
    mode, odds = int((n + 1) * share), share / (1 - share)
    chances = {mode: 1.0}
    for bad in range(mode, n):
        chances[bad + 1] = chances[bad] * (n - bad) / (bad + 1) * odds
        if chances[bad + 1] < _NEGLIGIBLE:
            break
    for bad in range(mode, 0, -1):
        chances[bad - 1] = chances[bad] * bad / (n - bad + 1) / odds
        if chances[bad - 1] < _NEGLIGIBLE:
            break
    whole = sum(chances.values())
    return {bad: chance / whole for bad, chance in chances.items()}


def _chance(bar: Bar, answers: int) -> float:
    """The probability that a reading of so many answers is beyond the limit."""
    if answers < bar.min_samples:
        return 0.0
    least = bar.least(answers)
    return min(1.0, sum(chance for bad, chance in _binomial(answers, bar.share).items() if bad >= least))


def _readings_for(row: int, p: float) -> float:
    """The mean number of independent readings until a row of ``row`` of them are beyond the limit.

    (p^-row - 1) / (1 - p); Feller, An Introduction to Probability Theory and Its Applications 1, XIII.7.
    """
    if p >= 1 or row == 0:
        return float(row)
    try:
        return (p**-row - 1) / (1 - p)
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _alive_after(readings: int, runs: Sequence[float], p: float) -> float:
    """The probability that no row has been completed after so many more independent readings."""
    before = alive = sum(runs)
    for _ in range(min(readings, _MOST_BLOCKS)):
        before, runs = alive, [alive * (1 - p), *(mass * p for mass in runs[:-1])]
        alive = sum(runs)
        if alive < _CERTAIN:
            return alive
    if readings <= _MOST_BLOCKS:
        return alive
    # By now the same part of those that are left goes each time.
    return alive * float((alive / before) ** (readings - _MOST_BLOCKS))


def _why_never(trigger: Trigger, bar: Bar, answers_per_hour: float, judged: float) -> str:
    if answers_per_hour <= 0:
        return "no answers are expected"
    if judged <= 0:
        return "of none of the answers it is told whether they are bad"
    window_s = bar.window_s or trigger.window_s
    held = _whole(answers_per_hour * judged / _HOUR_S * window_s)
    window = f"a window of {_span(window_s)} would hold {_many(held)}{' that tell' if judged < 1 else ''}"
    if held < bar.min_samples and not trigger.method.contiguous:
        return f"{window}; {bar.min_samples} are needed"
    return f"it would take longer than a year; {window}"


def _part(judged: float) -> str:
    return f", of which {judged * 100:.2g}% tell" if judged < 1 else ""


def _whole(answers: float) -> int:
    """Whole answers; a hair's breadth below a whole number is that number."""
    return int(answers + 1e-6)


def _many(answers: float) -> str:
    number = f"{answers:,.0f}" if answers >= 10 else f"{answers:.2g}"  # noqa: PLR2004 - two digits say enough
    return "1 answer" if number == "1" else f"{number} answers"


def _span(seconds: float) -> str:
    """A time in words, in the unit that suits it."""
    for unit, length, until in (("s", 1, 90), ("min", 60, 90 * 60), ("h", _HOUR_S, 48 * _HOUR_S)):
        if seconds < until:
            return f"{round(seconds / length, 1 if length == _HOUR_S else 0):g} {unit}"
    return f"{seconds / (24 * _HOUR_S):.1f} days"
