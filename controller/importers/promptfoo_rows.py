"""The single answers in a file of promptfoo, in one form for all versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from controller.importers.part import Part

_ERROR = 2
_TABLE_VERSION = 2


class Outcome(Enum):
    """How an answer fared."""

    PASSED = auto()
    FAILED = auto()
    ERRORED = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One answer. Its scores have names; None is a score that could not be given.

    ``asked`` are the names that its test wanted scored; None if it cannot be told. ``test`` is the test as a whole.
    """

    outcome: Outcome
    scores: Mapping[str, float | None]
    layer: str
    plugin: str
    asked: frozenset[str] | None
    test: Mapping[str, Any]

    def broke_before(self, name: str) -> bool:
        """Whether the test wanted this scored, or may have, and broke before it was."""
        wanted = self.asked is None or name in self.asked
        return self.outcome is Outcome.ERRORED and name not in self.scores and wanted


def cases_of(rows: Sequence[Row], *, repeated: bool) -> list[Row]:
    """The rows with all answers to one question made one: they are no independent cases.

    A question counts as passed when each of its answers did. Tests alike are one question; those without variables
    are so only where promptfoo says that it ``repeated`` them, because it can be told to leave variables out.
    """
    cases: dict[object, list[Row]] = {}
    for at, row in enumerate(rows):
        told = row.test if repeated or row.test.get("vars") else None
        cases.setdefault(at if told is None else json.dumps(told, sort_keys=True), []).append(row)
    return [_one_of(answers) for answers in cases.values()]


def _one_of(answers: Sequence[Row]) -> Row:
    outcomes = {row.outcome for row in answers}
    worst = next(each for each in (Outcome.FAILED, Outcome.ERRORED, Outcome.PASSED) if each in outcomes)
    names = dict.fromkeys(name for row in answers for name in row.scores)
    return replace(answers[0], outcome=worst, scores={name: _shared(name, answers) for name in names})


def _shared(name: str, answers: Sequence[Row]) -> float | None:
    """The mean of the scores that the answers to one question got under a name."""
    scores = [score for row in answers if (score := row.scores.get(name)) is not None]
    return sum(scores) / len(scores) if scores else None


def rows_of(results: Part, version: int, prompts: int) -> list[list[Row]]:
    """The answers to each of the prompts.

    Raises:
        BadReport: One is not as promptfoo writes it, or belongs to no prompt.
    """
    rows: list[list[Row]] = [[] for _ in range(prompts)]
    for prompt, row in (
        _of_table(results["table"]) if version == _TABLE_VERSION else _of_list(results, prompts)
    ):
        rows[prompt].append(row)
    return rows


def _of_list(results: Part, prompts: int) -> Iterator[tuple[int, Row]]:
    for answer in results["results"]:
        index = answer.get("promptIdx")
        prompt = index.count() if index else 0
        if prompt >= prompts or (index is None and prompts > 1):
            raise answer.refusal("belongs to no prompt of this file")
        yield prompt, _row(answer, "success", answer.get("testCase"))


def _of_table(table: Part) -> Iterator[tuple[int, Row]]:
    prompts = len(table.at("head", "prompts").parts())
    for line in table["body"]:
        answers = line["outputs"].parts()
        if len(answers) != prompts:
            raise line["outputs"].refusal(f"has {len(answers)} answers to {prompts} prompts")
        for prompt, answer in enumerate(answers):
            yield prompt, _row(answer, "pass", line.get("test"))


def _row(answer: Part, passed: str, test: Part | None) -> Row:
    scores = answer.get("namedScores")
    return Row(
        outcome=_outcome(answer, passed),
        scores={name: _score(score) for name, score in scores.fields().items()} if scores else {},
        layer=_marked("layer", answer, test),
        plugin=_marked("pluginId", answer, test),
        asked=_asked(test),
        test=test.value if test is not None and isinstance(test.value, dict) else {},
    )


def _score(score: Part) -> float | None:
    return None if score.value is None else score.number()


def _outcome(answer: Part, passed: str) -> Outcome:
    """Releases that do not name the reason leave out the grading of what broke."""
    if answer[passed].flag():
        return Outcome.PASSED
    reason = answer.get("failureReason")
    broke = reason.count() == _ERROR if reason else "gradingResult" not in answer
    return Outcome.ERRORED if broke else Outcome.FAILED


def _marked(mark: str, answer: Part, test: Part | None) -> str:
    """What the metadata, or else the variables, of an answer or its test say; empty if nothing."""
    for holder in (answer, test):
        for section in ("metadata", "vars"):
            marks = holder.get(section) if holder else None
            if marks is not None and isinstance(marks.value, dict) and isinstance(marks.value.get(mark), str):
                return marks[mark].text(_MARK_LENGTH)
    return ""


def _asked(test: Part | None) -> frozenset[str] | None:
    asserts = test.get("assert") if test else None
    if asserts is None:
        return None
    return frozenset(_metrics(asserts))


def _metrics(asserts: Part) -> Iterator[str]:
    for wanted in asserts:
        if "metric" in wanted:
            yield wanted["metric"].raw_text()
        if "assert" in wanted:
            yield from _metrics(wanted["assert"])


_MARK_LENGTH = 40
