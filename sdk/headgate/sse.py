"""Server-sent events, taken out of the bytes of a stream (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MAX_EVENT: Final = 32 * 1024 * 1024
"""How many bytes one event may have."""

_LINE: Final = 64
"""As how many bytes more each of its lines counts, since none is free to keep."""


class StreamError(ValueError):
    """What arrives is no stream of events; the message says why."""


class Event(NamedTuple):
    """One event. A comment, which servers send as a heartbeat, has the kind "", and its text as data."""

    kind: str
    id: str | None
    data: bytes


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in ``pieces``; one cut off at the end is left out. Raises StreamError.

    A comment comes after the events of its piece: a server that greets with a heartbeat and then says what was
    missed must not seem to have said first that nothing was.
    """
    lines, begun = _Lines(), _Begun()
    comment: bytes | None = None
    for piece in pieces:
        for line in lines.of(piece):
            if not line:
                if begun.data:
                    yield Event(begun.kind, begun.id, b"\n".join(begun.data))
                begun = _Begun()
            elif line.startswith(b":"):
                comment = line[1:].strip()
            else:
                begun.take(line)
        if comment is not None:
            yield Event("", None, comment)
            comment = None


class _Begun:
    """An event of which not all has arrived."""

    def __init__(self) -> None:
        self.kind = "message"
        self.id: str | None = None
        self.data: list[bytes] = []
        self._size = 0

    def take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self.data.append(value)
            self._size += len(value) + _LINE
            if self._size > MAX_EVENT + _LINE:
                raise StreamError("an event is too big")
        elif name == b"event":
            self.kind = value.decode(errors="replace")
        elif name == b"id":
            self.id = value.decode(errors="replace")


class _Lines:
    """Puts lines together from pieces."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._size = 0

    def of(self, piece: bytes) -> Iterator[bytes]:
        first, *rest = piece.split(b"\n")
        self._add(first)
        for part in rest:
            yield b"".join(self._begun).removesuffix(b"\r")
            self._begun, self._size = [], 0
            self._add(part)

    def _add(self, part: bytes) -> None:
        self._begun.append(part)
        self._size += len(part)
        if self._size > MAX_EVENT:
            raise StreamError("an event is too big")
