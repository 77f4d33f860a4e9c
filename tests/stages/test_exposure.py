"""Exposures are compared by who gets what, not by how they are written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages import NOBODY, WHOLE, Autonomy, Exposure
from stages.exposure import Oversight

names = st.frozensets(st.sampled_from(["staff", "partners", "public"]))
exposures = st.builds(
    Exposure,
    share=st.sampled_from([0, 1, 500, WHOLE]) | st.integers(0, WHOLE),
    cohorts=names,
    tasks=names,
    languages=st.frozensets(st.sampled_from(["de", "de-CH", "de-AT", "fr"])),
    autonomy=st.sampled_from(Autonomy),
)

STAFF = Exposure(share=500, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"}))
EVERYBODY = Exposure(share=WHOLE, autonomy=Autonomy.EXECUTE)


def meaning(exposure: Exposure) -> Exposure:
    """Whom a share of nothing would have been chosen from makes no difference."""
    if exposure.share == 0:
        return replace(exposure, cohorts=frozenset(), tasks=frozenset(), languages=frozenset())
    spoken = exposure.languages
    needless = {tag for tag in spoken for other in spoken if tag.startswith(f"{other}-")}
    return replace(exposure, languages=spoken - needless)


@given(exposures)
def test_every_exposure_is_within_itself_within_everybody_and_around_nobody(one: Exposure) -> None:
    assert one.is_within(one)
    assert one.is_within(EVERYBODY)
    assert NOBODY.is_within(one)


@given(exposures, exposures)
@example(Exposure(share=0, cohorts=frozenset({"staff"})), Exposure(share=0))
def test_two_exposures_within_each_other_mean_the_same(one: Exposure, other: Exposure) -> None:
    assert (one.is_within(other) and other.is_within(one)) == (meaning(one) == meaning(other))


@given(exposures, exposures, exposures)
def test_what_is_within_something_is_within_all_that_contains_it(
    one: Exposure, other: Exposure, third: Exposure
) -> None:
    inner = replace(
        one, share=min(one.share, other.share), autonomy=min(one.autonomy, other.autonomy, key=rank)
    )
    for small in (one, inner):
        if small.is_within(other) and other.is_within(third):
            assert small.is_within(third)


@given(exposures, exposures, st.integers(0, WHOLE - 1), names, names)
def test_who_is_in_by_the_narrower_one_is_in_by_the_wider_one(
    narrow: Exposure, wide: Exposure, bucket: int, cohorts: frozenset[str], tasks: frozenset[str]
) -> None:
    if narrow.is_within(wide) and reaches(narrow, bucket, cohorts, tasks):
        assert reaches(wide, bucket, cohorts, tasks)


@given(exposures, exposures)
def test_at_most_is_within_both_and_changes_nothing_that_was_within(one: Exposure, other: Exposure) -> None:
    kept = one.at_most(other)
    assert kept.is_within(one)
    assert kept.is_within(other)
    if one.is_within(other):
        assert one.is_within(kept)


@given(
    exposures,
    exposures,
    st.integers(0, WHOLE - 1),
    names,
    st.sampled_from(["summarise", *("staff", "partners")]),
    st.sampled_from(["de", "de-CH", "fr", "den", ""]),
)
def test_who_is_in_by_both_is_in_by_what_they_have_in_common(
    one: Exposure, other: Exposure, bucket: int, cohorts: frozenset[str], task: str, language: str
) -> None:
    def is_in(exposure: Exposure) -> bool:
        return reaches(exposure, bucket, cohorts, frozenset({task}), language)

    common = one.at_most(other)
    assert not is_in(common) or (is_in(one) and is_in(other))
    if is_in(one) and is_in(other) and common.share and len(cohorts) <= 1:
        assert is_in(common)


@given(exposures, exposures)
def test_an_exposure_is_wider_exactly_when_it_says_in_what(one: Exposure, other: Exposure) -> None:
    refusals = list(one.wider_than(other))
    assert one.is_within(other) == (not refusals)
    assert all(refusal.message and refusal.remedy and refusal.field for refusal in refusals)


def rank(autonomy: Autonomy) -> int:
    return tuple(Autonomy).index(autonomy)


def reaches(
    exposure: Exposure, bucket: int, cohorts: frozenset[str], tasks: frozenset[str], language: str = "de-CH"
) -> bool:
    """Whether a user of these cohorts, asking for these tasks, in this bucket, gets the feature for them."""
    is_in = not exposure.cohorts or bool(exposure.cohorts & cohorts)
    may_ask = not exposure.tasks or (bool(tasks) and tasks <= exposure.tasks)
    speaks = not exposure.languages or any(
        language == tag or language.startswith(f"{tag}-") for tag in exposure.languages
    )
    return bucket < exposure.share and is_in and may_ask and speaks


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (replace(STAFF, share=501), ["share"]),
        (replace(STAFF, cohorts=frozenset({"staff", "public"})), ["cohorts"]),
        (replace(STAFF, cohorts=frozenset({"public"})), ["cohorts"]),
        (replace(STAFF, cohorts=frozenset()), ["cohorts"]),
        (replace(STAFF, tasks=frozenset()), ["tasks"]),
        (replace(STAFF, autonomy=Autonomy.EXECUTE), ["autonomy"]),
        (replace(STAFF, languages=frozenset({"de"})), []),
        (EVERYBODY, ["share", "cohorts", "tasks", "autonomy"]),
        (replace(STAFF, share=0, cohorts=frozenset(), tasks=frozenset()), []),
        (replace(STAFF, share=0, autonomy=Autonomy.EXECUTE), ["autonomy"]),
        (NOBODY, []),
    ],
)
def test_every_part_that_is_wider_is_named(asked: Exposure, fields: list[str]) -> None:
    refusals = list(asked.wider_than(STAFF))
    assert [refusal.field for refusal in refusals] == fields
    assert {refusal.code for refusal in refusals} <= {"not_narrower"}


def test_naming_a_cohort_is_narrower_than_everybody() -> None:
    assert STAFF.is_within(EVERYBODY)
    assert not EVERYBODY.is_within(STAFF)


@pytest.mark.parametrize("share", [-1, WHOLE + 1])
def test_a_share_outside_of_the_whole_is_no_exposure(share: int) -> None:
    with pytest.raises(ValueError, match=f"share {share} is not between 0 and 10000"):
        Exposure(share=share)


def test_drafting_is_less_than_recommending_is_less_than_executing() -> None:
    assert Autonomy.EXECUTE.exceeds(Autonomy.RECOMMEND)
    assert Autonomy.RECOMMEND.exceeds(Autonomy.DRAFT)
    assert not Autonomy.DRAFT.exceeds(Autonomy.DRAFT)


def test_where_a_person_decides_the_feature_does_not_execute() -> None:
    assert {oversight: oversight.most for oversight in Oversight} == {
        Oversight.AUTONOMOUS: Autonomy.EXECUTE,
        Oversight.REVIEWED_BEFORE_EXECUTION: Autonomy.EXECUTE,
        Oversight.HUMAN_DECIDES: Autonomy.RECOMMEND,
    }
