"""What happens to clients when their process forks: gunicorn's and celery's workers, multiprocessing.

A fork copies the memory but only the thread that forks. The child's copy of a client therefore has no threads,
connections that belong to the parent, and locks that may be held by nobody. All of it is made anew in the child
by the first question there, which also starts the threads.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Protocol

log = logging.getLogger("headgate")

_SAFE: Final = "py-call-uwsgi-fork-hooks"
"""With it uWSGI waits with a fork until no other thread has the interpreter: in the child it would have it for ever."""


class Forkable(Protocol):
    """Something that can be made whole in a child process."""

    def after_fork(self) -> None:
        """Called in the child, before anything else runs there; perhaps twice."""


_alive: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(one: Forkable) -> None:
    """Call ``one.after_fork()`` in every child, for as long as ``one`` lives."""
    _alive.add(one)
    _listen_to_uwsgi()


def _renew_all() -> None:
    for one in tuple(_alive):
        one.after_fork()


def _listen_to_uwsgi() -> None:
    """Hear of the forks of uWSGI, which does not tell Python of them unless it is asked to."""
    try:
        uwsgi: Any = import_module("uwsgi")
    except ImportError:  # It is there only in a process of uWSGI's.
        return
    if uwsgi.worker_id() == 0 and _SAFE not in uwsgi.opt:
        log.warning("Workers of uWSGI may hang when it forks now: set lazy-apps or %s.", _SAFE)
    decorators = sys.modules.get("uwsgidecorators")
    if decorators is not None:
        if _renew_all not in decorators.postfork_chain:
            decorators.postfork_chain.append(_renew_all)
        return
    hook = getattr(uwsgi, "post_fork_hook", None)
    if not isinstance(hook, _After):
        uwsgi.post_fork_hook = _After(hook)


class _After:
    """What uWSGI calls in a child: whatever it called before, and ours."""

    def __init__(self, before: Callable[[], object] | None) -> None:
        self._before = before

    def __call__(self) -> None:
        _renew_all()
        if self._before is not None:
            self._before()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
