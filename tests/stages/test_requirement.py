"""A requirement is weaker than another one in ways that can be named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import Artifact, Gate, Missed, Part, Requirement, Threshold
from stages.requirement import weakened

GOLDEN = Requirement(
    key="golden",
    gate=Gate.EVALUATION,
    title="Golden set passed",
    artifact=Artifact.EVAL_REPORT,
    proves=frozenset({Part.PROMPT, Part.MODEL}),
    threshold=Threshold(metric="pass_rate", at_least=0.9),
    min_samples=100,
    layers=("edge", "safety"),
    valid_s=86_400,
)
OWNER = Requirement(
    key="owner",
    gate=Gate.BUSINESS_FIT,
    title="An owner is named",
    artifact=Artifact.RECORD,
    fields=("owner", "fallback"),
)
BRIEF = Requirement(key="brief", gate=Gate.BUSINESS_FIT, title="Use-case brief", missed=Missed.WAIVE)
LEAKS = replace(GOLDEN, threshold=Threshold(metric="leaks", at_most=0.01))


def threshold(**change: Any) -> Threshold:
    return replace(Threshold(metric="pass_rate", at_least=0.9), **change)


@pytest.mark.parametrize("limits", [{}, {"at_least": 0.9, "at_most": 0.95}])
def test_a_threshold_has_exactly_one_limit(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="the threshold of pass_rate needs either at_least or at_most"):
        Threshold(metric="pass_rate", **limits)


def test_only_evidence_that_proves_a_part_is_bound_to_a_release() -> None:
    assert GOLDEN.per_release
    assert not OWNER.per_release


@pytest.mark.parametrize(
    ("our", "change", "how"),
    [
        (GOLDEN, {"gate": Gate.CONTROLS}, "golden is answered by something else"),
        (GOLDEN, {"artifact": Artifact.DOCUMENT}, "golden is answered by something else"),
        (
            GOLDEN,
            {"proves": frozenset({Part.PROMPT})},
            "golden takes evidence that proves less of the release",
        ),
        (GOLDEN, {"min_samples": 99}, "golden needs fewer samples"),
        (GOLDEN, {"layers": ("edge",)}, "golden needs fewer layers"),
        (GOLDEN, {"valid_s": 86_401}, "golden lives longer"),
        (GOLDEN, {"valid_s": None}, "golden lives longer"),
        (GOLDEN, {"missed": Missed.WAIVE}, "golden may be waived"),
        (GOLDEN, {"missed": Missed.REMIND}, "golden only reminds"),
        (BRIEF, {"missed": Missed.REMIND}, "brief only reminds"),
        (GOLDEN, {"threshold": None}, "golden has an easier threshold"),
        (GOLDEN, {"threshold": threshold(at_least=0.89)}, "golden has an easier threshold"),
        (GOLDEN, {"threshold": threshold(confidence=0.9)}, "golden has an easier threshold"),
        (GOLDEN, {"threshold": threshold(metric="other")}, "golden has an easier threshold"),
        (GOLDEN, {"threshold": threshold(at_least=None, at_most=0.9)}, "golden has an easier threshold"),
        (LEAKS, {"threshold": Threshold(metric="leaks", at_most=0.02)}, "golden has an easier threshold"),
        (LEAKS, {"threshold": Threshold(metric="leaks", at_least=0.5)}, "golden has an easier threshold"),
        (OWNER, {"fields": ("owner",)}, "owner needs fewer fields of the record"),
    ],
)
def test_asking_for_less_is_named(our: Requirement, change: dict[str, Any], how: str) -> None:
    assert list(weakened([our], [replace(our, **change)])) == [how]


@pytest.mark.parametrize(
    ("our", "change"),
    [
        (GOLDEN, {"title": "Another title", "why": "another reason", "owner": "somebody else"}),
        (GOLDEN, {"proves": frozenset(Part), "layers": ("safety", "operational", "edge")}),
        (GOLDEN, {"min_samples": 101, "valid_s": 1}),
        (GOLDEN, {"threshold": threshold(at_least=0.95, confidence=0.99)}),
        (LEAKS, {"threshold": Threshold(metric="leaks", at_most=0.0)}),
        (OWNER, {"valid_s": 60, "fields": ("fallback", "owner", "success")}),
        (BRIEF, {"missed": Missed.BLOCK}),
        (replace(BRIEF, missed=Missed.REMIND), {"missed": Missed.WAIVE}),
        (replace(BRIEF, missed=Missed.REMIND), {"missed": Missed.BLOCK}),
    ],
)
def test_asking_for_more_or_in_other_words_is_no_weakening(our: Requirement, change: dict[str, Any]) -> None:
    assert list(weakened([our], [replace(our, **change)])) == []


def test_leaving_a_requirement_out_is_named_and_another_one_more_is_not() -> None:
    assert list(weakened([GOLDEN, OWNER], [OWNER])) == ["drops the requirement golden"]
    assert list(weakened([OWNER], [GOLDEN, OWNER])) == []


requirements = st.builds(
    replace,
    st.just(GOLDEN),
    min_samples=st.integers(0, 3),
    valid_s=st.none() | st.integers(1, 3),
    missed=st.sampled_from(Missed),
    layers=st.sampled_from([(), ("edge",), ("edge", "safety")]),
    proves=st.frozensets(st.sampled_from([Part.PROMPT, Part.MODEL])),
    threshold=st.none() | st.builds(threshold, at_least=st.sampled_from([0.8, 0.9])),
)


@given(requirements, requirements, requirements)
def test_weakening_is_an_order(one: Requirement, other: Requirement, third: Requirement) -> None:
    def holds(ours: Requirement, theirs: Requirement) -> bool:
        return not list(weakened([ours], [theirs]))

    assert holds(one, one)
    if holds(one, other) and holds(other, third):
        assert holds(one, third)
    if holds(one, other) and holds(other, one):
        assert one == other
