"""Being told of changes as they happen: one connection that stays open.

The server sends the whole document (``put``) or the flags that changed (``patch``), and a comment as a
heartbeat in between. A stream that is silent is dead. The server ends every stream after a while, which is no
failure; whatever ends it, the client comes back after a time that chance spreads.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Final

from headgate.backoff import Backoff, draw
from headgate.current import BadAnswerError, Current
from headgate.polling import fetch, refusal
from headgate.sse import Event, StreamError, events
from headgate.transport import Stream, Transport, TransportError
from headgate.worker import Worker

log = logging.getLogger("headgate")

STREAM_PATH: Final = "/sdk/v1/stream"
FIRST_S: Final = 1.0
MOST_S: Final = 30.0
HEALTHY_S: Final = 60.0
"""How long a stream has to live until its end counts as the first trouble."""

SILENCE_S: Final = 45.0
"""Three heartbeats: a stream from which nothing comes for so long is dead."""

SLOWEST_S: Final = 180.0
"""A stream that drips, but has brought nothing whole for so long, is dead as well."""

_LONGEST_AGE: Final = 9  # digits
_SPREAD: Final = 0.8
_MAX_REFETCHES: Final = 5


class Streamer:
    """Follows the stream in a thread of its own, and comes back to it for as long as the client lives."""

    def __init__(
        self,
        transport: Transport,
        current: Current,
        *,
        tell: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = draw,
    ) -> None:
        """``tell`` is called whenever ``is_live`` has changed. ``monotonic`` and ``draw`` are for tests."""
        self._transport = transport
        self._current = current
        self._tell = tell
        self._monotonic = monotonic
        self._backoff = Backoff(FIRST_S, draw, most_s=MOST_S, spread=_SPREAD)
        self._stream: Stream | None = None
        self._trouble: str | None = None
        self._refetches = 0
        self._heard = 0.0
        self._is_in_step = False
        self._was_live = False
        self.is_live: bool | None = None
        """Whether a stream brings the flags; None before the first attempt has come to something."""
        self.worker = Worker("stream", self.turn)

    def renew(self) -> None:
        """After a fork: begin as a new client does."""
        self._transport.renew()
        self.worker.renew()
        self._stream = None
        self.is_live = None

    def interrupt(self) -> None:
        """Let ``turn`` end soon; for another thread."""
        stream = self._stream
        if stream is not None:
            stream.interrupt()

    def turn(self) -> float:
        """Follow one stream to its end and return how many seconds to wait before the next."""
        started, refused, retry_after_s = self._monotonic(), False, None
        self._was_live = False
        try:
            self._follow()
            trouble = "the stream ended"
        except TransportError as problem:
            trouble, refused = f"no stream ({problem})", problem.lasting
        except StreamError as problem:
            trouble = str(problem)
        except BadAnswerError as problem:
            trouble, refused, retry_after_s = str(problem), problem.refused, problem.retry_after_s
        finally:
            # Whatever it was that ended it, the poller has to know.
            self._set_live(is_live=False)
        self._complain(trouble)
        if self._monotonic() - started >= HEALTHY_S:
            self._backoff.reset()
        return self._backoff.after_failure(refused=refused, retry_after_s=retry_after_s)

    def _follow(self) -> None:
        resume_after = self._current.etag
        # Whoever says where it stands is told what it missed; anybody else has to wait for the document.
        self._is_in_step = resume_after is not None
        stream = self._transport.stream(STREAM_PATH, resume_after, SILENCE_S)
        self._stream = stream
        try:
            if stream.status != HTTPStatus.OK:
                raise refusal(stream.status, stream.retry_after_s)
            if not stream.headers.get("content-type", "").startswith("text/event-stream"):
                raise BadAnswerError("something else than a stream of events", refused=True)
            self._refetches = 0
            for event in events(self._lively(stream.pieces())):
                self._heard = self._monotonic()
                if self.worker.stopped:
                    return
                self._take(event)
                if self._is_in_step:
                    self._set_live(is_live=True)
        finally:
            self._stream = None
            stream.close()

    def _lively(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        self._heard = self._monotonic()
        for piece in pieces:
            yield piece
            if self._monotonic() - self._heard > SLOWEST_S:
                raise StreamError("nothing whole has come for too long")

    def _take(self, event: Event) -> None:
        if event.kind == "put":
            self._current.replace(event.data, event.id, self._monotonic())
            self._is_in_step = True
        elif event.kind == "patch":
            self._patch(event)
        elif self._is_in_step:
            self._current.renew(self._monotonic() - _age_s(event.data))

    def _patch(self, event: Event) -> None:
        if event.id is not None and event.id == self._current.etag:
            return  # It came by another way already.
        if not self._current.patch(_json(event.data), event.id):
            self._refetches += 1
            if self._refetches > _MAX_REFETCHES:
                raise BadAnswerError("patches that do not fit")
            fetch(self._transport, self._current, self._monotonic)

    def _set_live(self, *, is_live: bool) -> None:
        if is_live and self._trouble is not None:
            log.info("Headgate streams changes again.")
            self._trouble = None
        self._was_live |= is_live
        if self.is_live is not is_live:
            self.is_live = is_live
            self._tell()

    def _complain(self, trouble: str) -> None:
        # Said once for each kind of trouble. That a stream ends, and another begins, is nothing to talk about.
        if trouble != self._trouble and not self._was_live:
            log.info("Headgate does not stream changes: %s. They are asked for instead.", trouble[:200])
        self._trouble = trouble


def _age_s(heartbeat: bytes) -> float:
    """Return how old the server's own knowledge is, which it says when it has lost its database."""
    _, _, age = heartbeat.partition(b"age=")
    return float(age) if age.isdigit() and len(age) <= _LONGEST_AGE else 0.0


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise BadAnswerError(f"no patch ({type(problem).__name__})") from problem
