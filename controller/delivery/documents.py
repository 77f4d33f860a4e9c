"""The flag document, for SDKs and for stock flagd daemons."""

from __future__ import annotations

from controller.delivery.doorkeeper import Doorkeeper, revision_of
from controller.delivery.exchange import Exchange
from controller.delivery.memory import Memory
from controller.store.keys import KeyKind

KINDS = (KeyKind.SERVER,)
PRIVATE = (b"cache-control", b"private, no-cache")
_FRESH_S = 30
"""A document that was confirmed within so many seconds is not called old."""


class Documents:
    """Gives out whole documents."""

    def __init__(self, memory: Memory, doorkeeper: Doorkeeper) -> None:
        self._memory = memory
        self._doorkeeper = doorkeeper

    async def give(self, exchange: Exchange) -> None:
        """The flags of the environment the key belongs to, with their rules; or 304."""
        visitor = await self._doorkeeper.let_in(exchange, *KINDS)
        known = exchange.headers.get(b"if-none-match", b"").decode("latin1")
        served = await self._doorkeeper.served(visitor, revision_of(known))
        headers = [(b"etag", f'"{served.etag}"'.encode()), PRIVATE]
        age_s = int(self._memory.age_s())
        if age_s > _FRESH_S:
            headers.append((b"age", str(age_s).encode()))
        if exchange.knows(served.etag):
            await exchange.answer(304, b"", *headers)
        else:
            await exchange.answer(200, served.snapshot.body, *headers)
