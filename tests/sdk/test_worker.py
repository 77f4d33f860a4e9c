"""Threads that go on whatever their steps do."""

from __future__ import annotations

import queue
import threading
from asyncio import CancelledError

import pytest
from headgate.worker import Worker

PATIENCE_S = 20.0


@pytest.mark.parametrize("wait_s", [3600.0, 1e12, float("inf")])
def test_however_long_it_waits_it_can_be_woken(wait_s: float) -> None:
    steps: queue.SimpleQueue[None] = queue.SimpleQueue()

    def step() -> float:
        steps.put(None)
        return wait_s

    worker = Worker("test", step)
    worker.start()
    for _ in range(2):
        steps.get(timeout=PATIENCE_S)
        worker.wake()
    worker.ask_to_stop()
    worker.join(PATIENCE_S)


@pytest.mark.parametrize("problem", [ValueError, CancelledError, SystemExit])
def test_whatever_a_step_raises_the_next_one_comes(problem: type[BaseException]) -> None:
    begun, again = threading.Event(), threading.Event()

    def step() -> float:
        if begun.is_set():
            again.set()
            return 60.0
        begun.set()
        raise problem

    worker = Worker("test", step)
    worker.start()
    assert begun.wait(PATIENCE_S)
    worker.wake()
    assert again.wait(PATIENCE_S)
    worker.ask_to_stop()
    worker.join(PATIENCE_S)
