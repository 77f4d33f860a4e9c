"""Server-sent events, taken out of the bytes of a stream (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MAX_EVENT: Final = 32 * 1024 * 1024
"""How many bytes one event may have."""


class StreamError(ValueError):
    """What arrives is no stream of events; the message says why."""


class Event(NamedTuple):
    """One event. A comment, which servers send as a heartbeat, has the kind "" and no data."""

    kind: str
    id: str | None
    data: bytes


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in ``pieces``; one cut off at the end is left out. Raises StreamError."""
    kind, id_, data = "message", None, list[bytes]()
    for line in _lines(pieces):
        if not line:
            if data:
                yield Event(kind, id_, b"\n".join(data))
            kind, id_, data = "message", None, []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            yield Event("", None, b"")
        elif name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode(errors="replace")
        elif name == b"id":
            id_ = value.decode(errors="replace")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []
    size = 0
    for piece in pieces:
        first, *rest = piece.split(b"\n")
        begun.append(first)
        size += len(first)
        for part in rest:
            yield b"".join(begun).removesuffix(b"\r")
            begun, size = [part], len(part)
        if size > MAX_EVENT:
            raise StreamError("an event is too big")
