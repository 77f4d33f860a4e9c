"""Who uses the product and what they ask: traffic that is the same each time."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from examples.support_assistant.outcome import REPLY_DRAFTS, SUPPORT_ASSISTANT, Feature

QUESTIONS = (
    "How many days do I have to report a claim?",
    "Which receipts or photographs do you need for my claim?",
    "How long must I keep damaged items for the assessor?",
    "My bicycle was stolen, do I need a crime reference number?",
    "How soon do I tell the police about a burglary?",
    "How long does a simple claim take to be decided?",
    "When is an accepted claim paid?",
    "What is the standard excess for a claim?",
    "How high is the excess for subsidence?",
    "Can I cancel a new policy and get a full refund?",
    "What is the cancellation fee after the cooling-off period?",
    "When does my refund arrive on my card?",
    "I paid a premium twice, do I get the second payment back?",
    "Is water damage from a burst pipe covered by my home policy?",
    "Is damage from a slow drip or damp covered?",
    "Does the policy cover flooding by a river?",
    "My home will be empty for two months, is water damage covered?",
    "What should I do first after a water leak?",
    "For how many weeks do you pay temporary accommodation?",
    "What are your telephone opening hours on Saturdays?",
    "Which number is the emergency line?",
    "How do I change the address in my online account?",
    "How long do you keep claim files?",
    "Can I get a copy of the data you hold about me?",
    "Do you share claim details or sell personal data?",
    "How do I complain by e-mail or letter?",
    "How many weeks until the final answer to my complaint?",
    "Can I take a complaint to the ombudsman?",
    "What happens to my cover after a missed payment?",
    "Can I pay the premium in monthly instalments?",
    "Must a single valuable item be listed in my schedule?",
    "Do you sponsor amateur football tournaments?",
)
"""What people ask. The documents answer all but the last one."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user id and the cohorts the product puts it in."""

    id: str
    cohorts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """One person asking one question of one feature."""

    feature: Feature
    person: Person
    question: str


def people(customers: int = 32, staff: int = 8) -> tuple[Person, ...]:
    """Customers, every fourth of them a beta tester, and members of staff."""
    beta = ("customers", "beta-testers")
    return (
        *(Person(f"customer-{1001 + n}", beta if n % 4 == 0 else ("customers",)) for n in range(customers)),
        *(Person(f"agent-{n + 1:02d}", ("staff",)) for n in range(staff)),
    )


def one_round(seed: int = 0, among: Sequence[Person] | None = None) -> tuple[Visit, ...]:
    """Everyone asks the assistant every question once, staff also draft a reply to each; in a mixed order."""
    present = people() if among is None else among
    made = (
        Visit(feature, person, question)
        for person in present
        for feature in _used_by(person)
        for question in QUESTIONS
    )
    return tuple(sorted(made, key=lambda visit: _place(seed, visit)))


def visits(seed: int = 0, among: Sequence[Person] | None = None) -> Iterator[Visit]:
    """The round of this seed, over and over."""
    return itertools.cycle(one_round(seed, among))


def _used_by(person: Person) -> tuple[Feature, ...]:
    return (SUPPORT_ASSISTANT, REPLY_DRAFTS) if "staff" in person.cohorts else (SUPPORT_ASSISTANT,)


def _place(seed: int, visit: Visit) -> bytes:
    case = f"{seed}\x1f{visit.feature.key}\x1f{visit.person.id}\x1f{visit.question}"
    return hashlib.sha256(case.encode()).digest()
