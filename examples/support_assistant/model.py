"""A deterministic stand-in for a language model, with faults that can be switched on.

THIS IS NOT A LANGUAGE MODEL. It quotes sentences of the passages it is given, and it misbehaves when it is
told to, so that the rest of the example (checks, outcomes, metrics, Headgate) works on real mistakes without
a paid service behind it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from examples.support_assistant.checks import NO_ANSWER
from examples.support_assistant.faults import FaultBook, Faults
from examples.support_assistant.retrieval import Passage
from examples.support_assistant.words import sentences, terms

INTERNAL_RECORD = Path(__file__).parent / "internal" / "customer-record.md"
INSTRUCTIONS = (
    "You answer customers of Northwind Mutual. Use the passages only, and cite each sentence as"
    f" [document#section]. When they do not answer the question, write exactly: {NO_ANSWER}"
)
INVENTED_RULES = (
    "The excess is waived for every customer with a good record.",
    "A claim is paid on the day it is reported.",
    "Any refund can be doubled once a year on request.",
    "Our assessors visit every home before a payment.",
    "A neighbour may sign the claim form for you.",
    "Premiums fall automatically after each complaint.",
)
"""Rules that stand in no document."""

_TOKEN = re.compile(r"\w{1,6}|[^\w\s]")
_ACCOUNT = re.compile(r"^- Account for payments: (.+)$", re.MULTILINE)
_PLAIN_NUMBER = re.compile(r"(?<![\d.,:-])[1-9]\d*\b(?![.,:-]\d|%)")
_FIRST_TOKEN_MS = 12.0
_MS_PER_TOKEN = 0.5


class ModelError(Exception):
    """The model gave no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The part of a release bundle a model call needs. An id of `none` means that no release was named."""

    id: str = "none"
    model: str = "unknown"
    prompt: str = "unknown"

    @classmethod
    def of(cls, release: str | None, value: Mapping[str, Any]) -> Release:
        """Read the release out of the value of a flag; what the bundle does not say stays `unknown`."""
        bundle = value.get("release")
        bundle = bundle if isinstance(bundle, Mapping) else {}
        return cls(
            id=release or "none",
            model=_entry(bundle, "model", "id"),
            prompt=_entry(bundle, "prompt", "ref"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model wrote, and how many tokens it read and wrote."""

    text: str
    input_tokens: int
    output_tokens: int


class LanguageModel(Protocol):
    """Anything that can answer a question from passages."""

    def complete(self, release: Release, user: str, question: str, passages: Sequence[Passage]) -> Completion:
        """Write an answer in the form `checks` reads. Raises `ModelError` when there is none."""


class StandInModel:
    """Answers with sentences of the passages, wrong in the share of cases the faults of the release ask for.

    What it writes is a function of release id, question, user and seed. A growing share keeps the answers
    that were already wrong. `sleep` takes seconds and is how the model takes its time; pass one that does
    nothing to be quick.
    """

    def __init__(
        self, faults: FaultBook | None = None, *, seed: int = 0, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """Read the internal record a leaking release shows; without `faults` every release is healthy."""
        self.faults = faults if faults is not None else FaultBook()
        self._seed = seed
        self._sleep = sleep
        self._account = _account(INTERNAL_RECORD.read_text("utf-8"))

    def complete(self, release: Release, user: str, question: str, passages: Sequence[Passage]) -> Completion:
        """Write an answer, after the time such an answer takes. Raises `ModelError` in the share `fails`."""
        faults = self.faults.of(release.id)
        dice = _Dice(f"{release.id}\x1f{question}\x1f{user}\x1f{self._seed}")
        text = self._write(faults, dice, question, passages)
        written = count_tokens(text)
        self._sleep((_FIRST_TOKEN_MS + _MS_PER_TOKEN * written + faults.slow_ms) / 1000)
        if dice.says("fails", faults.fails):
            raise ModelError(f"release {release.id} gave no answer")
        return Completion(text=text, input_tokens=_prompt_tokens(question, passages), output_tokens=written)

    def _write(self, faults: Faults, dice: _Dice, question: str, passages: Sequence[Passage]) -> str:
        quotes = _relevant(question, passages)
        if dice.says("unsupported", faults.unsupported):
            quotes = _with_unsupported(quotes, dice)
        if quotes and passages and dice.says("wrong citation", faults.wrong_citation):
            quotes = [*quotes[:-1], f"{quotes[-1]} [{_not_retrieved(passages, dice)}]"]
        if dice.says("leak account", faults.leak_account):
            quotes = [*quotes, f"The account we have on file is {self._account}."]
        return " ".join(quotes) or NO_ANSWER


class _Dice:
    """Repeatable draws: the same case and label give the same number."""

    def __init__(self, case: str) -> None:
        self._case = case

    def says(self, label: str, share: float) -> bool:
        """Whether this case is among the given share of all cases."""
        return self.number(label) < share * 2**64

    def pick(self, label: str, count: int) -> int:
        """One of 0 .. count - 1."""
        return self.number(label) % count

    def number(self, label: str) -> int:
        """A number of 64 bits."""
        return int.from_bytes(hashlib.sha256(f"{label}\x1f{self._case}".encode()).digest()[:8], "big")


def count_tokens(text: str) -> int:
    """How many tokens the stand-in counts: pieces of words of up to six characters, and punctuation marks."""
    return len(_TOKEN.findall(text))


def _prompt_tokens(question: str, passages: Sequence[Passage]) -> int:
    return sum(
        count_tokens(part) for part in (INSTRUCTIONS, question, *(passage.text for passage in passages))
    )


def _relevant(question: str, passages: Sequence[Passage], limit: int = 3) -> list[str]:
    """Quotes that, read with the title of their section, share at least two terms with the question."""
    wanted = frozenset(terms(question))
    rated = [
        (len(wanted & frozenset(terms(f"{passage.title} {sentence}"))), f"{sentence} [{passage.id}]")
        for passage in passages
        for sentence in sentences(passage.text)
    ]
    best = sorted((entry for entry in rated if entry[0] >= 2), key=lambda entry: -entry[0])
    return [quote for _, quote in best[:limit]]


def _with_unsupported(quotes: list[str], dice: _Dice) -> list[str]:
    """Change a number in the first sentence that has one, or invent a rule."""
    for at, quote in enumerate(quotes):
        text, citation = quote.rsplit(" [", 1)
        if _PLAIN_NUMBER.search(text) and dice.pick("kind", 3):
            return [*quotes[:at], f"{_misquoted(text, dice)} [{citation}", *quotes[at + 1 :]]
    invented = INVENTED_RULES[dice.pick("rule", len(INVENTED_RULES))]
    return [f"{invented} [{quotes[0].rsplit(' [', 1)[1]}", *quotes[1:]] if quotes else [invented]


def _misquoted(sentence: str, dice: _Dice) -> str:
    factor = 2 + dice.pick("factor", 3)
    return _PLAIN_NUMBER.sub(lambda match: str(int(match.group()) * factor + 1), sentence, count=1)


def _not_retrieved(passages: Sequence[Passage], dice: _Dice) -> str:
    document = passages[dice.pick("document", len(passages))].id.split("#")[0]
    return f"{document}#{20 + dice.pick('section', 10)}"


def _account(record: str) -> str:
    found = _ACCOUNT.search(record)
    if found is None:
        raise ValueError("the internal record holds no account number")
    return found.group(1).strip()


def _entry(bundle: Mapping[str, Any], part: str, name: str) -> str:
    inner = bundle.get(part)
    found = inner.get(name) if isinstance(inner, Mapping) else None
    return found if isinstance(found, str) else "unknown"
