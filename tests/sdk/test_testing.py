"""The double behaves like the client, and has exactly its methods."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from headgate import Client
from headgate.testing import FakeClient


def public(kind: type) -> dict[str, Any]:
    return {name: member for name, member in vars(kind).items() if not name.startswith("_")}


def test_the_double_has_every_public_method_of_the_client_with_the_same_signature() -> None:
    double = public(FakeClient)
    assert set(double) == set(public(Client)) | {"set"}
    for name, member in public(Client).items():
        assert isinstance(double[name], type(member)), name
        if inspect.isfunction(member):
            assert inspect.signature(double[name]) == inspect.signature(member), name


@pytest.mark.parametrize("mode", ["off", "review", "live"])
def test_it_says_what_it_was_told(mode: Any) -> None:
    client = FakeClient({"feature": mode})
    decision = client.decide("feature", "anybody")
    assert (decision.mode, decision.value["mode"]) == (mode, mode)
    assert decision.review_required is (mode == "review")
    assert (decision.release is None) is (mode == "off")
    assert client.enabled("feature", "anybody") is (mode == "live")


def test_an_unknown_feature_is_an_error_answer_or_the_default() -> None:
    client = FakeClient()
    assert client.decide("absent", "user-1").error_code == "FLAG_NOT_FOUND"
    assert client.decide("absent", "user-1", default="review").mode == "review"
    assert client.enabled("absent", "user-1", default=True) is True


def test_one_user_may_be_told_apart_and_listeners_hear_of_it() -> None:
    heard: list[Any] = []
    with FakeClient({"feature": "live"}) as client:
        client.on_change(heard.append)
        client.set("feature", mode="review", release="r-7f3a12ab34cd", user="user-2")
        assert client.decide("feature", "user-1").mode == "live"
        assert client.decide("feature", "user-2").release == "r-7f3a12ab34cd"
        assert heard == [2] == [client.revision]
        assert client.status == "ready"
        assert client.wait_until_ready()
    assert client.status == "closed"


def test_it_records_outcomes_as_they_would_be_sent() -> None:
    client = FakeClient({"feature": "live"})
    client.report(client.decide("feature", "user-1"), latency_ms=120, grounded=True)
    assert client.outcomes[0]["latency_ms"] == 120
    assert client.outcomes[0]["feature"] == "feature"
    assert client.flush()
    assert client.dropped_outcomes == 0
