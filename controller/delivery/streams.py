"""Open streams: who is connected, what each still has to be sent, and who has to go."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from controller.delivery.doorkeeper import Visitor, come_back
from controller.delivery.exchange import HARDENED, NO_STORE, Exchange, Refused
from controller.delivery.memory import Memory
from controller.delivery.served import Served
from controller.errors import Problem
from controller.observability import STREAMS, STREAMS_ENDED

HEARTBEAT = b": heartbeat\n\n"
_MOST_WAITING = 16
"""A reader for whom so many events wait is too slow, and is let go."""
_AGE_SPREAD = 0.2

Catch = Callable[[Served, str], list[bytes]]
"""The events that bring somebody who was told of a tag up to date."""


def with_document(served: Served, etag: str) -> list[bytes]:
    """For SDKs: patches, or the document."""
    return served.since(etag)


def with_notice(served: Served, etag: str) -> list[bytes]:
    """For OFREP clients: word that there is something new."""
    return [] if etag == served.etag else [served.notice]


class Stream:
    """One client that is connected."""

    __slots__ = ("catch", "door", "ended", "etag", "exchange", "task", "visitor", "waiting", "wake")

    def __init__(self, exchange: Exchange, visitor: Visitor, door: str, catch: Catch, etag: str) -> None:
        """``etag``: what the client has already."""
        self.exchange = exchange
        self.visitor = visitor
        self.door = door
        self.catch = catch
        self.etag = etag
        self.waiting: list[bytes] = []
        self.wake = asyncio.Event()
        self.ended = ""
        self.task = asyncio.current_task()

    def give(self, *events: bytes) -> None:
        """Let something be sent."""
        self.waiting.extend(events)
        self.wake.set()

    def take(self) -> bytes:
        """What is to be sent now."""
        waiting, self.waiting = self.waiting, []
        return waiting[0] if len(waiting) == 1 else b"".join(waiting)

    def end(self, reason: str) -> None:
        """Let the stream end, after what waits has been sent."""
        self.ended = self.ended or reason
        self.wake.set()

    def break_off(self, reason: str) -> None:
        """End the stream although its client does not take what is sent."""
        if not self.ended and self.task is not None:
            self.ended = reason
            self.exchange.abort()
            self.task.cancel()

    def beat(self, heartbeat: bytes) -> None:
        """Show that the connection lives, unless something is being sent anyway."""
        if not self.waiting:
            self.give(heartbeat)


class Streams:
    """All streams of this process. Everything here happens on the event loop."""

    def __init__(
        self, memory: Memory, *, most: int, most_per_key: int, heartbeat_s: float, max_age_s: float
    ) -> None:
        self._memory = memory
        self._most = most
        self._most_per_key = most_per_key
        self._heartbeat_s = heartbeat_s
        self._max_age_s = max_age_s
        self._open: set[Stream] = set()
        self._by_key: Counter[str] = Counter()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._open)

    async def run(self, stream: Stream, served: Served) -> None:
        """Serve a stream until it ends.

        Raises:
            Refused: There are too many.
        """
        self._admit(stream.visitor)
        self._open.add(stream)
        STREAMS.labels(stream.door).inc()
        timers = self._timers(stream)
        leaving = asyncio.ensure_future(_leave(stream))
        try:
            retry_ms = random.randint(1000, 3000)  # noqa: S311 - spread, not secrecy
            stream.give(b"retry: %d\n\n" % retry_ms)
            self._bring_up_to_date(stream, served)
            # It tells whoever has everything already that the stream is open.
            stream.give(self._heartbeat())
            await _send(stream)
        except asyncio.CancelledError:
            if not stream.ended:
                raise
            stream.exchange.abort()
        finally:
            leaving.cancel()
            for timer in timers:
                timer.cancel()
            self._forget(stream)

    def catch_up(self) -> None:
        """Send everybody what is new, and let go whose key was revoked."""
        for stream in list(self._open):
            if self._memory.lives(stream.visitor.lock.id) is None:
                stream.break_off("revoked")
                continue
            served = self._memory.served(stream.visitor.environment_id)
            if served is not None:
                self._bring_up_to_date(stream, served)

    def close(self) -> None:
        """End all streams and admit no more: the process stops."""
        self._is_closing = True
        for stream in self._open:
            stream.end("stopping")

    def _admit(self, visitor: Visitor) -> None:
        if self._is_closing:
            raise _full("this process is stopping")
        if len(self._open) >= self._most:
            raise _full(f"there are {self._most} streams already")
        if self._by_key[visitor.lock.id] >= self._most_per_key:
            raise _full(f"this key has {self._most_per_key} streams already")
        self._by_key[visitor.lock.id] += 1

    def _forget(self, stream: Stream) -> None:
        self._open.discard(stream)
        self._by_key[stream.visitor.lock.id] -= 1
        if not self._by_key[stream.visitor.lock.id]:
            del self._by_key[stream.visitor.lock.id]
        STREAMS.labels(stream.door).dec()
        STREAMS_ENDED.labels(stream.ended or "left").inc()

    def _bring_up_to_date(self, stream: Stream, served: Served) -> None:
        if stream.etag == served.etag:
            return
        events = stream.catch(served, stream.etag)
        stream.etag = served.etag
        if len(stream.waiting) + len(events) > _MOST_WAITING and stream.waiting:
            stream.break_off("slow")
        else:
            stream.give(*events)

    def _heartbeat(self) -> bytes:
        """That the connection lives does not make flags younger that nobody has confirmed."""
        age_s = self._memory.told_age_s
        return b": heartbeat age=%d\n\n" % age_s if age_s else HEARTBEAT

    def _timers(self, stream: Stream) -> list[asyncio.TimerHandle]:
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = []

        def beat() -> None:
            stream.beat(self._heartbeat())
            timers[0] = loop.call_later(self._heartbeat_s, beat)

        spread = random.uniform(1 - _AGE_SPREAD, 1 + _AGE_SPREAD)  # noqa: S311 - spread, not secrecy
        timers.append(loop.call_later(self._heartbeat_s, beat))
        timers.append(loop.call_later(self._max_age_s * spread, stream.end, "age"))
        return timers


async def _send(stream: Stream) -> None:
    exchange = stream.exchange
    headers = [(b"content-type", b"text/event-stream"), NO_STORE, (b"x-accel-buffering", b"no"), *HARDENED]
    exchange.status = 200
    await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
    if exchange.method == "HEAD":
        await exchange.send({"type": "http.response.body", "body": b""})
        return
    while True:
        if stream.waiting:
            # Nothing here holds on to what was sent: a stream waits for hours, and documents are large.
            await exchange.send({"type": "http.response.body", "body": stream.take(), "more_body": True})
        elif stream.ended:
            break
        else:
            stream.wake.clear()
            await stream.wake.wait()
    if stream.ended != _LEFT:
        await exchange.send({"type": "http.response.body", "body": b""})


_LEFT = "left"


async def _leave(stream: Stream) -> None:
    """Notice that the client goes away."""
    while (await stream.exchange.receive())["type"] != "http.disconnect":
        pass
    stream.waiting.clear()
    stream.break_off(_LEFT)


def _full(detail: str) -> Refused:
    problem = Problem("stream", detail, "poll meanwhile, and try again after Retry-After")
    return Refused(503, "too_many_streams", detail, problem, headers=[come_back()])
