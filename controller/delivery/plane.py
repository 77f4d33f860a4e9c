"""The delivery plane as an ASGI application: which address is which door."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from prometheus_client import Counter

from controller.delivery import ofrep
from controller.delivery.browsers import Browsers
from controller.delivery.documents import Documents
from controller.delivery.doorkeeper import Doorkeeper
from controller.delivery.events import Events
from controller.delivery.exchange import Exchange, Gone, Receive, Refused, Scope, Send
from controller.delivery.health import Health
from controller.delivery.memory import Memory
from controller.delivery.ofrep import Ofrep
from controller.delivery.refreshing import Refresher
from controller.delivery.streams import Streams
from controller.delivery.uses import Uses
from controller.errors import Problem
from controller.flags.snapshots import Snapshots
from controller.observability import LOOKUPS
from controller.rollouts import Clock
from controller.settings import Settings
from controller.store.database import Database

log = logging.getLogger(__name__)

Door = Callable[[Exchange], Awaitable[None]]

FLAGS: Final = "/sdk/v1/flags"
STREAM: Final = "/sdk/v1/stream"
NOWHERE: Final = "none"
"""What addresses that there are not are counted as."""
FLAGD: Final = "/flagd/v1/flags.json"
ADDRESSES: Final[Mapping[str, str]] = {
    FLAGS: "GET",
    STREAM: "GET",
    FLAGD: "GET",
    ofrep.ALL: "POST",
    f"{ofrep.ONE}<flag>": "POST",
    ofrep.EVENTS: "GET",
}
"""Every address of the plane but those of its health, with its method."""


class Delivery:
    """Everything that is answered from memory."""

    def __init__(self, settings: Settings, database: Database, snapshots: Snapshots, now: Clock) -> None:
        self.memory = Memory(database, snapshots, settings.secret_key, now)
        self.uses = Uses()
        self.refresher = Refresher(self.memory, database, now, settings.delivery_poll_s, self.uses)
        self.streams = Streams(
            self.memory,
            most=settings.streams,
            most_per_key=settings.streams_per_key,
            heartbeat_s=settings.stream_heartbeat_s,
            max_age_s=settings.stream_max_age_s,
        )
        doorkeeper = Doorkeeper(self.memory, self.refresher, settings.secret_key, now)
        documents, events = Documents(self.memory, doorkeeper, self.uses), Events(doorkeeper, self.streams)
        asked, health = Ofrep(doorkeeper, self.uses), Health(self.memory)
        self._doors: dict[str, tuple[str, str, Door]] = {
            FLAGS: ("GET", "document", documents.give),
            STREAM: ("GET", "stream", events.flags),
            FLAGD: ("GET", "document", documents.give_to_flagd),
            ofrep.ALL: ("POST", "ofrep", asked.all),
            ofrep.EVENTS: ("GET", "stream", events.notices),
        }
        self._one = ("POST", "ofrep", asked.one)
        self._health = {"/livez": health.live, "/readyz": health.ready, "/metrics": health.metrics}
        self._doorkeeper = doorkeeper
        self._browsers = Browsers(settings.browser_origins)
        self._counters: dict[tuple[str, int], Counter] = {}

    def covers(self, path: str) -> bool:
        """Whether an address belongs to this plane."""
        return path in self._doors or path.startswith(ofrep.ONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live as long as the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(Exchange(scope, receive, send))

    def start(self) -> None:
        """Begin to keep the memory up to date; called on the event loop."""
        loop = asyncio.get_running_loop()

        def on_change() -> None:
            with contextlib.suppress(RuntimeError):  # The loop has ended: there is nobody to tell any more.
                loop.call_soon_threadsafe(self.streams.catch_up)

        self.refresher.on_change = on_change
        self.refresher.start()

    def stop(self) -> None:
        """End all streams, and stop keeping the memory up to date."""
        self.streams.close()
        self.refresher.stop()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        # One of several processes on a port must not be asked before it has something to say.
        await asyncio.get_running_loop().run_in_executor(None, self.refresher.look)
        self.start()
        self._leave_when_told()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _leave_when_told(self) -> None:
        """End all streams at once when the process is told to end: a server waits for what is open before it does."""
        loop = asyncio.get_running_loop()

        def leave(number: int, of_server: object) -> None:
            self.streams.close()
            if callable(of_server):
                of_server(number, None)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, leave, number, signal.getsignal(number))

    async def _answer(self, exchange: Exchange) -> None:
        method, name, door = self._door(exchange.path)
        if b"origin" in exchange.headers:
            self._browsers.let_read(exchange)
        try:
            if exchange.method == "OPTIONS" and await self._browsers.answers_preflight(exchange):
                return
            if name != NOWHERE and exchange.method != method and (exchange.method, method) != ("HEAD", "GET"):
                await self._refuse_method(exchange, method)
            await door(exchange)
        except Refused as refused:
            await exchange.refuse(refused, ofrep.in_its_words(refused, exchange))
        except Gone:
            return
        except Exception:
            log.exception("%s %r failed", exchange.method, exchange.path)
            if not exchange.status:
                await _apologise(exchange)
        self._count(name, exchange.status)

    def _count(self, name: str, status: int) -> None:
        counter = self._counters.get((name, status))
        if counter is None:
            counter = self._counters[name, status] = LOOKUPS.labels(name, status)
        counter.inc()

    def _door(self, path: str) -> tuple[str, str, Door]:
        if path.startswith(ofrep.ONE) and len(path) > len(ofrep.ONE):
            return self._one
        found = self._doors.get(path)
        if found is not None:
            return found
        return ("GET", "health", self._health[path]) if path in self._health else ("GET", NOWHERE, _nowhere)

    async def _refuse_method(self, exchange: Exchange, method: str) -> None:
        """Whoever has no key is not even told which methods there are."""
        if exchange.path not in self._health:
            await self._doorkeeper.let_in(exchange, *ofrep.KINDS)
        allowed = "GET, HEAD" if method == "GET" else method
        problem = Problem("method", f"this address is not for {exchange.method}", f"use {allowed}")
        headers = [(b"allow", allowed.encode())]
        raise Refused(405, "method_not_allowed", problem.message, problem, headers=headers)


async def _nowhere(_exchange: Exchange) -> None:
    detail = "the delivery plane has nothing at this address"
    remedy = "send to it what docs/operations.md says, and everything else to the control plane"
    raise Refused(404, "no_such_address", detail, Problem("address", detail, remedy))


async def _apologise(exchange: Exchange) -> None:
    """A fault of ours: told in the log, not to the caller."""
    refused = Refused(500, "internal_error", "Headgate failed; the log has the reason")
    await exchange.refuse(refused, ofrep.in_its_words(refused, exchange))
