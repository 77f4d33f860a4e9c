"""What must be shown before a stage is entered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from stages.bounds import CONFIDENCE
from stages.release import Part


class Gate(StrEnum):
    """The five questions that evidence answers."""

    BUSINESS_FIT = "business_fit"
    DATA_AND_RETRIEVAL = "data_and_retrieval"
    EVALUATION = "evaluation"
    CONTROLS = "controls"
    OPERATIONS = "operations"


class Artifact(StrEnum):
    """What kind of thing answers a requirement."""

    RECORD = "record"
    """What the feature's own record says; nothing is handed in."""
    DOCUMENT = "document"
    """Something written, kept elsewhere: a link and a hash."""
    ATTESTATION = "attestation"
    """A named person's word that something is so."""
    TEST_RECORD = "test_record"
    """The record of a test that was made by hand or by a tool of the team's own."""
    DRILL = "drill"
    """The record of a rehearsal."""
    EVAL_REPORT = "eval_report"
    """The file of an evaluation tool, which is read and checked."""


class Missed(StrEnum):
    """What follows when a requirement is not met, from the laxest to the strictest."""

    REMIND = "remind"
    """It is named with its owner and since when, and keeps nothing from going up."""
    WAIVE = "waive"
    """Nothing goes up, unless a named person lets it pass for a while."""
    BLOCK = "block"
    """Nothing goes up."""

    def is_laxer_than(self, other: Missed) -> bool:
        """Whether less follows from it."""
        order = list(Missed)
        return order.index(self) < order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a metric of a report has to reach: exactly one of ``at_least`` and ``at_most`` is given.

    It is met by the one-sided confidence bound at ``confidence``, not by the point value.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        """Raise ValueError unless exactly one limit is given."""
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"the threshold of {self.metric} needs either at_least or at_most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Something that must be shown before a stage is entered.

    ``owner`` is the role that provides it. ``why`` says what it guards against. ``proves`` are the parts of a release
    that the evidence is about: when one of them changes, it is stale; without any the evidence is about the feature.
    ``fields`` of the feature's record answer an artifact of the kind record. A report has to meet ``threshold`` with
    at least ``min_samples`` cases, and have cases in each of ``layers``. ``valid_s``: how long evidence lives, for ever
    if None. ``missed`` is what follows when it is not met.
    """

    key: str
    gate: Gate
    title: str
    owner: str = "owner"
    why: str = ""
    artifact: Artifact = Artifact.DOCUMENT
    fields: tuple[str, ...] = ()
    proves: frozenset[Part] = frozenset()
    threshold: Threshold | None = None
    min_samples: int = 0
    layers: tuple[str, ...] = ()
    valid_s: int | None = None
    missed: Missed = Missed.BLOCK

    @property
    def per_release(self) -> bool:
        """Whether evidence for it is bound to a release."""
        return bool(self.proves)


def weakened(ours: Iterable[Requirement], theirs: Iterable[Requirement]) -> Iterator[str]:
    """Each way in which the second requirements ask for less than the first, in words."""
    by_key = {need.key: need for need in theirs}
    for our in ours:
        their = by_key.get(our.key)
        if their is None:
            yield f"drops the requirement {our.key}"
        else:
            yield from (f"{our.key} {how}" for how in _weaker(our, their))


def _weaker(our: Requirement, their: Requirement) -> Iterator[str]:
    if their.gate is not our.gate or their.artifact is not our.artifact:
        yield "is answered by something else"
    if not our.proves <= their.proves:
        yield "takes evidence that proves less of the release"
    if not {*our.fields} <= {*their.fields}:
        yield "needs fewer fields of the record"
    if their.min_samples < our.min_samples:
        yield "needs fewer samples"
    if not {*our.layers} <= {*their.layers}:
        yield "needs fewer layers"
    if _lifetime(their) > _lifetime(our):
        yield "lives longer"
    if their.missed.is_laxer_than(our.missed):
        yield "only reminds" if their.missed is Missed.REMIND else "may be waived"
    if our.threshold and _easier(our.threshold, their.threshold):
        yield "has an easier threshold"


def _lifetime(need: Requirement) -> float:
    return float("inf") if need.valid_s is None else need.valid_s


def _easier(ours: Threshold, theirs: Threshold | None) -> bool:
    if theirs is None or theirs.metric != ours.metric or theirs.confidence < ours.confidence:
        return True
    if ours.at_least is not None:
        return theirs.at_least is None or theirs.at_least < ours.at_least
    return theirs.at_most is None or ours.at_most is None or theirs.at_most > ours.at_most
