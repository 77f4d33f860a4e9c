"""Ask the sources of many triggers at once, and take whatever they do for an answer."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from controller.sources import SOURCES, BadConfiguration, Question, Source
from controller.sources.access import Access
from controller.store.triggers import StoredTrigger
from controller.subjects import Subject
from triggers import Reading, Status

log = logging.getLogger(__name__)

_MANY = 500


class Asker:
    """Asks each source once for all that is to be read from it, within ``deadline_s`` seconds."""

    def __init__(self, access: Access, deadline_s: float) -> None:
        self._access = access
        self._deadline_s = deadline_s

    def ask(self, subjects: Sequence[Subject]) -> list[list[Reading]]:
        """What was read for each subject, in order: one reading for each of its questions."""
        asked = [(subject, ask, subject.why_unasked(ask)) for subject in subjects for ask in subject.asks]
        answers = iter(
            self._ask_all([(subject.stored, subject.question(ask)) for subject, ask, why in asked if not why])
        )
        following = (
            Reading.missing(Status.NO_DATA, ask.window, why) if why else next(answers)
            for _, ask, why in asked
        )
        return [list(islice(following, len(subject.asks))) for subject in subjects]

    def ask_control(self, subjects: Sequence[Subject]) -> list[Reading | None]:
        """What was read of the stable release beside each candidate, in order; None if nothing can be asked."""
        asked = [(subject.stored, subject.control()) for subject in subjects]
        answers = iter(self._ask_all([(stored, question) for stored, question in asked if question]))
        return [next(answers) if question else None for _, question in asked]

    def _ask_all(self, asked: Sequence[tuple[StoredTrigger, Question]]) -> list[Reading]:
        """What the sources answer, in order; each is asked once."""
        by_source: defaultdict[int, list[int]] = defaultdict(list)
        for number, (stored, _) in enumerate(asked):
            by_source[stored.source_id].append(number)
        readings: dict[int, Reading] = {}
        for numbers in by_source.values():
            questions = [asked[number][1] for number in numbers]
            readings |= zip(numbers, self._ask(asked[numbers[0]][0], questions), strict=True)
        return [readings[number] for number in range(len(asked))]

    def _ask(self, stored: StoredTrigger, questions: Sequence[Question]) -> list[Reading]:
        if stored.source_kind not in SOURCES:
            return _useless(questions, f"{stored.source_kind!r} is not a kind of source")
        try:
            source = SOURCES[stored.source_kind].from_settings(stored.source_settings, self._access)
        except BadConfiguration as error:
            return _useless(questions, str(error))
        return _answers(source, stored.source_key, questions, time.monotonic() + self._deadline_s)


def most_at_once(kind: str) -> int:
    """How many triggers on a kind of source are worth evaluating together; any number if it cannot be asked at all."""
    return SOURCES[kind].at_once if kind in SOURCES else _MANY


def _answers(source: Source, key: str, questions: Sequence[Question], until: float) -> list[Reading]:
    try:
        return source.read_many(questions, max(0.0, until - time.monotonic()))
    except Exception as error:
        # A source promises not to raise. One that does must not be able to stop its triggers for good, and what it
        # stumbles over may be one question out of many.
        log.exception("the source %s failed", key)
        if len(questions) == 1:
            message = f"the source failed: {type(error).__name__}"
            return [Reading.missing(Status.ERROR, questions[0].window, message)]
    return [reading for question in questions for reading in _answers(source, key, [question], until)]


def _useless(questions: Sequence[Question], why: str) -> list[Reading]:
    message = f"the source cannot be used: {why}"
    return [Reading.missing(Status.ERROR, question.window, message) for question in questions]
