"""Finding the sections of the documents that may answer a question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from examples.support_assistant.words import terms

DOCUMENTS = Path(__file__).parent / "documents"

_SECTION = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One numbered section of a document. `id` is what a citation names, e.g. `claims.md#2`."""

    id: str
    title: str
    text: str


def load_passages(folder: Path = DOCUMENTS) -> tuple[Passage, ...]:
    """Every section of every Markdown file in `folder`, ordered by file name and section number."""
    files = sorted(folder.glob("*.md"))
    return tuple(passage for file in files for passage in sections(file.name, file.read_text("utf-8")))


def sections(document: str, markdown: str) -> tuple[Passage, ...]:
    """The numbered second-level sections of one document; text before the first of them is not searched."""
    parts = _SECTION.split(markdown)[1:]
    return tuple(
        Passage(id=f"{document}#{number}", title=title.strip(), text=" ".join(body.split()))
        for number, title, body in zip(parts[0::3], parts[1::3], parts[2::3], strict=True)
    )


class Retriever:
    """Okapi BM25 (Robertson and Zaragoza, 2009) over a fixed set of passages, with k1 = 1.2 and b = 0.75.

    The inverse document frequency is ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative. Equal scores
    are ordered by passage id, so the answer depends on the passages and the question alone.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        """Index the passages."""
        self.passages: Mapping[str, Passage] = {passage.id: passage for passage in passages}
        self._counts = {
            passage.id: Counter(terms(f"{passage.title} {passage.text}"))
            for passage in self.passages.values()
        }
        self._lengths = {key: sum(counts.values()) for key, counts in self._counts.items()}
        self._mean_length = sum(self._lengths.values()) / max(1, len(self._lengths))
        self._spread = Counter(term for counts in self._counts.values() for term in counts)

    def search(self, question: str, limit: int = 3) -> tuple[Passage, ...]:
        """At most `limit` passages that share a term with the question, best first; empty when none does."""
        wanted = frozenset(terms(question))
        scores = {key: self._score(key, wanted) for key in self.passages}
        best = sorted((key for key in scores if scores[key] > 0), key=lambda key: (-scores[key], key))
        return tuple(self.passages[key] for key in best[:limit])

    def _score(self, key: str, wanted: frozenset[str]) -> float:
        # fsum is exact, so the order in which a set is walked cannot change the last digit.
        return math.fsum(self._weight(key, term) for term in wanted & self._counts[key].keys())

    def _weight(self, key: str, term: str) -> float:
        count, holders = self._counts[key][term], self._spread[term]
        rarity = math.log(1 + (len(self.passages) - holders + 0.5) / (holders + 0.5))
        length = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * self._lengths[key] / self._mean_length
        return rarity * count * (_SATURATION + 1) / (count + _SATURATION * length)
