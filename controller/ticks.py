"""The heartbeat: one scheduled job that finds due triggers and hands them to lanes.

The scheduler is APScheduler with an in-memory job store and a single job; which trigger is due stands in the database,
so any number of workers share the work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from controller.asking import most_at_once
from controller.evaluations import Evaluations
from controller.lanes import Lanes
from controller.notices import deliver
from controller.observability import LATENESS, TICK_FAILURES
from controller.rollouts import Clock
from controller.store.claims import bring_back, claim, oldest_due, sources_with_due
from controller.store.database import Database
from controller.store.sources import kind_of_source

log = logging.getLogger(__name__)

_SLOWEST_HEARTBEAT_S = 10.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so many seconds, beside the evaluations.

    Every worker does it, so what it does has to bear being done by two at once. ``everywhere``: processes that do not
    evaluate need it too, because it is about what they keep in memory.
    """

    name: str
    every_s: float
    do: Callable[[], object]
    everywhere: bool = False


class Chores:
    """Does each chore in a thread of its own when it is due, so that one that hangs keeps nobody waiting."""

    def __init__(self, chores: Iterable[Chore], now: Clock) -> None:
        self._chores = tuple(chores)
        self._now = now
        self._due: dict[str, datetime] = {}
        self._busy: set[str] = set()
        self._idle = threading.Condition()

    def wake(self) -> None:
        """Begin what is due and not still being done."""
        now = self._now()
        for chore in self._chores:
            with self._idle:
                if chore.name in self._busy or now < self._due.get(chore.name, now):
                    continue
                self._busy.add(chore.name)
                self._due[chore.name] = now + timedelta(seconds=chore.every_s)
            threading.Thread(target=self._run, args=(chore,), name=f"chore-{chore.name}", daemon=True).start()

    def join(self, timeout_s: float) -> bool:
        """Wait until nothing is being done; False if that is not so in time."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy, timeout_s)

    def _run(self, chore: Chore) -> None:
        try:
            chore.do()
        except Exception:
            log.exception("chore %s failed", chore.name)
        finally:
            with self._idle:
                self._busy.discard(chore.name)
                self._idle.notify_all()


class Ticks:
    """Runs the tick job, and says whether it still runs."""

    def __init__(
        self,
        database: Database,
        evaluations: Evaluations,
        now: Clock,
        *,
        tick_s: float,
        lease_s: float,
        lane_width: int,
        chores: Iterable[Chore] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._evaluations = evaluations
        self._now = now
        self._tick_s = tick_s
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._beat = monotonic()
        self._ticked_at: datetime | None = None
        self.lanes = Lanes(lane_width, self._drain)
        self._all_chores = tuple(chores)
        self.chores = Chores(self._all_chores, now)
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin to tick, at once."""
        self._beat = self._monotonic()
        self._scheduler.add_job(self.tick, "interval", seconds=self._tick_s, next_run_time=self._now())
        self._scheduler.start()

    def start_beside(self) -> None:
        """Do only what a process needs that does not evaluate."""
        own = Chores((chore for chore in self._all_chores if chore.everywhere), self._now)
        self._scheduler.add_job(own.wake, "interval", seconds=self._tick_s, next_run_time=self._now())
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking when the tick that runs is over; evaluations that have begun end in their own threads."""
        self._scheduler.shutdown()

    def join(self, timeout_s: float) -> bool:
        """Wait until everything that was begun is done; False if something is not in time."""
        until = self._monotonic() + timeout_s
        return self.lanes.join(timeout_s) and self.chores.join(max(0.0, until - self._monotonic()))

    @property
    def is_alive(self) -> bool:
        """Whether a tick succeeded lately. A scheduler whose thread has died still says that it runs, so ask this."""
        return self._monotonic() - self._beat <= max(_SLOWEST_HEARTBEAT_S, 5 * self._tick_s)

    def tick(self) -> None:
        """Wake the lane of each source with due triggers, and deliver what waits."""
        try:
            now = self._now()
            self._mind_the_clock(now)
            with self._database.read() as tx:
                due, oldest = sources_with_due(tx, now), oldest_due(tx, now)
            LATENESS.set((now - oldest).total_seconds() if oldest else 0)
            for source_id in due:
                self.lanes.wake(source_id)
            self.chores.wake()
            deliver(self._database, now)
            self._beat = self._monotonic()
        except Exception:
            TICK_FAILURES.inc()
            log.exception("tick failed")

    def _mind_the_clock(self, now: datetime) -> None:
        """After a clock was set back, nothing would be due until it has caught up. Who has just started cannot know."""
        if self._ticked_at is None or now < self._ticked_at:
            with self._database.write() as tx:
                bring_back(tx, now, self._lease_s)
        self._ticked_at = now

    def _drain(self, source_id: int) -> None:
        while True:
            with self._database.write() as tx:
                at_once = most_at_once(kind_of_source(tx, source_id))
                claims = claim(tx, source_id, self._now(), self._lease_s, at_once)
            if not claims:
                return
            self._evaluations.evaluate_all(claims)
