"""A rollout as flags: for each stage, mode, exposure and candidate, who gets what."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from headgate.evaluator import Document
from hypothesis import given
from hypothesis import strategies as st

from controller.flags.document import document, flags_of, off_flags
from stages import EXPOSED, WHOLE, Autonomy, Exposure, Mode, Review, Rollout, Stage

STABLE, CANDIDATE, OTHER = "r-000000000001", "r-000000000002", "r-000000000003"
BUNDLES = {id: {"guardrails": f"g-{id}", "limits": {"timeout_ms": 8000}} for id in (STABLE, CANDIDATE, OTHER)}
FEATURE = "claims-assistant"
EVERYBODY = Exposure(share=WHOLE)

users = st.text(min_size=1, max_size=20)
shares = st.integers(0, WHOLE)


def rollout(**changed: Any) -> Rollout:
    standing = Rollout(
        feature=FEATURE,
        environment="production",
        stage=Stage.PILOT,
        mode=Mode.LIVE,
        exposure=EVERYBODY,
        stable=STABLE,
        stage_since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(standing, **changed)


def compiled(standing: Rollout) -> dict[str, Any]:
    flags = flags_of(standing, BUNDLES.__getitem__, fallback="search", when_lost="review")
    return document("acme", standing.environment, 7, 300, flags)


def parsed(standing: Rollout) -> Document:
    return Document.parse(json.loads(json.dumps(compiled(standing))))


def variant(flags: Document, user: str | None = "user-1", **context: Any) -> str | None:
    who = {"targetingKey": user} if user is not None else {}
    return flags.evaluate(FEATURE, {**who, **context}).variant


def is_on(flags: Document, user: str | None = "user-1", **context: Any) -> bool:
    who = {"targetingKey": user} if user is not None else {}
    value = flags.evaluate(f"{FEATURE}.enabled", {**who, **context}).value
    assert isinstance(value, bool)
    return value


EXPOSURES = {
    "everybody": EVERYBODY,
    "nobody": Exposure(share=0),
    "a cohort": Exposure(share=WHOLE, cohorts=frozenset({"staff"})),
    "a language": Exposure(share=WHOLE, languages=frozenset({"de", "zh-Hant"})),
    "a task": Exposure(share=WHOLE, tasks=frozenset({"summarise"})),
    "a cohort and a task": Exposure(
        share=WHOLE, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"})
    ),
}
ASKERS: dict[str, dict[str, Any]] = {
    "anybody": {},
    "staff": {"cohorts": ["staff", "beta"]},
    "summarising": {"task": "summarise"},
    "a German": {"language": "de"},
    "a Swiss": {"language": "de-CH"},
    "a Dane": {"language": "den"},
    "somebody whose language is a number": {"language": 7},
    "summarising staff": {"cohorts": ["staff"], "task": "summarise"},
}
LETS_IN = {
    "everybody": set(ASKERS),
    "nobody": set(),
    "a cohort": {"staff", "summarising staff"},
    "a language": {"a German", "a Swiss"},
    "a task": {"summarising", "summarising staff"},
    "a cohort and a task": {"summarising staff"},
}
CASES = list(itertools.product(Stage, Mode, EXPOSURES, (None, 0, WHOLE)))


@pytest.mark.parametrize(("stage", "mode", "exposure", "candidate_share"), CASES)
def test_who_gets_what(stage: Stage, mode: Mode, exposure: str, candidate_share: int | None) -> None:
    candidate = None if candidate_share is None else CANDIDATE
    standing = rollout(
        stage=stage,
        mode=mode,
        exposure=EXPOSURES[exposure],
        candidate=candidate,
        candidate_share=candidate_share or 0,
    )
    flags = parsed(standing)
    for name, context in ASKERS.items():
        is_in = stage in EXPOSED and mode is not Mode.OFF and name in LETS_IN[exposure]
        expected = "off" if not is_in else "candidate" if candidate_share == WHOLE else "stable"
        found = flags.evaluate(FEATURE, {"targetingKey": "user-1", **context})
        assert found.variant == expected, name
        value = found.value
        assert value["mode"] == (mode if is_in else "off")
        assert value["stage"] == stage
        release = CANDIDATE if expected == "candidate" else STABLE
        assert (value["release"] or {}).get("id") == (release if is_in else None)
        assert value["review"]["required"] is (is_in and mode is Mode.REVIEW)
        assert value["fallback"] == "search"
        assert is_on(flags, **context) is (is_in and mode is Mode.LIVE), name


KEYS = {"mode", "stage", "autonomy", "release", "review", "fallback", "limits"}


@pytest.mark.parametrize(("stage", "mode"), list(itertools.product(Stage, Mode)))
def test_every_value_has_every_part(stage: Stage, mode: Mode) -> None:
    flags = compiled(rollout(stage=stage, mode=mode, candidate=CANDIDATE, candidate_share=1))["flags"]
    for value in flags[FEATURE]["variants"].values():
        assert set(value) == KEYS
        assert set(value["review"]) == {"required", "sample_rate", "below_confidence", "reviewers"}
        assert (value["release"] is None) is (value["mode"] == "off")
    assert flags[f"{FEATURE}.enabled"]["variants"] == {"on": True, "off": False}
    assert flags[FEATURE]["defaultVariant"] == flags[f"{FEATURE}.enabled"]["defaultVariant"] == "off"


def test_the_value_holds_what_was_decided() -> None:
    review = Review(sample=2000, below_confidence=0.8, reviewers=("claims-qa",))
    exposure = Exposure(share=WHOLE, autonomy=Autonomy.EXECUTE)
    value = parsed(rollout(review=review, exposure=exposure)).evaluate(FEATURE, {}).value
    assert value == {
        "mode": "live",
        "stage": "pilot",
        "autonomy": "execute",
        "release": {"id": STABLE, "guardrails": f"g-{STABLE}"},
        "review": {
            "required": False,
            "sample_rate": 0.2,
            "below_confidence": 0.8,
            "reviewers": ["claims-qa"],
        },
        "fallback": "search",
        "limits": {"timeout_ms": 8000},
    }


def test_without_a_release_nobody_has_anything() -> None:
    flags = parsed(rollout(stable=None))
    assert variant(flags) == "off"
    assert not is_on(flags)


def test_the_metadata_says_where_the_rollout_stands() -> None:
    flags = parsed(rollout(version=12))
    for key in (FEATURE, f"{FEATURE}.enabled"):
        assert flags.evaluate(key, {}).metadata == {
            "project": "acme",
            "environment": "production",
            "revision": 7,
            "valid_for_s": 300,
            "stage": "pilot",
            "mode": "live",
            "when_lost": "review",
            "on_switch": "move",
            "rollout_version": 12,
        }


@given(st.lists(users, max_size=30), shares, shares)
def test_growing_a_share_never_evicts_anyone(everyone: list[str], one: int, other: int) -> None:
    small, large = (parsed(rollout(exposure=Exposure(share=share))) for share in sorted((one, other)))
    for user in everyone:
        assert variant(small, user) == "off" or variant(large, user) == "stable"
        assert is_on(large, user) or not is_on(small, user)


@given(users, shares, shares, st.integers(1, WHOLE - 1), st.integers(1, WHOLE - 1))
def test_growing_a_candidate_only_moves_users_from_stable_to_candidate(
    user: str, one: int, other: int, share: int, more: int
) -> None:
    small, large = sorted((one, other))
    few, many = sorted((share, more))
    before = parsed(rollout(exposure=Exposure(share=small), candidate=CANDIDATE, candidate_share=few))
    after = parsed(rollout(exposure=Exposure(share=large), candidate=CANDIDATE, candidate_share=many))
    if variant(before, user) == "candidate":
        assert variant(after, user) == "candidate"
    elif variant(before, user) == "stable":
        assert variant(after, user) in ("stable", "candidate")


@given(users, shares, st.integers(1, WHOLE - 1))
def test_a_candidate_changes_what_users_get_and_not_who_they_are(
    user: str, share: int, candidate_share: int
) -> None:
    plain = parsed(rollout(exposure=Exposure(share=share)))
    tried = parsed(
        rollout(exposure=Exposure(share=share), candidate=CANDIDATE, candidate_share=candidate_share)
    )
    assert (variant(plain, user) == "off") is (variant(tried, user) == "off")
    assert is_on(plain, user) is is_on(tried, user)


@given(users, shares, st.sampled_from([Mode.LIVE, Mode.REVIEW]))
def test_both_flags_and_both_modes_let_the_same_users_in(user: str, share: int, mode: Mode) -> None:
    exposure = Exposure(share=share)
    flags = parsed(rollout(exposure=exposure, mode=mode))
    live = parsed(rollout(exposure=exposure))
    assert variant(flags, user) == variant(live, user)
    assert is_on(live, user) is (variant(live, user) != "off")
    assert is_on(flags, user) is (mode is Mode.LIVE and variant(flags, user) != "off")


def drawn(standing: Rollout, count: int = 4000) -> list[str | None]:
    flags = parsed(standing)
    return [variant(flags, f"user-{number}") for number in range(count)]


@pytest.mark.parametrize("share", [1, 100, 2500, 5000, 9999])
def test_a_share_is_about_as_large_as_it_says(share: int) -> None:
    inside = sum(found != "off" for found in drawn(rollout(exposure=Exposure(share=share))))
    assert abs(inside / 4000 - share / WHOLE) < 0.025


def test_each_candidate_draws_its_users_anew_and_features_do_not_share_theirs() -> None:
    tried = {
        release: [found == "candidate" for found in drawn(rollout(candidate=release, candidate_share=5000))]
        for release in (CANDIDATE, OTHER)
    }
    exposed = [found != "off" for found in drawn(rollout(exposure=Exposure(share=5000)))]
    for one, other in itertools.combinations([*tried.values(), exposed], 2):
        both = sum(itertools.starmap(lambda a, b: a and b, zip(one, other, strict=True)))
        assert abs(both / 4000 - 0.25) < 0.03


def test_a_candidate_has_its_share_of_those_who_are_exposed() -> None:
    found = drawn(rollout(exposure=Exposure(share=5000), candidate=CANDIDATE, candidate_share=2000))
    exposed = [one for one in found if one != "off"]
    assert abs(exposed.count("candidate") / len(exposed) - 0.2) < 0.03


@given(st.integers(1, WHOLE - 1))
def test_who_has_no_key_is_outside_any_percentage_and_inside_all(share: int) -> None:
    part = parsed(rollout(exposure=Exposure(share=share)))
    everybody = parsed(rollout(candidate=CANDIDATE, candidate_share=share))
    for user in (None, ""):
        assert variant(part, user) == "off"
        assert not is_on(part, user)
        assert variant(everybody, user) == "stable", "nobody is tried upon who cannot be told from others"
        assert is_on(everybody, user)


NOT_STAFF: list[Any] = [
    [],
    ["staff-emea"],
    ["nostaff"],
    ["Staff"],
    "staff-emea",
    "my staff",
    ["sta", "ff"],
    None,
    1,
    True,
    {"staff": 1},
    [["staff"]],
]


@pytest.mark.parametrize("cohorts", NOT_STAFF, ids=repr)
def test_a_cohort_is_matched_whole(cohorts: Any) -> None:
    flags = parsed(rollout(exposure=EXPOSURES["a cohort"]))
    assert variant(flags, cohorts=cohorts) == "off"
    assert not is_on(flags, cohorts=cohorts)


def test_one_of_several_cohorts_is_enough_also_when_it_is_sent_alone() -> None:
    flags = parsed(rollout(exposure=Exposure(share=WHOLE, cohorts=frozenset({"staff", "beta"}))))
    for cohorts in (["staff"], ["beta"], ["x", "beta"], "staff"):
        assert variant(flags, cohorts=cohorts) == "stable"


@pytest.mark.parametrize("task", ["summar", "summarise ", "Summarise", "", None, 1, ["summarise"]], ids=repr)
def test_a_task_is_matched_whole(task: Any) -> None:
    flags = parsed(rollout(exposure=EXPOSURES["a task"]))
    assert variant(flags, task=task) == "off"
    assert variant(flags, task="summarise") == "stable"


def test_a_share_counts_among_those_who_are_let_in_otherwise() -> None:
    exposure = Exposure(share=5000, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"}))
    plain, strict = parsed(rollout(exposure=Exposure(share=5000))), parsed(rollout(exposure=exposure))
    for number in range(200):
        user = f"user-{number}"
        assert variant(strict, user) == "off"
        inside = variant(strict, user, cohorts=["staff"], task="summarise")
        assert inside == variant(plain, user)


@pytest.mark.parametrize(
    "broken",
    [
        {"candidate": CANDIDATE, "candidate_share": WHOLE + 1},
        {"candidate": CANDIDATE, "candidate_share": -1},
        {"candidate": CANDIDATE, "candidate_share": 0.5},
        {"candidate": CANDIDATE, "candidate_share": True},
        {"exposure": replace(EVERYBODY, share=0.5)},  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_share_that_is_none_is_not_compiled(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="share"):
        compiled(rollout(**broken))


def test_a_release_that_is_not_there_is_not_compiled() -> None:
    with pytest.raises(KeyError):
        compiled(rollout(stable="r-999999999999"))


def test_what_cannot_be_read_is_off_and_says_why() -> None:
    flags = Document.parse(document("acme", "production", 1, 300, off_flags(FEATURE, "ValueError: a reason")))
    found = flags.evaluate(FEATURE, {"targetingKey": "user-1"})
    assert (found.variant, found.value["mode"], found.value["release"]) == ("off", "off", None)
    assert found.metadata["broken"] == "ValueError: a reason"
    assert found.metadata["when_lost"] == "off"
    assert not is_on(flags)


def test_the_metadata_says_what_becomes_of_running_conversations() -> None:
    flags = flags_of(
        rollout(), BUNDLES.__getitem__, fallback="search", when_lost="review", on_switch="finish"
    )
    assert {flag["metadata"]["on_switch"] for flag in flags.values()} == {"finish"}
