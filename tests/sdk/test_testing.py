"""The double behaves like the client, and has exactly its methods."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from headgate import Client
from headgate.testing import FakeClient


def public(kind: type) -> dict[str, Any]:
    return {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}


def test_the_double_has_every_public_method_of_the_client_with_the_same_signature() -> None:
    double, real = public(FakeClient), public(Client)
    assert set(real) - set(double) == {"after_fork"}
    assert set(double) - set(real) == {"set", "set_flag", "override", "lose"}
    for name in set(real) & set(double):
        if inspect.isfunction(real[name]):
            assert inspect.signature(double[name]) == inspect.signature(real[name]), name


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
        assert client.status == "offline"
        assert client.wait_until_ready()
    assert client.status == "closed"


def test_it_records_outcomes_as_they_would_be_sent() -> None:
    client = FakeClient({"feature": "live"})
    client.report(client.decide("feature", "user-1"), latency_ms=120, grounded=True)
    assert client.outcomes[0]["latency_ms"] == 120
    assert client.outcomes[0]["feature"] == "feature"
    assert client.flush()
    assert client.dropped_outcomes == 0


def test_an_override_ends_with_its_block() -> None:
    client = FakeClient({"feature": "live"})
    with client.override("feature", "review", user="user-2"), client.override("other"):
        assert client.decide("feature", "user-2").mode == "review"
        assert client.decide("feature", "user-1").mode == "live"
        assert client.decide("other").enabled
    assert client.decide("feature", "user-2").mode == "live"
    assert client.decide("other").error_code == "FLAG_NOT_FOUND"


def test_plain_flags_are_told_too_and_a_user_may_be_told_apart() -> None:
    client = FakeClient()
    client.set_flag("limit", 10)
    client.set_flag("limit", 99, user="user-2")
    assert (client.number("limit", "user-1"), client.number("limit", "user-2")) == (10, 99)


def test_it_can_behave_as_if_headgate_were_lost() -> None:
    client, heard = FakeClient({"feature": "live"}), []
    client.on_status(heard.append)
    client.lose()
    decision = client.decide("feature", "user-1")
    assert (decision.mode, decision.reason, client.status, heard) == ("review", "STALE", "lost", ["lost"])
    client.set("feature", mode="live", when_lost="off")
    assert (client.decide("feature", "user-1").mode, client.status) == ("off", "lost")
    client.close()
    assert (client.status, heard) == ("closed", ["lost", "closed"])


@pytest.mark.parametrize("words", [{"mode": "on"}, {"when_lost": "stop"}, {"on_switch": "stay"}])
def test_a_word_that_headgate_never_says_is_refused_with_those_it_says(words: Any) -> None:
    with pytest.raises(ValueError, match=r"must be one of \w+, \w+"):
        FakeClient().set("feature", **words)


@pytest.mark.parametrize("user", ["everybody", 42, {"targetingKey": "user-2", "region": "eu"}, ""])
def test_a_user_who_is_told_apart_is_known_by_id_or_context_and_is_nobody_else(user: Any) -> None:
    client = FakeClient({"feature": "live"})
    client.set("feature", mode="off", user=user)
    assert client.decide("feature", user).mode == "off"
    assert client.decide("feature", "user-1").mode == "live"


def test_the_fixture_gives_a_double(pytester_free_fixture: FakeClient) -> None:
    pytester_free_fixture.set("feature")
    assert pytester_free_fixture.decide("feature").enabled


@pytest.fixture
def pytester_free_fixture() -> Iterator[FakeClient]:
    from headgate.pytest_plugin import headgate_client

    yield from headgate_client.__wrapped__()  # type: ignore[attr-defined]
