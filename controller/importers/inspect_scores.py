"""The results of an Inspect log: what its scorers found, checked against the scores of the cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.importers.limits import MAX_METRICS
from controller.importers.measures import mean, mean_of, pass_rate
from controller.importers.part import Part
from controller.importers.wording import clean
from stages import Metric

_ACCURACY, _MEAN = "accuracy", "mean"
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's own: correct, partly, incorrect, no answer."""
_SAME = 1e-6
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Run:
    """How many samples were wanted and completed; each case was asked as often as there were epochs."""

    total: Part
    completed: Part
    epochs: int

    def __post_init__(self) -> None:
        """Raise BadReport for numbers that contradict each other."""
        total = self.total.count()
        if self.completed.count() > total:
            raise self.completed.refusal(f"is more than the {total} samples there were")
        if not self.epochs or total % self.epochs:
            raise self.total.refusal(f"is not a whole number of cases in {self.epochs} epochs")

    @property
    def asked(self) -> int:
        """How many cases were asked."""
        return self.total.count() // self.epochs

    @property
    def broken(self) -> int:
        """How many samples did not come to an end."""
        return self.total.count() - self.completed.count()


Reduction = tuple[str, str]
"""A scorer, and how it made one score of the epochs' scores."""


@dataclass(frozen=True, slots=True)
class Cases:
    """The scores of the cases, one each, after the epochs were reduced."""

    values: Mapping[Reduction, Sequence[Any]]

    @classmethod
    def of(cls, reductions: Part | None) -> Cases:
        """Read the reductions of a log; a log may have none."""
        entries = reductions.parts() if reductions else []
        return cls({_reduction(entry): _given(entry["samples"]) for entry in entries})

    def scores(self, score: Part) -> list[float] | None:
        """The judged cases' scores behind an entry of the results; None where the log does not tell."""
        values = self.values.get(_reduction(score))
        name, scorer = score["name"].raw_text(), score["scorer"].raw_text()
        if values is None or not all(_names(value, name, scorer) for value in values):
            return None
        picked = [value[name] if isinstance(value, dict) else value for value in values]
        grades = [_grade(value) for value in picked if value is not None]
        return None if None in grades else [grade for grade in grades if grade is not None]


def _given(samples: Part) -> list[Any]:
    """The values of the samples that have one; null was NaN, Inspect's sign for unscored."""
    values = (sample.fields().get("value") for sample in samples)
    return [value.value for value in values if value is not None and value.value is not None]


def _names(value: Any, name: str, scorer: str) -> bool:
    """Whether a score is of this name: one of several of a scorer, or its only one, which is named as it is."""
    return name in value if isinstance(value, dict) else name == scorer


def _reduction(entry: Part) -> Reduction:
    reducer = entry.get("reducer")
    return entry["scorer"].raw_text(), reducer.raw_text() if reducer else ""


def _grade(value: Any) -> float | None:
    if isinstance(value, str):
        return _GRADES.get(value)
    return float(value) if isinstance(value, int | float) else None


def metrics_of(results: Part, run: Run, cases: Cases) -> tuple[list[Metric], list[str]]:
    """The metrics in the results of a log, and notes about those that were left out.

    Raises:
        BadReport: A number is missing, or contradicts another.
    """
    metrics: list[Metric] = []
    left_out: list[str] = []
    entries = results["scores"].parts()
    if len(entries) > MAX_METRICS:
        raise results["scores"].refusal(f"has more than {MAX_METRICS} entries", "hand in a smaller run")
    _refuse_repeated(entries)
    for score in entries:
        judged = _Judged.of(score, run, cases)
        for key, entry in score["metrics"].fields().items():
            name = _name(score, key)
            metric = judged.metric(name, key, entry) if judged else None
            metrics.extend([metric] if metric else [])
            left_out.extend([] if metric else [name])
    return metrics, _notes(left_out, run)


def _refuse_repeated(entries: Sequence[Part]) -> None:
    seen = set()
    for score in entries:
        named = (*_reduction(score), score["name"].raw_text())
        if named in seen:
            raise score.refusal("has the scorer, name and reducer of an earlier entry")
        seen.add(named)


def _notes(left_out: Sequence[str], run: Run) -> list[str]:
    notes = ["arguments and settings were left out"]
    if run.epochs > 1:
        notes.append(f"every case was asked {run.epochs} times and counts once")
    if left_out:
        names = ", ".join(left_out[:_NAMED]) + (", …" if len(left_out) > _NAMED else "")
        notes.append(clean(f"{names} had to be left out: no accuracy or mean of scores from 0 to 1", 500))
    return notes


def _name(score: Part, key: str) -> str:
    """Scorer, part of the score, metric and reducer, as far as they differ."""
    reducer = score.get("reducer")
    steps = [score["scorer"].text(), score["name"].text(), clean(key), reducer.text() if reducer else ""]
    return "/".join(dict.fromkeys(filter(None, steps)))


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one scorer judged: how many of the cases, and their scores where the log tells them."""

    scored: int
    errored: int
    unscored: int
    scores: Sequence[float] | None

    @classmethod
    def of(cls, score: Part, run: Run, cases: Cases) -> _Judged | None:
        """None if the scores cannot be told to be one for each case: the epochs were not reduced to one."""
        scores = cases.scores(score)
        if scores is None and run.epochs > 1:
            return None
        scored = _scored(score, scores)
        missing = run.asked - scored
        if missing < score.count_of("unscored_samples"):
            raise score.refusal(f"scored more than the {run.asked} cases there were")
        errored = min(missing, run.broken)
        return cls(scored, errored, missing - errored, scores)

    def metric(self, name: str, key: str, entry: Part) -> Metric | None:
        """An accuracy or a mean; None for what is neither, or not on a scale from 0 to 1."""
        told = entry.get("value")
        value = told.number() if told else None
        within = all(0.0 <= score <= 1.0 for score in (*(self.scores or ()), value or 0.0))
        if key not in (_ACCURACY, _MEAN) or not within:
            return None
        if self.scores is None:
            return self._from_value(name, entry, value) if key == _ACCURACY else None
        return self._from_scores(name, key, entry, value)

    def _from_scores(self, name: str, key: str, entry: Part, value: float | None) -> Metric:
        scores = self.scores or ()
        if value is not None and scores and abs(value - math.fsum(scores) / len(scores)) > _SAME:
            raise entry["value"].refusal("is not what the reductions show")
        if key == _ACCURACY and set(scores) <= {0.0, 1.0}:
            return self._pass_rate(name, entry, scores.count(1.0))
        return mean_of(name, entry.place, scores, errored=self.errored, unscored=self.unscored)

    def _from_value(self, name: str, entry: Part, value: float | None) -> Metric:
        """An accuracy whose cases are not told: a share, where it makes whole cases."""
        if self.scored and value is None:
            raise entry["value"].refusal("is missing")
        passed = (value or 0.0) * self.scored
        if abs(passed - round(passed)) < _SAME * max(1, self.scored):
            return self._pass_rate(name, entry, round(passed))
        n = self.scored + self.errored + self.unscored
        return mean(name, entry.place, value=value, n=n, errored=self.errored, unscored=self.unscored)

    def _pass_rate(self, name: str, entry: Part, passed: int) -> Metric:
        return pass_rate(
            name,
            entry.place,
            passed=passed,
            failed=self.scored - passed,
            errored=self.errored,
            unscored=self.unscored,
        )


def _scored(score: Part, scores: Sequence[float] | None) -> int:
    told = score.get("scored_samples")
    if told is None and scores is not None:
        return len(scores)
    scored = score["scored_samples"].count()
    if scores is not None and len(scores) != scored:
        raise score["scored_samples"].refusal(f"is not the {len(scores)} that the reductions show")
    return scored
