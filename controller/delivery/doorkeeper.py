"""Who may ask, and what is served to them. Everything is closed to whoever the doorkeeper does not let in."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.delivery.exchange import Exchange, Header, Refused
from controller.delivery.memory import Memory
from controller.delivery.refreshing import Refresher
from controller.delivery.served import Served
from controller.errors import Problem
from controller.problems import EXPIRED, NOBODY
from controller.rollouts import Clock
from controller.store.announcements import KEYS, flags_of
from controller.store.keys import KeyKind, Lock, parts_of

_ASK_AGAIN_S = 1.0
"""However many unknown keys are tried, the database is asked for keys so often at most."""
_WINDOW_S = 3600
_BEARER = b"bearer "


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in."""

    lock: Lock
    environment_id: int

    @property
    def sees_rules(self) -> bool:
        """Whether rules and flags that are not client-visible may be shown."""
        return self.lock.kind is KeyKind.SERVER


class Doorkeeper:
    """Lets keys in by what is in memory. Only for a key nobody has heard of yet is the database looked at."""

    def __init__(
        self,
        memory: Memory,
        refresher: Refresher,
        pepper: str,
        now: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = memory
        self._refresher = refresher
        self._pepper = pepper
        self._now = now
        self._monotonic = monotonic
        self._asked_at = float("-inf")

    async def let_in(self, exchange: Exchange, *kinds: KeyKind) -> Visitor:
        """Whoever sent a living key of one of these kinds.

        Raises:
            Refused: 401 (also for a key whose time is over), 403, or 503 while nothing has been read yet.
        """
        text = presented(exchange)
        lock = self._memory.key(text)
        if lock is None:
            lock = await self._lock_of_a_stranger(text)
        return self._visitor(lock, kinds)

    async def let_in_with_ticket(self, exchange: Exchange, ticket: str, *kinds: KeyKind) -> Visitor:
        """Whoever holds a ticket that `ticket` gave out, or sent a key.

        Raises:
            Refused: As in `let_in`.
        """
        if not ticket:
            return await self.let_in(exchange, *kinds)
        id, _, rest = ticket.partition(".")
        window, _, signature = rest.partition(".")
        lock = self._memory.lives(id)
        good = hmac.compare_digest(signature.encode(), self._signature(id, window).encode())
        if lock is None or not good or int(window) < self._window() - 1:
            raise _nobody()
        return self._visitor(lock, kinds)

    def ticket(self, visitor: Visitor) -> str:
        """What opens an event stream to a browser, which cannot send headers.

        It is good for one to two hours, and no longer than its key. It stays the same for an hour, so that a client
        which asks again need not connect again.
        """
        window = str(self._window())
        return f"{visitor.lock.id}.{window}.{self._signature(visitor.lock.id, window)}"

    async def served(self, visitor: Visitor, at_least: int = 0) -> Served:
        """What is served to a visitor, who has seen the revision ``at_least`` already and must be shown none before it.

        Raises:
            Refused: There is nothing to serve, or nothing that is new enough.
        """
        served = self._memory.served(visitor.environment_id)
        if served is None or served.snapshot.revision < at_least:
            # Another process was told before us. If the database says the same as we do, it has been restored.
            is_true = await self._look(flags_of(visitor.environment_id))
            served = self._memory.served(visitor.environment_id)
            if served is None or (served.snapshot.revision < at_least and not is_true):
                raise unavailable()
        return served

    async def _lock_of_a_stranger(self, text: str) -> Lock:
        if parts_of(text) is None:
            raise _nobody()
        if self._monotonic() - self._asked_at >= _ASK_AGAIN_S:
            self._asked_at = self._monotonic()
            await self._look(KEYS)
        lock = self._memory.key(text)
        if lock is None:
            raise _nobody() if self._memory.is_loaded else unavailable()
        return lock

    async def _look(self, topic: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(None, self._refresher.look, {topic})

    def _visitor(self, lock: Lock, kinds: tuple[KeyKind, ...]) -> Visitor:
        if lock.has_expired(self._now()):
            challenge = [(b"www-authenticate", b"Bearer")]
            raise Refused(401, "key_expired", EXPIRED.message, EXPIRED, headers=challenge)
        if lock.kind not in kinds or lock.environment_id is None:
            remedy = f"use a {' or '.join(kinds)} key"
            problem = Problem("Authorization", f"a key of the kind {lock.kind} does not open this", remedy)
            raise Refused(403, "wrong_key_kind", problem.message, problem)
        return Visitor(lock, lock.environment_id)

    def _window(self) -> int:
        return int(self._now().timestamp()) // _WINDOW_S

    def _signature(self, id: str, window: str) -> str:
        return hmac.digest(self._pepper.encode(), f"stream:{id}:{window}".encode(), hashlib.sha256).hex()[:32]


def presented(exchange: Exchange) -> str:
    """The text of the key a request came with; empty if there is none."""
    authorization = exchange.headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == _BEARER:
        return authorization[7:].strip().decode("latin1")
    return exchange.headers.get(b"x-api-key", b"").decode("latin1")


def come_back() -> Header:
    """When to ask again: some seconds, not the same for everybody."""
    return b"retry-after", str(random.randint(1, 5)).encode()  # noqa: S311 - spread, not secrecy


def unavailable() -> Refused:
    """Nothing that could be served has been read from the database."""
    detail = "the database does not answer; try again shortly"
    return Refused(503, "database_unavailable", detail, headers=[come_back()])


def revision_of(etag: str) -> int:
    """The revision that a tag of ours names; 0 if it is none."""
    number, _, _ = etag.strip().removeprefix("W/").strip('"').partition("-")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 18 else 0  # noqa: PLR2004


def _nobody() -> Refused:
    return Refused(401, "unauthenticated", NOBODY.remedy, NOBODY, headers=[(b"www-authenticate", b"Bearer")])
