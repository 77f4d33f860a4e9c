"""The client as a product sees it, with its threads, against a real server."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from headgate import Client, Decision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEY = "hg_server_1_secret"
anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()), st.builds(object)
)


class Hostile:
    """An object that raises whatever one does with it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def _raise(self, *_: Any) -> Any:
        raise RuntimeError

    __str__ = __hash__ = __eq__ = __iter__ = __len__ = __bool__ = _raise  # type: ignore[assignment]


@pytest.fixture
def client(server: Any) -> Iterator[Client]:
    with Client(server.url, KEY, poll_interval_s=0.02) as running:
        yield running


@pytest.fixture
def ready(server: Any, document: Any) -> Iterator[Client]:
    server.serve(document())
    with Client(server.url, KEY, poll_interval_s=0.02) as running:
        assert running.wait_until_ready(20)
        yield running


def test_before_the_first_document_the_default_applies(client: Client) -> None:
    decision = client.decide("feature", "user-1")
    assert (decision.mode, decision.enabled) == ("off", False)
    assert (decision.reason, decision.error_code) == ("ERROR", "PROVIDER_NOT_READY")
    assert client.decide("feature", "user-1", default="review").review_required
    assert client.decide("feature", "user-1", default=decision) is decision
    assert client.enabled("feature", "user-1", default=True) is True
    assert client.wait_until_ready(0) is False
    assert (client.status, client.revision) == ("starting", None)


def test_a_client_without_a_server_starts_and_answers() -> None:
    with Client("http://127.0.0.1:1", KEY, poll_interval_s=0.02) as client:
        assert client.decide("feature", "user-1").mode == "off"


def test_a_known_user_gets_the_feature(ready: Client) -> None:
    decision = ready.decide(
        "feature", "user-1", task="summarise", cohorts=("staff",), attributes={"region": "eu"}
    )
    assert decision.enabled
    assert (decision.mode, decision.reason, decision.error_code) == ("live", "TARGETING_MATCH", None)
    assert (decision.release, decision.autonomy, decision.fallback) == (
        "r-7f3a12ab34cd",
        "recommend",
        "classic-search",
    )
    assert (decision.feature, decision.variant, decision.revision) == ("feature", "stable", 1)
    assert decision.value["stage"] == "pilot"
    assert ready.enabled("feature", "user-1") is True
    assert (ready.status, ready.revision) == ("ready", 1)


@pytest.mark.parametrize("user", [None, "", True, 1.5, object(), b"user-1", ["user-1"]])
def test_who_cannot_be_told_apart_is_outside_any_percentage(ready: Client, user: Any) -> None:
    assert ready.decide("feature", user).mode == "off"
    assert ready.enabled("feature", user) is False


@pytest.mark.parametrize("user", [42, uuid.UUID(int=7)])
def test_numbers_and_uuids_identify_a_user(ready: Client, user: Any) -> None:
    assert ready.decide("feature", user) is ready.decide("feature", str(user))


def test_an_attribute_never_stands_for_the_user(ready: Client) -> None:
    assert ready.decide("feature", None, attributes={"targetingKey": "user-1"}).mode == "off"


@pytest.mark.parametrize(
    ("feature", "reason", "code"),
    [
        ("absent", "ERROR", "FLAG_NOT_FOUND"),
        ("plain", "ERROR", "TYPE_MISMATCH"),
        ("broken", "ERROR", "PARSE_ERROR"),
        ("disabled", "DISABLED", None),
    ],
)
def test_without_a_value_the_default_applies_and_says_why(
    ready: Client, feature: str, reason: str, code: str | None
) -> None:
    decision = ready.decide(feature, "user-1")
    assert (decision.mode, decision.reason, decision.error_code) == ("off", reason, code)
    assert ready.decide(feature, "user-1", default="live").enabled
    assert ready.decide(feature, "user-1", default="live").error_code == code
    assert ready.enabled(feature, "user-1") is False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    feature=st.one_of(st.just("feature"), anything),
    user=anything,
    task=anything,
    cohorts=anything,
    attributes=anything,
    default=anything,
)
def test_a_question_never_raises(
    ready: Client, feature: Any, user: Any, task: Any, cohorts: Any, attributes: Any, default: Any
) -> None:
    more = {"task": task, "cohorts": cohorts, "attributes": attributes}
    assert isinstance(ready.decide(feature, user, default=default, **more), Decision)
    ready.enabled(feature, user, **more)
    ready.report(feature, task=user)


@pytest.mark.parametrize("where", ["feature", "user", "task", "cohorts", "attributes", "default"])
def test_a_hostile_object_does_no_harm(ready: Client, where: str) -> None:
    question: dict[str, Any] = {"feature": "feature", "user": "user-1", where: Hostile()}
    assert isinstance(ready.decide(**question), Decision)


def test_a_flip_of_the_flag_is_seen(server: Any, ready: Client, document: Any) -> None:
    seen = threading.Event()
    ready.on_change(lambda revision: revision == 2 and seen.set())
    server.serve(document("off", revision=2))
    assert seen.wait(20)
    assert ready.decide("feature", "user-1").mode == "off"
    assert ready.revision == 2


def test_it_comes_back_after_the_server_refused_and_failed(
    server: Any, client: Client, document: Any
) -> None:
    server.fail(500)
    server.wait_for(lambda: len(server.requests) > 3)
    server.serve(document())
    assert client.wait_until_ready(20)


def test_after_closing_every_flag_obeys_its_when_lost(ready: Client) -> None:
    ready.close()
    ready.close()
    assert ready.status == "closed"
    decision = ready.decide("feature", "user-1")
    assert (decision.mode, decision.reason, decision.review_required) == ("review", "STALE", True)
    assert ready.enabled("feature", "user-1") is False


def test_it_may_be_closed_by_its_own_listener(server: Any, client: Client, document: Any) -> None:
    closed = threading.Event()
    client.on_change(lambda _: (client.close(), closed.set()))
    server.serve(document())
    assert closed.wait(20)


def test_an_outcome_says_which_release_made_the_answer(server: Any, ready: Client) -> None:
    ready.report(
        ready.decide("feature", "user-1"),
        task="summarise",
        latency_ms=120.4,
        grounded=True,
        review="accepted",
    )
    assert ready.flush(20)
    ((sent,),) = server.batches
    assert sent["feature"] == "feature"
    assert sent["release"] == "r-7f3a12ab34cd"
    assert (sent["mode"], sent["task"], sent["latency_ms"], sent["grounded"]) == (
        "live",
        "summarise",
        120,
        True,
    )
    assert sent["citations_valid"] is None


def test_what_is_no_decision_cannot_be_reported_and_is_counted(ready: Client) -> None:
    ready.report(None)  # type: ignore[arg-type]
    assert ready.dropped_outcomes == 1


def test_closing_sends_what_is_queued(server: Any, ready: Client) -> None:
    ready.report(ready.decide("feature", "user-1"), error=False)
    ready.close(20)
    assert len(server.batches) == 1
    ready.report(ready.decide("feature", "user-1"), error=False)
    assert ready.dropped_outcomes == 1


@pytest.mark.parametrize(
    ("url", "key", "more"),
    [
        ("ftp://host", KEY, {}),
        ("host:8080", KEY, {}),
        ("http://host", "", {}),
        ("http://host", "a\nb", {}),
        ("http://host", KEY, {"poll_interval_s": 0}),
        ("http://host", KEY, {"timeout_s": -1}),
    ],
)
def test_arguments_that_cannot_be_right_are_refused(url: str, key: str, more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Client(url, key, **more)
