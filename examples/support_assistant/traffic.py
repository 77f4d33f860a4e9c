"""People using the product: one visit, many visits, and visits at a steady rate in the background."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from examples.support_assistant.assistant import Assistant
from examples.support_assistant.customers import Person, Visit
from examples.support_assistant.gate import Gate
from examples.support_assistant.metrics import Metrics
from examples.support_assistant.outcome import FEATURES, Feature, Reply

_log = logging.getLogger(__name__)
_WORKERS = 32


class Desk:
    """The assistant together with its metrics, and the reviewer who works through what is held."""

    def __init__(self, assistant: Assistant, metrics: Metrics) -> None:
        """Put the two together."""
        self.assistant = assistant
        self.metrics = metrics

    def ask(self, feature: Feature, user: str, question: str, cohorts: Sequence[str] = ()) -> Reply:
        """Serve one question, count it, and let the reviewer read one held answer."""
        reply = self.assistant.serve(feature, user, question, cohorts)
        self.metrics.observe(reply)
        reviewed = self.assistant.review_next()
        if reviewed is not None:
            self.metrics.observe_review(reviewed)
        return reply

    def receive(self, visit: Visit) -> Reply:
        """Serve one visit."""
        return self.ask(visit.feature, visit.person.id, visit.question, visit.person.cohorts)


def run_visits(desk: Desk, visits: Iterable[Visit], count: int) -> list[Reply]:
    """Serve the next `count` visits one after the other, in this thread."""
    return [desk.receive(visit) for visit in itertools.islice(visits, count)]


def announce_releases(client: Gate, metrics: Metrics, people: Iterable[Person]) -> None:
    """Export the series of each release anyone may get now, before the first answer of it is given."""
    for feature in FEATURES.values():
        metrics.announce(feature.key, None)
    for person, feature in itertools.product(people, FEATURES.values()):
        decision = client.decide(feature.key, person.id, task=feature.task, cohorts=person.cohorts)
        metrics.announce(feature.key, decision.release)


class Traffic:
    """Visits that begin at a steady rate, whether or not the earlier ones are answered.

    `rate` is visits per second, 0 for none. When 32 visits are under way the next one waits.
    """

    def __init__(self, desk: Desk, visits: Iterator[Visit], rate: float) -> None:
        """Prepare the visits; none begins before `start`."""
        self._desk = desk
        self._visits = visits
        self._rate = rate
        self._stopping = threading.Event()
        self._free = threading.Semaphore(_WORKERS)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="visit")
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        if self._rate > 0:
            self._thread.start()

    def stop(self) -> None:
        """Begin no more visits, and wait for those under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True)

    def _run(self) -> None:
        while not self._stopping.wait(1 / self._rate):
            if self._free.acquire(timeout=1 / self._rate):
                self._pool.submit(self._receive, next(self._visits))

    def _receive(self, visit: Visit) -> None:
        try:
            self._desk.receive(visit)
        except Exception:
            _log.exception("the visit of %s failed", visit.person.id)
        finally:
            self._free.release()
