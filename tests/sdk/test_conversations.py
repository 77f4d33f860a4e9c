"""Conversations keep the release they began with where their feature lets them."""

from __future__ import annotations

from typing import Any

import pytest
from headgate.conversations import Conversations
from headgate.testing import FakeClient


@pytest.fixture
def client() -> FakeClient:
    client = FakeClient()
    client.set("feature", release="r-old", on_switch="finish")
    return client


def release(client: FakeClient, conversation: str | None) -> Any:
    decision = client.decide("feature", "user-1", conversation=conversation)
    inside = decision.value["release"]
    assert (inside and inside["id"]) == decision.release
    return decision.release


def test_a_live_conversation_finishes_on_its_release_and_a_new_one_gets_the_new(client: FakeClient) -> None:
    assert release(client, "c-1") == "r-old"
    client.set("feature", release="r-new", on_switch="finish")
    assert [release(client, "c-1"), release(client, "c-1"), release(client, "c-2")] == [
        "r-old",
        "r-old",
        "r-new",
    ]
    assert release(client, None) == "r-new"


def test_with_move_everybody_moves_at_once_and_stays_there(client: FakeClient) -> None:
    assert release(client, "c-1") == "r-old"
    client.set("feature", release="r-new", on_switch="move")
    assert release(client, "c-1") == "r-new"
    client.set("feature", release="r-newer", on_switch="finish")
    assert release(client, "c-1") == "r-new"


def test_going_down_reaches_a_live_conversation(client: FakeClient) -> None:
    assert release(client, "c-1") == "r-old"
    client.set("feature", release="r-new", mode="review", on_switch="finish")
    decision = client.decide("feature", "user-1", conversation="c-1")
    assert (decision.mode, decision.review_required, decision.release) == ("review", True, "r-old")
    client.set("feature", mode="off", on_switch="finish")
    assert client.decide("feature", "user-1", conversation="c-1").mode == "off"


def test_features_are_kept_apart(client: FakeClient) -> None:
    client.set("other", release="r-a", on_switch="finish")
    assert client.decide("other", conversation="c-1").release == "r-a"
    assert release(client, "c-1") == "r-old"


def test_the_conversation_not_heard_of_for_longest_is_forgotten_first(client: FakeClient) -> None:
    client._conversations = Conversations(capacity=2)
    for name in ("c-1", "c-2", "c-1", "c-3"):
        release(client, name)
    client.set("feature", release="r-new", on_switch="finish")
    assert [release(client, name) for name in ("c-1", "c-2")] == ["r-old", "r-new"]


def test_an_id_that_cannot_be_remembered_does_no_harm(client: FakeClient) -> None:
    assert client.decide("feature", conversation=[]).mode in ("live", "off")  # type: ignore[arg-type]
