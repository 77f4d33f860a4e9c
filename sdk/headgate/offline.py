"""A client without Headgate: flags from a file or from the test, and nobody who keeps them current."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from headgate.client import read_document
from headgate.current import Current
from headgate.questions import Questions
from headgate.tallies import Tallies

if TYPE_CHECKING:
    import os

    from typing_extensions import Self


Kind = TypeVar("Kind", bound="OfflineClient")


class OfflineClient(Questions):
    """Answers like a client, from one flag document; no network, no threads, no lease.

    For development, command-line tools and air-gapped places. Outcomes are thrown away.
    """

    def __init__(
        self, flags: str | os.PathLike[str] | Mapping[str, Any], *, clock: Callable[[], float] = time.time
    ) -> None:
        """``flags``: a flag document, or the path of a file with one. Raises OSError and ValueError."""
        super().__init__(Current(tallies=Tallies(), clock=clock), clock=clock)
        self._current.seed(read_document(flags, clock), None, 0.0)
        self._current.end("offline")

    def wait_until_ready(self, timeout_s: float = 5.0) -> bool:
        """Return true at once."""
        return True

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Return true at once."""
        return True

    @property
    def dropped_outcomes(self) -> int:
        """Always zero: outcomes are not wanted here."""
        return 0

    def close(self, timeout_s: float = 2.0) -> None:
        """End it; then every flag obeys its when_lost."""
        self._current.end("closed")

    def _put(self, outcome: dict[str, Any]) -> None:
        pass

    def _refuse(self) -> None:
        pass

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()
