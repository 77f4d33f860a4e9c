"""Who gets a feature and how much it may do on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

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
    """Who gets the feature: ``share`` in basis points of users, among ``cohorts`` and for ``tasks``.

    No cohorts means everybody, no tasks means every task. With a share of 0 nobody gets it, whatever the rest
    says.
    """

    share: int
    cohorts: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    autonomy: Autonomy = Autonomy.RECOMMEND

    def __post_init__(self) -> None:
        """Raise ValueError for an impossible share."""
        if not 0 <= self.share <= WHOLE:
            raise ValueError(f"share {self.share} is not between 0 and {WHOLE}")

    def is_within(self, other: Exposure) -> bool:
        """Whether nobody gets more by this exposure than by the other."""
        return not any(self._excesses(other))

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
        if self.share and _reaches_beyond(self.cohorts, other.cohorts):
            yield "cohorts"
        if self.share and _reaches_beyond(self.tasks, other.tasks):
            yield "tasks"
        if self.autonomy.exceeds(other.autonomy):
            yield "autonomy"


NOBODY = Exposure(share=0, autonomy=Autonomy.DRAFT)


def _reaches_beyond(these: frozenset[str], those: frozenset[str]) -> bool:
    """Whether a restriction to ``these`` lets somebody in whom ``those`` keeps out; empty lets all in."""
    return bool(those) and (not these or not these <= those)
