"""What becomes of a rollout's value, fresh and when Headgate is lost."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from headgate import Decision
from headgate.evaluator import Document
from headgate.sampling import is_sampled
from headgate.tallies import Tallies
from headgate.view import View

USER = {"targetingKey": "user-1"}


def view_of(document: Any) -> View:
    return View(Document.parse(document), Tallies())


def is_on(view: View) -> Any:
    return view.find("feature.enabled", USER).value


def decide(document: Any, *, lost: bool = False) -> Decision:
    view = view_of(document)
    return (view.lost() if lost else view).find("feature", USER).decision


def test_a_decision_and_its_value_cannot_be_changed(document: Any) -> None:
    decision = decide(document())
    with pytest.raises(dataclasses.FrozenInstanceError):
        decision.mode = "off"  # type: ignore[misc]
    for change in (
        lambda: decision.value.update(mode="off"),  # type: ignore[attr-defined]
        lambda: decision.value["release"].__setitem__("id", "x"),
        lambda: decision.value["release"]["model"].pop("id"),
    ):
        with pytest.raises(TypeError):
            change()


def test_a_value_can_be_dumped_and_its_copies_changed(document: Any, value: Any) -> None:
    decision = decide(document())
    assert json.loads(json.dumps(decision.value)) == value()
    for copied in (copy.copy(decision.value), copy.deepcopy(decision.value), decision.value.copy()):  # type: ignore[attr-defined]
        copied["mode"] = "off"
    assert type(pickle.loads(pickle.dumps(decision.value))) is dict
    assert decision.value["mode"] == "live"


def test_the_same_answer_is_the_same_decision(document: Any) -> None:
    view = view_of(document())
    assert view.find("feature", USER).decision is view.find("feature", USER).decision


def test_features_with_equal_values_hold_the_same_one(document: Any, value: Any) -> None:
    given = document()
    given["flags"]["another"] = given["flags"]["feature"]
    view = View(Document.read(json.dumps(given)), Tallies())
    one, other = (view.find(feature, USER).decision for feature in ("feature", "another"))
    assert (one.feature, other.feature) == ("feature", "another")
    assert json.loads(json.dumps(one.value)) == value()
    assert one.value is other.value


def test_review_is_required_by_the_mode_or_by_the_value(document: Any, value: Any) -> None:
    assert decide(document("review")).review_required
    assert not decide(document("live")).review_required
    given = document("live")
    given["flags"]["feature"]["variants"]["stable"] = value(review={"required": True})
    assert decide(given).review_required


@pytest.mark.parametrize(
    ("policy", "mode", "lost_mode"),
    [
        ("keep", "live", "live"),
        ("keep", "review", "review"),
        ("review", "live", "review"),
        ("review", "review", "review"),
        ("review", "off", "off"),
        ("off", "live", "off"),
        ("off", "review", "off"),
        ("off", "off", "off"),
        (None, "live", "review"),
        ("nonsense", "live", "review"),
    ],
)
def test_a_lost_flag_obeys_its_own_policy_and_is_never_less_safe(
    document: Any, policy: str | None, mode: str, lost_mode: str
) -> None:
    decision = decide(document(mode, when_lost=policy), lost=True)
    assert (decision.mode, decision.reason) == (lost_mode, "STALE")
    assert decision.value["mode"] == lost_mode
    assert decision.review_required is (lost_mode == "review")
    if policy == "off":
        assert decision.release is None or mode == "off"


@pytest.mark.parametrize(("policy", "on"), [("keep", True), ("review", False), ("off", False), (None, False)])
def test_a_lost_switch_follows_its_feature(document: Any, policy: str | None, on: bool) -> None:
    view = view_of(document(when_lost=policy))
    assert is_on(view) is True
    assert is_on(view.lost()) is on


def test_the_policy_of_the_switch_itself_comes_first(document: Any) -> None:
    given = document(when_lost="off")
    given["flags"]["feature.enabled"]["metadata"] = {"when_lost": "keep"}
    view = view_of(given).lost()
    assert is_on(view) is True


@pytest.mark.parametrize("revision", ["7", True, 1.5])
def test_a_revision_that_is_no_whole_number_is_none(document: Any, revision: Any) -> None:
    assert decide(document(revision=revision)).revision is None


def test_a_plain_value_stays_when_lost_unless_its_flag_says_otherwise(document: Any) -> None:
    given = document()
    for policy, variant in (("keep", "a"), ("review", None), ("off", None), (None, "a")):
        given["flags"]["plain"]["metadata"] = {} if policy is None else {"when_lost": policy}
        found = view_of(given).lost().find("plain", USER)
        assert (found.variant, found.reason, found.error_code) == (variant, "STALE", None)
        asked_as_a_feature = found.decision_with("plain", "live")
        assert (asked_as_a_feature.mode, asked_as_a_feature.error_code) == ("live", "TYPE_MISMATCH")


def test_a_human_looks_at_what_is_required_unsure_or_sampled(document: Any, value: Any) -> None:
    given = document("live")
    review = {"required": False, "sample_rate": 0.25, "below_confidence": 0.8, "reviewers": []}
    given["flags"]["feature"]["variants"]["stable"] = value(review=review)
    decision = decide(given)
    assert decision.needs_review(confidence=0.7)
    assert decision.needs_review(confidence=float("nan"))
    assert decision.needs_review()
    assert not decision.needs_review(confidence=0.8)
    assert not decision.needs_review(confidence=Decimal("0.8"))
    nonsense: list[Any] = ["0.9", True, [], Decimal("NaN")]
    assert all(decision.needs_review(confidence=word) for word in nonsense)
    sampled = [n for n in range(4000) if decision.needs_review(f"conversation-{n}", 0.9)]
    assert 900 < len(sampled) < 1100
    assert sampled == [n for n in range(4000) if decision.needs_review(f"conversation-{n}", 1.0)]
    assert decide(document("review")).needs_review(confidence=1.0)


def test_a_growing_sample_only_adds_and_its_ends_are_nobody_and_everybody() -> None:
    names = [f"conversation-{n}" for n in range(500)]
    before: set[str] = set()
    for rate in (0.0, 0.1, 0.5, 0.9, 1.0):
        now = {name for name in names if is_sampled("feature", name, rate)}
        assert before <= now
        before = now
    assert before == set(names)
    assert not any(is_sampled("feature", name, 0.0) for name in names)
