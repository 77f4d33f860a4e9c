"""Who gets a feature and how much it may do on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from stages.refusals import Refusal

WHOLE = 10_000
"""All users, in basis points: 1 is a hundredth of a per cent."""


class Autonomy(StrEnum):
    """The most a feature may do without a person, from least to most."""

    DRAFT = "draft"
    RECOMMEND = "recommend"
    EXECUTE = "execute"

    def exceeds(self, other: Autonomy) -> bool:
        """Whether this allows more than the other."""
        order = tuple(Autonomy)
        return order.index(self) > order.index(other)


class Oversight(StrEnum):
    """What part a person has in what the feature does."""

    AUTONOMOUS = "autonomous"
    REVIEWED_BEFORE_EXECUTION = "reviewed_before_execution"
    HUMAN_DECIDES = "human_decides"

    @property
    def most(self) -> Autonomy:
        """The most autonomy that goes with it: where a person decides, the feature does not execute."""
        return Autonomy.RECOMMEND if self is Oversight.HUMAN_DECIDES else Autonomy.EXECUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Which answers a person looks at while the feature is live.

    ``sample`` in basis points of answers; ``below_confidence`` from 0 to 1, or None; ``reviewers`` are team
    names.
    """

    sample: int = 0
    below_confidence: float | None = None
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Who gets the feature: ``share`` in basis points of users, among ``cohorts``, for ``tasks``, in ``languages``.

    No cohorts means everybody, no tasks means every task, no languages every language. A language is a BCP 47 tag and
    stands for every tag that goes on from it: ``de`` for ``de-CH`` too. With a share of 0 nobody gets the feature,
    whatever the rest says.
    """

    share: int
    cohorts: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    autonomy: Autonomy = Autonomy.RECOMMEND

    def __post_init__(self) -> None:
        """Raise ValueError for an impossible share."""
        if not 0 <= self.share <= WHOLE:
            raise ValueError(f"share {self.share} is not between 0 and {WHOLE}")

    def is_within(self, other: Exposure) -> bool:
        """Whether nobody gets more by this exposure than by the other."""
        return not any(self._excesses(other))

    def at_most(self, other: Exposure) -> Exposure:
        """What of this exposure does not go beyond the other; nobody, where the two have nobody in common."""
        parts = [
            _common(getattr(self, name), getattr(other, name), covers) for name, covers in _PARTS.items()
        ]
        cohorts, tasks, languages = (part or frozenset() for part in parts)
        return Exposure(
            share=0 if None in parts else min(self.share, other.share),
            cohorts=cohorts,
            tasks=tasks,
            languages=languages,
            autonomy=other.autonomy if self.autonomy.exceeds(other.autonomy) else self.autonomy,
        )

    def wider_than(self, other: Exposure) -> Iterator[Refusal]:
        """One refusal for each part in which this exposure goes beyond the other."""
        for field in self._excesses(other):
            yield Refusal(
                "not_narrower",
                f"the {field} asked for is wider than the present one",
                "ask for less, or use the move widen",
                field,
            )

    def _excesses(self, other: Exposure) -> Iterator[str]:
        if self.share > other.share:
            yield "share"
        # A share of 0 reaches nobody, hence nobody new: narrowing to nobody must always work.
        for name, covers in _PARTS.items():
            if self.share and _reaches_beyond(getattr(self, name), getattr(other, name), covers):
                yield name
        if self.autonomy.exceeds(other.autonomy):
            yield "autonomy"


NOBODY = Exposure(share=0, autonomy=Autonomy.DRAFT)
EVERYTHING = Exposure(share=WHOLE, autonomy=Autonomy.EXECUTE)
"""The widest exposure there is: it limits nothing."""


Covers = Callable[[str, str], bool]
"""Whether the first word stands for all that the second one stands for."""


def _goes_on_from(wide: str, narrow: str) -> bool:
    """Whether a language tag is another one, or goes on from it (RFC 4647, basic filtering)."""
    return narrow == wide or narrow.startswith(f"{wide}-")


_PARTS: Mapping[str, Covers] = {"cohorts": str.__eq__, "tasks": str.__eq__, "languages": _goes_on_from}
"""The parts of an exposure that are lists of words."""


def _reaches_beyond(these: frozenset[str], those: frozenset[str], covers: Covers) -> bool:
    """Whether a restriction to ``these`` lets somebody in whom ``those`` keeps out; empty lets all in."""
    return bool(those) and (not these or not all(any(covers(wide, word) for wide in those) for word in these))


def _common(these: frozenset[str], those: frozenset[str], covers: Covers) -> frozenset[str] | None:
    """What two restrictions have in common: empty if neither restricts, None if nothing fulfils both."""
    if not these or not those:
        return these | those
    both = (*product(these, those), *product(those, these))
    return frozenset(narrow for wide, narrow in both if covers(wide, narrow)) or None
