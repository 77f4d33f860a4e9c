"""Judges an answer by its text alone: is it supported, are its citations real, does it show what it must not.

The checks know the documents and what was retrieved. They know nothing of the model that wrote the answer, so
they work unchanged with any model that quotes its sources in this form: `A sentence. [claims.md#2]`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from examples.support_assistant.retrieval import Passage
from examples.support_assistant.sensitive import sensitive_data
from examples.support_assistant.words import sentences

NO_ANSWER = "I could not find this in our documents."
"""The sentence a model is told to write when the passages do not answer the question. It claims nothing."""

_CITATION = re.compile(r"\[([^\[\]]*)\]")
_TOKEN = re.compile(r"[£$€]?\d+(?:[.,:]\d+)*(?:%|[a-z]+)?|[a-z]+(?:'[a-z]+)?")
_ARTICLES = frozenset({"a", "an", "the"})
_NEGATIONS = frozenset({"cannot", "neither", "never", "no", "none", "nor", "not", "unless", "without"})
_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer and the passage ids it cites."""

    text: str
    citations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the checks found. `grounded` and `citations_valid` are None when there was nothing to judge."""

    grounded: bool | None
    citations_valid: bool | None
    sensitive_data: bool
    abstained: bool

    @property
    def passed(self) -> bool:
        """Whether a careful reader would let this go out: all checks were good, or nothing was claimed."""
        sound = self.grounded is True and self.citations_valid is True
        return not self.sensitive_data and (self.abstained or sound)


def judge(answer: str, library: Mapping[str, Passage], retrieved: Collection[str]) -> Judgement:
    """Make every check. `library` holds all passages by id, `retrieved` the ids the model was shown."""
    return Judgement(
        grounded=grounded(answer, library),
        citations_valid=citations_valid(answer, library, retrieved),
        sensitive_data=sensitive_data(answer),
        abstained=not claims(answer) and NO_ANSWER in answer,
    )


def claims(answer: str) -> tuple[Claim, ...]:
    """The sentences of an answer that say something, i.e. all but `NO_ANSWER`."""
    found = (_claim(sentence) for sentence in sentences(answer))
    return tuple(claim for claim in found if claim.text and claim.text != NO_ANSWER)


def grounded(answer: str, library: Mapping[str, Passage]) -> bool | None:
    """Whether each claim is supported by at least one passage it cites; None when the answer claims nothing.

    A claim without a citation, or with citations of unknown passages only, is not supported.
    """
    made = claims(answer)
    return all(_claim_supported(claim, library) for claim in made) if made else None


def citations_valid(answer: str, library: Mapping[str, Passage], retrieved: Collection[str]) -> bool | None:
    """Whether each cited passage exists and was retrieved for this question; None when nothing is cited."""
    cited = [citation for sentence in sentences(answer) for citation in _claim(sentence).citations]
    return all(citation in library and citation in retrieved for citation in cited) if cited else None


def supported(claim: str, passage: str) -> bool:
    """Whether one sentence of `passage` says what `claim` says.

    The rule is strict, because it is meant for answers that quote: the words of the claim (articles aside)
    stand in the sentence in the same order, with the same numbers, currencies and negations, and no number is
    skipped on the way. A faithful paraphrase in other words is judged unsupported, and a claim that leaves
    out a condition is judged supported; a product whose model paraphrases needs a judge that understands
    more.
    """
    wanted = _tokens(claim)
    return bool(wanted) and any(_says(_tokens(sentence), wanted) for sentence in sentences(passage))


def _claim(sentence: str) -> Claim:
    citations = tuple(match.strip() for match in _CITATION.findall(sentence))
    return Claim(" ".join(_CITATION.sub("", sentence).split()), citations)


def _claim_supported(claim: Claim, library: Mapping[str, Passage]) -> bool:
    return any(id_ in library and supported(claim.text, library[id_].text) for id_ in claim.citations)


def _tokens(text: str) -> tuple[str, ...]:
    words = (token.replace(",", "") for token in _TOKEN.findall(text.lower().replace("\u2019", "'")))
    return tuple(_NUMBER_WORDS.get(word, word) for word in words if word not in _ARTICLES)


def _says(sentence: tuple[str, ...], claim: tuple[str, ...]) -> bool:
    if [t for t in sentence if _negates(t)] != [t for t in claim if _negates(t)]:
        return False
    starts = (at for at, token in enumerate(sentence) if token == claim[0])
    return any(_follows(iter(sentence[at:]), claim) for at in starts)


def _follows(sentence: Iterator[str], claim: Iterable[str]) -> bool:
    return all(_advance(sentence, token) for token in claim)


def _advance(sentence: Iterator[str], token: str) -> bool:
    for candidate in sentence:
        if candidate == token:
            return True
        if any(character.isdigit() for character in candidate):
            return False
    return False


def _negates(token: str) -> bool:
    return token in _NEGATIONS or token.endswith("n't")
