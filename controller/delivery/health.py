"""Whether a process that only delivers lives and can do its work, and its metrics."""

from __future__ import annotations

import json

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from controller.delivery.exchange import NO_STORE, Exchange
from controller.delivery.memory import Memory


class Health:
    """What probes and Prometheus ask. It is ready as soon as it has flags, and stays so without a database."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def live(self, exchange: Exchange) -> None:
        """The process answers."""
        await exchange.answer(200, b'{"status": "ok"}', NO_STORE)

    async def ready(self, exchange: Exchange) -> None:
        """Whether there is something to serve; what is not as it should be is named."""
        is_ready = self._memory.is_loaded
        content = {"status": "ok" if is_ready else "failed", "checks": checks_of(self._memory)}
        await exchange.answer(200 if is_ready else 503, json.dumps(content).encode(), NO_STORE)

    async def metrics(self, exchange: Exchange) -> None:
        """Our own metrics, in the format of Prometheus."""
        await exchange.answer(200, generate_latest(), NO_STORE, kind=CONTENT_TYPE_LATEST.encode())


def checks_of(memory: Memory) -> dict[str, str]:
    """What a delivery plane says of itself, by name."""
    if not memory.is_loaded:
        flags = "nothing has been read yet"
    elif memory.failed:
        flags = f"older ones are served in {memory.failed} environments, whose newest cannot be built"
    else:
        flags = "ok"
    age = f"served from memory, as they were {memory.age_s():.0f} s ago"
    return {"flags": flags, "database": f"{memory.trouble}; flags are {age}" if memory.trouble else "ok"}
