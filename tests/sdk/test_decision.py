"""What becomes of a rollout's value, fresh and when Headgate is lost."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest
from headgate import Decision
from headgate.evaluator import Document
from headgate.view import View

USER = {"targetingKey": "user-1"}


def decide(document: Any, *, lost: bool = False) -> Decision:
    view = View(Document.parse(document))
    return (view.lost() if lost else view).decide("feature", USER, None)


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
    view = View(Document.parse(document()))
    assert view.decide("feature", USER, None) is view.decide("feature", USER, None)


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
    view = View(Document.parse(document(when_lost=policy)))
    assert view.is_on("feature", USER, False) is True
    assert view.lost().is_on("feature", USER, False) is on


def test_the_policy_of_the_switch_itself_comes_first(document: Any) -> None:
    given = document(when_lost="off")
    given["flags"]["feature.enabled"]["metadata"] = {"when_lost": "keep"}
    view = View(Document.parse(given)).lost()
    assert view.is_on("feature", USER, False) is True
    assert view.is_on("feature", USER, False) is True


@pytest.mark.parametrize("revision", ["7", True, 1.5])
def test_a_revision_that_is_no_whole_number_is_none(document: Any, revision: Any) -> None:
    assert decide(document(revision=revision)).revision is None
