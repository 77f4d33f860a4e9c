"""The doors of the streams: documents for SDKs, notices for OFREP clients."""

from __future__ import annotations

from urllib.parse import parse_qs

from controller.delivery import documents, ofrep
from controller.delivery.doorkeeper import Doorkeeper, revision_of
from controller.delivery.exchange import Exchange
from controller.delivery.streams import Stream, Streams, with_document, with_notice


class Events:
    """Opens streams."""

    def __init__(self, doorkeeper: Doorkeeper, streams: Streams) -> None:
        self._doorkeeper = doorkeeper
        self._streams = streams

    async def flags(self, exchange: Exchange) -> None:
        """The flag document, then patches; whoever names what they have goes on from there."""
        visitor = await self._doorkeeper.let_in(exchange, *documents.KINDS)
        known = _last_event(exchange)
        served = await self._doorkeeper.served(visitor, revision_of(known))
        await self._streams.run(Stream(exchange, visitor, "sdk", with_document, known), served)

    async def notices(self, exchange: Exchange) -> None:
        """Word of changes. Whoever does not name what they have may have missed one, and is told to ask."""
        ticket = parse_qs(exchange.query.decode("latin1")).get("ticket", [""])[0]
        visitor = await self._doorkeeper.let_in_with_ticket(exchange, ticket, *ofrep.KINDS)
        known = _last_event(exchange)
        served = await self._doorkeeper.served(visitor, revision_of(known))
        await self._streams.run(Stream(exchange, visitor, "ofrep", with_notice, known), served)


def _last_event(exchange: Exchange) -> str:
    return exchange.headers.get(b"last-event-id", b"").decode("latin1").strip().strip('"')
