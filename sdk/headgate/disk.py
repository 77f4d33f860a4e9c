"""The last known good flags on disk, so that a process can start while Headgate is out of reach.

One file for each address and key: a line that describes it, with a checksum, and the document. It is written
beside its place and moved there whole, and never used when it is damaged. The file's time says when Headgate
last confirmed what is in it; the lease of the flags goes on from there, and an old file has no other end.
Processes may share a file: what was confirmed last stays.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from headgate.current import Current
from headgate.evaluator import Document
from headgate.transport import MAX_BYTES
from headgate.worker import Worker

log = logging.getLogger("headgate")

FORMAT: Final = 1
SAVE_EVERY_S: Final = 5.0
TRY_AGAIN_S: Final = 60.0
_SKEW_S: Final = 5.0
_LONGEST_HEAD: Final = 1000


class Kept(NamedTuple):
    """What was on disk. ``age_s`` is None when the file's time makes no sense."""

    document: Document
    etag: str | None
    age_s: float | None


class LastKnownGood:
    """Keeps the flags of one address and key in a folder."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        base_url: str,
        key: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``folder`` is made when something is written. What is in it is as confidential as the rules."""
        name = hashlib.sha256(f"{base_url}\n{key}".encode()).hexdigest()[:32]
        self._path = Path(folder) / f"headgate-{name}.json"
        self._clock = clock
        self._saved: Document | None = None
        self._head = b""

    def load(self) -> Kept | None:
        """Return what was kept; None when there is nothing, or nothing that can be relied on."""
        try:
            with self._opened() as file:
                age_s = self._clock() - os.fstat(file.fileno()).st_mtime
                etag, body = _checked(file.read(MAX_BYTES + _LONGEST_HEAD))
            document = Document.read(body, clock=self._clock)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
            log.warning("The flags kept in %s are not used: %s.", self._path, problem)
            return None
        # A clock that was set back tells nothing about how old the file is.
        known = age_s >= -_SKEW_S
        return Kept(document, etag if isinstance(etag, str) else None, max(0.0, age_s) if known else None)

    def keep(self, document: Document, etag: str | None, at: float) -> None:
        """Keep flags that were current at ``at``, unless others were later. Raises OSError.

        What is on disk may have been put there by another process, or be gone.
        """
        head, confirmed = self._on_disk()
        if document is self._saved and head == self._head:
            if at > confirmed:
                self.confirm(at)
        elif at >= confirmed:
            self.save(document, etag)
            self.confirm(at)

    def save(self, document: Document, etag: str | None) -> None:
        """Put the flags in place, whole. Raises OSError."""
        body = document.text().encode()
        about: dict[str, Any] = {"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest(), "etag": etag}
        head = json.dumps(about).encode() + b"\n"
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=self._path.parent, prefix=".headgate-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(head + body)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(beside).unlink()
            raise
        self._saved, self._head = document, head

    def confirm(self, at: float) -> None:
        """Note that what is kept was current at ``at``, in seconds since the epoch. Raises OSError."""
        os.utime(self._path, (at, at))

    def _on_disk(self) -> tuple[bytes, float]:
        """Return the first line of the file, and when it was confirmed; a time to come tells nothing."""
        try:
            with self._opened() as file:
                confirmed = os.fstat(file.fileno()).st_mtime
                head = file.readline(_LONGEST_HEAD)
        except FileNotFoundError:
            return b"", float("-inf")
        return head, confirmed if confirmed <= self._clock() + _SKEW_S else float("-inf")

    def _opened(self) -> BinaryIO:
        # Whoever opens a pipe waits for somebody at its other end.
        if not stat.S_ISREG(self._path.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(self._path))
        return self._path.open("rb")


def _checked(raw: bytes) -> tuple[Any, bytes]:
    """Return what the server calls the flags, and their text. Raises ValueError, KeyError and TypeError."""
    head, _, body = raw.partition(b"\n")
    about = json.loads(head)
    if about["format"] != FORMAT or about["sha256"] != hashlib.sha256(body).hexdigest():
        raise ValueError("they are damaged, or of another version")
    return about["etag"], body


class Saver:
    """Writes the flags in use to disk, in a thread of its own: as soon as they changed, but not every time."""

    def __init__(
        self,
        kept: LastKnownGood,
        current: Current,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is written until the worker runs."""
        self._kept = kept
        self._current = current
        self._clock = clock
        self._monotonic = monotonic
        self._due = float("-inf")
        self._has_complained = False
        self.worker = Worker("saver", self.step)
        current.listen(lambda _revision: self.worker.wake())

    def step(self) -> float:
        """Write what is new if it is time to, and return how many seconds to wait."""
        left_s = self._due - self._monotonic()
        if left_s > 0:
            return left_s
        try:
            wait_s = self._write()
        except OSError as problem:
            if not self._has_complained:
                log.warning("The flags cannot be kept on disk: %s.", problem)
            self._has_complained = True
            wait_s = TRY_AGAIN_S
        self._due = self._monotonic() + wait_s
        return wait_s or SAVE_EVERY_S

    def _write(self) -> float:
        age_s = self._current.age_s()
        view, etag = self._current.view, self._current.etag
        if view is None or age_s is None:
            return 0.0
        self._kept.keep(view.document, etag, self._clock() - age_s)
        return SAVE_EVERY_S
