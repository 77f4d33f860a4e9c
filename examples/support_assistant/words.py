"""How a text is cut into sentences and search terms."""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-z0-9]+")
# A full stop inside a number, an address or a citation has no white space behind it, and a citation belongs
# to the sentence before it.
_SENTENCE_END = re.compile(r"(?<=[.!?\]])\s+(?!\[)")
_STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does",
    "for", "from", "had", "has", "have", "how", "i", "if", "in", "is", "it", "its", "may", "me", "my",
    "of", "on", "or", "our", "should", "so", "some", "that", "the", "their", "them", "then", "there",
    "they", "this", "to", "too", "up", "us", "was", "we", "what", "when", "where", "which", "who", "will",
    "with", "would", "you", "your",
})  # fmt: skip


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text in order, each with the citations that follow it."""
    return tuple(part.strip() for part in _SENTENCE_END.split(text) if part.strip())


def terms(text: str) -> tuple[str, ...]:
    """The search terms of a text in order: lower case, without stop words, without common endings."""
    return tuple(_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS)


def _stem(word: str) -> str:
    for ending, kept in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: len(word) - len(ending)] + kept
    return word
