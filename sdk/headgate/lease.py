"""Watching the lease: flags that Headgate has not confirmed for too long obey their when_lost."""

from __future__ import annotations

from typing import Final

from headgate.current import Current
from headgate.worker import Worker

_IDLE_S: Final = 60.0


class LeaseWatch:
    """Checks the lease in a thread of its own: whoever asks Headgate may hang, as in looking up its name."""

    def __init__(self, current: Current) -> None:
        """Nothing is watched until the worker runs."""
        self._current = current
        self.worker = Worker("lease", self.step)
        current.listen(lambda _revision: self.worker.wake())
        current.listen_to_status(lambda _status: self.worker.wake())

    def step(self) -> float:
        """Check the lease and return how many seconds to wait."""
        self._current.check_lease()
        return min(self._current.lease_left_s() or _IDLE_S, _IDLE_S)
