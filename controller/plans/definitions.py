"""Requirements and exit criteria as a plan defines them."""

from __future__ import annotations

from collections.abc import Mapping

from controller.plans.node import Node, one_of
from controller.store.outcomes import COUNTED, NEEDS_LIMIT
from stages import Artifact, Criterion, Gate, Missed, Part, Requirement, Threshold
from stages.bounds import CONFIDENCE

RECORD_FIELDS = (
    "owner",
    "budget_owner",
    "hypothesis",
    "success",
    "business_metric.baseline",
    "business_metric.target",
    "business_metric.window_days",
    "data_sources",
    "data_sources.owner",
    "data_sources.permissions",
    "data_sources.freshness",
    "data_sources.revocation",
    "fallback",
    "risk_rationale",
    "classified_by",
    "oversight",
    "autonomy_cap",
    "reviewers",
    "regulatory",
)
"""The fields of a feature's record that can answer a requirement; beside them ``people.<role>`` for any role."""

_PEOPLE = "people."

BUSINESS_METRIC = "business_metric"
AUTOMATIC_ACTIONS = "automatic_actions"
CRITERION_MEASURES = (*COUNTED, BUSINESS_METRIC, AUTOMATIC_ACTIONS)
"""What an exit criterion can look at."""

REQUIREMENT_KEYS = (
    "gate",
    "title",
    "owner",
    "why",
    "artifact",
    "fields",
    "proves",
    "threshold",
    "min_samples",
    "layers",
    "valid_days",
    "missed",
)
REQUIREMENT_OVERRIDES = ("fields", "threshold", "min_samples", "layers", "valid_days", "missed")
"""What a stage may say anew of a requirement: how much is asked, never what."""
CRITERION_KEYS = ("title", "measure", "at_most", "limit", "min_samples", "window_days")
CRITERION_OVERRIDES = ("at_most", "limit", "min_samples", "window_days")
"""What a stage may say anew of a criterion."""
THRESHOLD_KEYS = ("metric", "at_least", "at_most", "confidence")

WHOLE_RELEASE = "release"
"""In ``proves``: every part of a release."""


_HANDED_IN = frozenset(Artifact) - {Artifact.RECORD}
_GOES_WITH: Mapping[str, frozenset[Artifact]] = {
    "fields": frozenset({Artifact.RECORD}),
    "proves": _HANDED_IN,
    "valid_days": _HANDED_IN,
    "threshold": frozenset({Artifact.EVAL_REPORT}),
    "min_samples": frozenset({Artifact.EVAL_REPORT}),
    "layers": frozenset({Artifact.EVAL_REPORT}),
}
"""The artifacts that a key of a requirement makes sense with."""

_TELLS_NOTHING_OF: Mapping[str, tuple[str, ...]] = {
    BUSINESS_METRIC: ("at_most", "limit", "min_samples", "window_days"),
    AUTOMATIC_ACTIONS: ("limit", "min_samples"),
}
"""The keys of a criterion that make no sense with its measure."""


def read_requirement(key: str, node: Node) -> Requirement:
    """A requirement.

    Raises:
        Mistake: It cannot be understood, or asks for what its artifact cannot show.
    """
    node.only(REQUIREMENT_KEYS)
    return Requirement(
        key=key,
        gate=node.need("gate").word(Gate),
        title=node.need("title").text(),
        owner=node.get("owner", Node.text, "owner"),
        why=node.get("why", Node.text, ""),
        artifact=_artifact(node),
        fields=node.get("fields", _fields, ()),
        proves=node.get("proves", _proves, frozenset()),
        threshold=node.get("threshold", _threshold, None),
        min_samples=node.get("min_samples", Node.whole, 0),
        layers=node.get("layers", Node.texts, ()),
        valid_s=node.get("valid_days", _lifetime, None),
        missed=node.get("missed", one_of(Missed), Missed.BLOCK),
    )


def read_criterion(key: str, node: Node) -> Criterion:
    """An exit criterion.

    Raises:
        Mistake: It cannot be understood, or its limits do not go with its measure.
    """
    node.only(CRITERION_KEYS)
    measure = _measure(node)
    return Criterion(
        key=key,
        title=node.need("title").text(),
        measure=measure,
        at_most=_at_most(node, measure),
        limit=node.get("limit", Node.number, None),
        min_samples=node.get("min_samples", Node.whole, 0),
        window_s=0 if measure == BUSINESS_METRIC else node.need("window_days").days(),
    )


def _artifact(node: Node) -> Artifact:
    artifact = node.get("artifact", one_of(Artifact), Artifact.DOCUMENT)
    for name, fitting in _GOES_WITH.items():
        if name in node.mapping() and artifact not in fitting:
            remedy = f"leave it out, or make the artifact one of {', '.join(sorted(fitting))}"
            raise node.need(name).mistake(f"does not go with the artifact {artifact}", remedy)
    if artifact is Artifact.RECORD:
        node.need("fields")
    return artifact


def _fields(node: Node) -> tuple[str, ...]:
    for item in node.items():
        name = item.text()
        if name not in RECORD_FIELDS and not (name.startswith(_PEOPLE) and name.removeprefix(_PEOPLE)):
            remedy = f"use one of {', '.join(RECORD_FIELDS)} or people.<role>"
            raise item.mistake(f"{name!r} is not a field of the record", remedy)
    if not node.items():
        raise node.mistake("names no field", "name the fields that answer it")
    return node.texts()


def _proves(node: Node) -> frozenset[Part]:
    if node.value == WHOLE_RELEASE:
        return frozenset(Part)
    if not isinstance(node.value, tuple):
        remedy = f"write `{WHOLE_RELEASE}` for all of it, or a list of {', '.join(Part)}"
        raise node.mistake("names no parts of a release", remedy)
    return frozenset(item.word(Part) for item in node.items())


def _threshold(node: Node) -> Threshold:
    node.only(THRESHOLD_KEYS)
    if ("at_least" in node.mapping()) == ("at_most" in node.mapping()):
        raise node.mistake("needs either at_least or at_most", "give exactly one of the two")
    return Threshold(
        metric=node.need("metric").text(),
        at_least=node.get("at_least", Node.number, None),
        at_most=node.get("at_most", Node.number, None),
        confidence=node.get("confidence", _confidence, CONFIDENCE),
    )


def _confidence(node: Node) -> float:
    if not 0.5 <= node.number() < 1:  # noqa: PLR2004 - below a half, a bound would flatter more than the point value
        raise node.mistake("is not a confidence", "give a number from 0.5, below 1: 0.95 is usual")
    return node.number()


def _lifetime(node: Node) -> int:
    if node.days() == 0:
        raise node.mistake(
            "would expire at once", "give the days, or leave it out for evidence that never expires"
        )
    return node.days()


def _measure(node: Node) -> str:
    measure = node.need("measure").text()
    if measure not in CRITERION_MEASURES:
        raise node.need("measure").mistake(
            f"{measure!r} is not measured", f"use one of {', '.join(CRITERION_MEASURES)}"
        )
    for name in _TELLS_NOTHING_OF.get(measure, () if measure in NEEDS_LIMIT else ("limit",)):
        if name in node.mapping():
            raise node.need(name).mistake(f"does not go with the measure {measure}", "leave it out")
    if measure in NEEDS_LIMIT:
        node.need("limit")
    return measure


def _at_most(node: Node, measure: str) -> float:
    if measure in COUNTED:
        return node.need("at_most").share()
    return float(node.get("at_most", Node.whole, 0))
