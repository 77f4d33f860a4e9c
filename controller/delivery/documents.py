"""The flag document, for SDKs and for stock flagd daemons."""

from __future__ import annotations

from controller.delivery.doorkeeper import Doorkeeper, Visitor, revision_of
from controller.delivery.exchange import Exchange
from controller.delivery.memory import Memory
from controller.delivery.uses import Uses
from controller.store.document_reads import Reader
from controller.store.keys import KeyKind

KINDS = (KeyKind.SERVER,)
PRIVATE = (b"cache-control", b"private, no-cache")


class Documents:
    """Gives out whole documents."""

    def __init__(self, memory: Memory, doorkeeper: Doorkeeper, uses: Uses) -> None:
        self._memory = memory
        self._doorkeeper = doorkeeper
        self._uses = uses

    async def give(self, exchange: Exchange) -> None:
        """The flags of the environment the key belongs to, with their rules; or 304."""
        await self._give(exchange, await self._doorkeeper.let_in(exchange, *KINDS))

    async def give_to_flagd(self, exchange: Exchange) -> None:
        """The same, to somebody who will not say which flags are asked for."""
        visitor = await self._doorkeeper.let_in(exchange, *KINDS)
        self._uses.note_read(visitor.environment_id, visitor.lock.id, Reader.FLAGD)
        await self._give(exchange, visitor)

    async def _give(self, exchange: Exchange, visitor: Visitor) -> None:
        known = exchange.headers.get(b"if-none-match", b"").decode("latin1")
        served = await self._doorkeeper.served(visitor, revision_of(known))
        headers = [(b"etag", f'"{served.etag}"'.encode()), PRIVATE]
        if self._memory.told_age_s:
            headers.append((b"age", str(self._memory.told_age_s).encode()))
        if exchange.knows(served.etag):
            await exchange.answer(304, b"", *headers)
        else:
            await exchange.answer(200, served.snapshot.body, *headers)
