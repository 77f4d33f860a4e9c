"""Drafts that wait for a person, and the stand-in for that person."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass

from examples.support_assistant.outcome import Draft, Verdict

Reviewer = Callable[[Draft], Verdict]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A draft and what the reviewer said of it."""

    draft: Draft
    verdict: Verdict


def careful_reviewer(draft: Draft) -> Verdict:
    """Accept a draft if and only if it passes the checks, as a colleague with the documents at hand would."""
    return "accepted" if draft.judgement.passed else "rejected"


class ReviewQueue:
    """A bounded first-in-first-out queue of drafts; safe to use from several threads."""

    def __init__(self, capacity: int = 500, reviewer: Reviewer = careful_reviewer) -> None:
        """Hold at most `capacity` drafts for this reviewer."""
        self._waiting: queue.Queue[Draft] = queue.Queue(maxsize=capacity)
        self._reviewer = reviewer

    def __len__(self) -> int:
        """How many drafts wait."""
        return self._waiting.qsize()

    def put(self, draft: Draft) -> bool:
        """Add a draft; False when the queue is full and the draft was not taken."""
        try:
            self._waiting.put_nowait(draft)
        except queue.Full:
            return False
        return True

    def review_next(self) -> Reviewed | None:
        """Let the reviewer read the oldest draft; None when none waits."""
        try:
            draft = self._waiting.get_nowait()
        except queue.Empty:
            return None
        return Reviewed(draft, self._reviewer(draft))
