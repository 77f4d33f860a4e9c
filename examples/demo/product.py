"""The product of the story: the support assistant with its customers, around one Headgate client."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import headgate

from examples.demo.controller import DemoError
from examples.support_assistant.assistant import Assistant
from examples.support_assistant.checks import judge
from examples.support_assistant.customers import people, visits
from examples.support_assistant.faults import HEALTHY, FaultBook, Faults
from examples.support_assistant.metrics import Metrics
from examples.support_assistant.model import Release, StandInModel
from examples.support_assistant.outcome import SUPPORT_ASSISTANT
from examples.support_assistant.retrieval import Retriever, load_passages
from examples.support_assistant.traffic import Desk, Traffic

PATIENCE_S = 20.0
_QUESTION = "How high is the excess for subsidence?"
_PEOPLE = people(customers=400, staff=20)
_CUSTOMERS = [person.id for person in _PEOPLE if "customers" in person.cohorts]


class Product:
    """A running product: traffic of 120 visits a second, and lookups to watch."""

    def __init__(self, url: str, key: str) -> None:
        self._faults = FaultBook()
        self._client = headgate.Client(url, key, poll_interval_s=0.25)
        if not self._client.wait_until_ready(PATIENCE_S):
            raise DemoError("the product got no flags")
        self._traffic = Traffic(self._desk(self._faults), visits(among=_PEOPLE), rate=120)
        self._traffic.start()

    def close(self) -> None:
        """Send the customers home."""
        self._traffic.stop()
        self._client.close()

    def break_slowly(self, release: str) -> float:
        """Raise the share of unsupported answers step by step until somebody steps in; returns when it began."""
        began = time.monotonic()
        for share in (0.1, 0.3, 0.6):
            self._faults.set(release, Faults(unsupported=share))
            happens_within(1.0, lambda: self.everybody_at_most("review"))
        return began

    def mend(self, release: str) -> None:
        """Let a release answer well again."""
        self._faults.set(release, HEALTHY)

    def leak_once(self, release: str) -> float:
        """Let one answer show the planted account number; returns when the product noticed and reported it."""
        lucky = next(customer for customer in _CUSTOMERS if self._decision(customer).release == release)
        leaking = self._desk(FaultBook({release: Faults(leak_account=1.0)})).assistant
        if leaking.answer(lucky, _QUESTION, ("customers",)).outcome.sensitive_data is not True:
            raise DemoError("the product did not notice the account number")
        return time.monotonic()

    def somebody_gets(self, **expected: str) -> bool:
        """Whether some customer's lookup has all of these values: of the decision, or of the flag's object."""
        return any(
            all(_told(decision, name) == value for name, value in expected.items())
            for decision in map(self._decision, _CUSTOMERS)
        )

    def everybody_at_most(self, mode: str) -> bool:
        """Whether no customer's lookup is above a mode; those who never had the feature are off."""
        return all(self._decision(customer).mode in (mode, "off") for customer in _CUSTOMERS)

    def _decision(self, customer: str) -> headgate.Decision:
        return self._client.decide(SUPPORT_ASSISTANT.key, customer, task="answer", cohorts=("customers",))

    def _desk(self, faults: FaultBook) -> Desk:
        return Desk(Assistant(self._client, StandInModel(faults), Retriever(load_passages())), Metrics())


def evaluate(release: str, cases: int) -> dict[str, Any]:
    """Ask a release so many questions and check each answer: an evaluation report, computed here and now.

    It is in Headgate's generic format, as a harness of one's own would write it.
    """
    retriever, model = Retriever(load_passages()), StandInModel(sleep=lambda _seconds: None)
    judgements = []
    for visit in itertools.islice(visits(seed=7), cases):
        passages = retriever.search(visit.question)
        answered = model.complete(Release.of(release, {}), visit.person.id, visit.question, passages)
        judgements.append(judge(answered.text, retriever.passages, [passage.id for passage in passages]))
    return {
        "format": "headgate-evaluation/1",
        "harness": "support-assistant checks",
        "subject": {"release": release},
        "dataset": {"name": "customers' questions", "version": "seed 7", "size": cases},
        "metrics": [
            _passed("pass_rate", [judged.passed for judged in judgements]),
            _passed("without_personal_data", [not judged.sensitive_data for judged in judgements]),
        ],
    }


def _passed(name: str, verdicts: list[bool]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "pass_rate",
        "passed": sum(verdicts),
        "failed": len(verdicts) - sum(verdicts),
    }


def happens_within(seconds: float, happened: Callable[[], bool]) -> bool:
    """Whether something happens in this time."""
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def _told(decision: headgate.Decision, name: str) -> object:
    return decision.value.get(name) if name == "stage" else getattr(decision, name)
