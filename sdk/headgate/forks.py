"""What happens to clients when their process forks: gunicorn's and celery's workers, multiprocessing.

A fork copies the memory but only the thread that forks. The child's copy of a client therefore has no threads,
connections that belong to the parent, and locks that may be held by nobody. All of it is made anew in the child,
before anybody can use it; threads start again with the first question.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that can be made whole in a child process."""

    def after_fork(self) -> None:
        """Called in the child, before anything else runs there."""


_alive: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(one: Forkable) -> None:
    """Call ``one.after_fork()`` in every child, for as long as ``one`` lives."""
    _alive.add(one)


def _renew_all() -> None:
    for one in tuple(_alive):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
