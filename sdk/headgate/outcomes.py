"""Telling Headgate what became of the answers: queued, sent in batches, sent again until they arrive."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final, TypedDict

from headgate.amounts import amount
from headgate.backoff import Backoff
from headgate.decision import Decision
from headgate.polling import REFUSALS
from headgate.transport import Response, Transport, TransportError

log = logging.getLogger("headgate")

OUTCOMES_PATH: Final = "/sdk/v1/outcomes"
MAX_BATCH: Final = 500
MAX_QUEUED: Final = 10_000
FLUSH_INTERVAL_S: Final = 1.0
_MOST_COUNTED: Final = 2**31 - 1
_MOST_SPENT: Final = 1e15
_LONGEST_TASK: Final = 63  # characters
_UNACCEPTABLE: Final = (400, 413, 422)
_REVIEWS: Final = ("accepted", "rejected")
_HALF: Final = re.compile("[\ud800-\udfff]")
_PLACE: Final = re.compile(r"outcomes\.(\d{1,4})(?:\.(\w+))?")
"""How the server calls a field of a batch, as ``outcomes.3.task``."""


def _count(value: Any) -> int | None:
    number = amount(value)
    return None if number is None or number > _MOST_COUNTED else round(number)


def _spent(value: Any) -> float | None:
    number = amount(value)
    return None if number is None or number > _MOST_SPENT else number


def _judgement(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _review(value: Any) -> str | None:
    return value if value in _REVIEWS else None


def _text(value: Any) -> str | None:
    # Half of a surrogate pair, which a text that was cut may end with, can not be sent.
    is_sendable = isinstance(value, str) and len(value) <= _LONGEST_TASK and not _HALF.search(value)
    return value if is_sendable else None


class Said(TypedDict, total=False):
    """What may be said about an answer. What is left out, or None, is not judged and never counts as good.

    ``review`` is "accepted" or "rejected". ``task`` has 63 characters at most; numbers of milliseconds and tokens
    are below 2**31.
    """

    task: str | None
    latency_ms: float | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    grounded: bool | None
    citations_valid: bool | None
    sensitive_data: bool | None
    review: str | None
    abandoned: bool | None
    escalated: bool | None
    error: bool | None


FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "task": _text,
    "latency_ms": _count,
    "cost_usd": _spent,
    "input_tokens": _count,
    "output_tokens": _count,
    "grounded": _judgement,
    "citations_valid": _judgement,
    "sensitive_data": _judgement,
    "review": _review,
    "abandoned": _judgement,
    "escalated": _judgement,
    "error": _judgement,
}
"""How what is said is checked. What is not of the right kind counts as not judged."""


def make_outcome(decision: Decision, said: Mapping[str, Any], at: float) -> dict[str, Any]:
    """Return one outcome as it is sent. ``at``: seconds since the epoch. Raises TypeError for no Decision."""
    if not isinstance(decision, Decision):
        raise TypeError("Outcomes are reported for a Decision.")
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"
    return {
        "id": uuid.uuid4().hex,
        "feature": decision.feature,
        "release": decision.release,
        "at": moment,
        "mode": decision.mode,
        **{name: accept(said.get(name)) for name, accept in FIELDS.items()},
    }


class OutcomeQueue:
    """A bounded queue and the daemon thread that empties it. The thread starts with the first outcome."""

    def __init__(
        self,
        transport: Transport,
        *,
        capacity: int = MAX_QUEUED,
        interval_s: float = FLUSH_INTERVAL_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``capacity`` is the number of outcomes kept; when it is reached the oldest go first."""
        self._transport = transport
        self._capacity = capacity
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._backoff = Backoff(interval_s)
        self._batch_size = MAX_BATCH
        self._dropped = 0
        self._left_alone_until = float("-inf")
        self._trouble: str | None = None
        self._stopped = False
        self.renew()

    def renew(self) -> None:
        """Begin empty and without a thread: after a fork what is queued is the parent's to send."""
        self._transport.renew()
        self._changed = threading.Condition()
        self._waiting: deque[dict[str, Any]] = deque()
        self._sending: list[dict[str, Any]] = []
        self._hurry = False
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many outcomes were given up: no room, not acceptable to the server, or left at close."""
        return self._dropped

    def put(self, outcome: dict[str, Any]) -> None:
        """Queue one outcome. Never waits for the network."""
        with self._changed:
            if self._stopped:
                self._dropped += 1
                return
            self._waiting.append(outcome)
            if len(self._waiting) + len(self._sending) > self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            self._ensure_thread()

    def refuse(self) -> None:
        """Count an outcome that could not even be queued."""
        with self._changed:
            self._dropped += 1

    def flush(self, timeout_s: float) -> bool:
        """Send now; return whether the queue was emptied within ``timeout_s``.

        Where Headgate asked to be left alone for longer than that, there is nothing to wait for.
        """
        with self._changed:
            if self._left_alone_until - self._monotonic() > timeout_s:
                return self._is_empty()
            self._hurry = True
            self._changed.notify_all()
            if not self._is_empty():
                self._ensure_thread()
            return self._changed.wait_for(self._is_empty, timeout_s if self._thread else 0.0)

    def close(self, timeout_s: float) -> None:
        """Send what is queued within ``timeout_s``, then stop; what is left counts as dropped."""
        deadline = self._monotonic() + timeout_s
        if not self.flush(timeout_s) and self._thread is None:
            # At the very end of a process no thread can be started: then whoever closes sends.
            while not self._is_empty() and self._monotonic() < deadline and self.send_next() == 0:
                pass
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - self._monotonic()))
        self._give_up()

    def _give_up(self) -> None:
        with self._changed:
            self._dropped += len(self._waiting) + len(self._sending)
            self._waiting.clear()
            self._sending = []

    def _is_empty(self) -> bool:
        return not self._waiting and not self._sending

    def _ensure_thread(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="headgate-outcomes", daemon=True)
            # Where there can be no more threads, what is queued waits for the next one to try.
            with contextlib.suppress(RuntimeError):
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        wait_s = self._interval_s
        while self._pause(wait_s):
            wait_s = self.send_next()

    def _pause(self, wait_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._may_hurry(), wait_s)
            self._hurry = False
            return not self._stopped

    def _may_hurry(self) -> bool:
        return self._hurry and self._monotonic() >= self._left_alone_until

    def send_next(self) -> float:
        """Send one batch, the same one again if it did not arrive, and return how many seconds to wait."""
        batch = self._take()
        if not batch:
            return self._interval_s
        try:
            answer = self._transport.post(OUTCOMES_PATH, {"outcomes": batch})
        except TransportError as problem:
            return self._try_again(str(problem), refused=problem.lasting)
        except Exception as problem:  # The thread must outlive anything, such as what JSON cannot say.
            return self._divide(batch, type(problem).__name__)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return self._settle()
        if answer.status in _UNACCEPTABLE:
            return self._refused(batch, answer)
        refused = answer.status in REFUSALS
        return self._try_again(f"status {answer.status}", answer.retry_after_s, refused=refused)

    def _take(self) -> list[dict[str, Any]]:
        with self._changed:
            while self._waiting and len(self._sending) < self._batch_size:
                self._sending.append(self._waiting.popleft())
            return list(self._sending)

    def _settle(self) -> float:
        with self._changed:
            self._sending = []
            self._batch_size = min(self._batch_size * 2, MAX_BATCH)
            self._changed.notify_all()
            more = bool(self._waiting)
        after = self._backoff.after_success()
        return 0.0 if more else after

    def _refused(self, batch: list[dict[str, Any]], answer: Response) -> float:
        """Leave out what the server names as wrong, all at once, and send the others again."""
        wrong = _wrong_fields(answer.body)
        checked = [_without(outcome, wrong.get(place, ())) for place, outcome in enumerate(batch)]
        if checked == batch:
            return self._divide(batch, f"status {answer.status}")
        self._complain(_reason(answer.body))
        with self._changed:
            self._sending = [outcome for outcome in checked if outcome is not None]
            self._dropped += len(batch) - len(self._sending)
            self._changed.notify_all()
        return 0.0

    def _divide(self, batch: list[dict[str, Any]], why: str) -> float:
        """Find the outcome that cannot be sent by sending smaller batches; give up only that one.

        After one that follows another there is a wait which doubles: it may be that the server takes none at all.
        """
        with self._changed:
            self._changed.notify_all()
            if len(batch) > 1:
                self._batch_size = len(batch) // 2
                self._waiting.extendleft(reversed(batch[self._batch_size :]))
                self._sending = batch[: self._batch_size]
                return 0.0
            self._dropped += 1
            self._sending = []
        self._complain(why)
        was_failing = self._backoff.is_failing
        wait_s = self._backoff.after_failure()
        return wait_s if was_failing else 0.0

    def _complain(self, trouble: str) -> None:
        # Said once for each kind of trouble: what is wrong with one outcome is wrong with thousands.
        if trouble != self._trouble:
            log.warning("Headgate does not take all that is reported (%s); it is left out.", trouble[:200])
        self._trouble = trouble

    def _try_again(self, trouble: str, retry_after_s: float | None = None, *, refused: bool = False) -> float:
        log.info("Outcomes were not delivered (%s); they are sent again.", trouble)
        wait_s = self._backoff.after_failure(refused=refused, retry_after_s=retry_after_s)
        if retry_after_s:
            self._left_alone_until = self._monotonic() + wait_s
        return wait_s


def _errors(body: bytes) -> list[tuple[str, str]]:
    """Return the fields that an answer names as wrong, each with what is wrong; none where it is no such answer."""
    try:
        return [(str(error["field"]), str(error["message"])) for error in json.loads(body)["errors"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _wrong_fields(body: bytes) -> dict[int, set[str]]:
    """Return what is wrong in a batch: names of fields by the place of their outcome; "" is all of it."""
    wrong: dict[int, set[str]] = {}
    for field, _ in _errors(body):
        named = _PLACE.fullmatch(field)
        if named is not None:
            wrong.setdefault(int(named[1]), set()).add(named[2] or "")
    return wrong


def _reason(body: bytes) -> str:
    field, message = next((named for named in _errors(body) if _PLACE.fullmatch(named[0])), ("", ""))
    return f"{field.rpartition('.')[2]}: {message}"


def _without(outcome: dict[str, Any], wrong: Collection[str]) -> dict[str, Any] | None:
    """Return an outcome without what was said wrongly; that is not judged then. None: it is of no use without."""
    if any(outcome.get(name) is None or name not in FIELDS for name in wrong):
        return None
    return {**outcome, **dict.fromkeys(wrong)}
