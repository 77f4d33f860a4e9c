"""The client as a product sees it, with its threads, against a real server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import uuid
from collections import OrderedDict, UserDict
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from headgate import Client, Decision, OfflineClient
from headgate.evaluator import Document
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


def test_the_lease_ends_in_time_also_while_the_look_up_of_the_name_hangs(
    server: Any, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = json.dumps(document(valid_for_s=0.3)).encode()
    server.fail(200, {"ETag": '"1"', "Connection": "close"}, served)
    looked_up, answered, lost = socket.getaddrinfo, threading.Event(), threading.Event()
    asked: list[Any] = []

    def look_up(*given: Any) -> Any:
        asked.append(given)
        if len(asked) > 1:
            answered.wait(20)
        return looked_up(*given)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Client(server.url, KEY, poll_interval_s=0.02, stream=False) as client:
        client.on_status(lambda status: status == "lost" and lost.set())
        assert client.status == "lost" or lost.wait(15)
        assert client.decide("feature", "user-1").mode == "review"
        answered.set()


def test_after_closing_every_flag_obeys_its_when_lost(ready: Client) -> None:
    ready.close()
    ready.close()
    assert ready.status == "closed"
    decision = ready.decide("feature", "user-1")
    assert (decision.mode, decision.reason, decision.review_required) == ("review", "STALE", True)
    assert ready.enabled("feature", "user-1") is False


def test_it_may_be_closed_by_its_own_listener(server: Any, ready: Client, document: Any) -> None:
    closed = threading.Event()
    ready.on_change(lambda _: (ready.close(), closed.set()))
    server.serve(document(revision=2))
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
        ("http://host", KEY, {"poll_interval_s": float("inf")}),
        ("http://host", KEY, {"timeout_s": float("nan")}),
        ("http://host", KEY, {"timeout_s": "5"}),
        ("http://host", KEY, {"app": "a" * 101}),
        ("http://host", KEY, {"app_version": "1\n"}),
        ("http://host", KEY, {"app": 5}),
        ("http://host", 5, {}),
        (None, KEY, {}),
        ("http://host\n", KEY, {}),
        ("http://host:port", KEY, {}),
        ("http://:80", KEY, {}),
        ("http://[::1", KEY, {}),
        ("http://host/?a=b", KEY, {}),
    ],
)
def test_arguments_that_cannot_be_right_are_refused(url: Any, key: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Client(url, key, **more)


def test_a_stream_brings_a_change_at_once_and_nothing_is_asked_for(server: Any, document: Any) -> None:
    server.stream_document(document("live", revision=1))
    with Client(server.url, KEY, poll_interval_s=3600) as client:
        assert client.wait_until_ready(20)
        seen = threading.Event()
        client.on_change(lambda _: seen.set())
        server.streams[0].patch(1, document("off", revision=2), "feature")
        assert seen.wait(20)
        assert (client.decide("feature", "user-1").mode, client.revision) == ("off", 2)
        assert server.requests == []


def test_polling_takes_over_when_the_stream_is_lost_and_hands_back(server: Any, document: Any) -> None:
    server.stream_document(document("live", revision=1))
    with Client(server.url, KEY, poll_interval_s=0.02) as client:
        assert client.wait_until_ready(20)
        assert server.requests == []
        server.stream_status = 503
        server.serve(document("review", revision=2))
        seen = threading.Event()
        client.on_change(lambda revision: revision == 2 and seen.set())
        server.streams[0].end()
        assert seen.wait(20)
        assert client.decide("feature", "user-1").mode == "review"
        server.stream_document(document("off", revision=3))
        server.fail(500)
        server.wait_for(lambda: len(server.streams) == 2)
        while client.revision != 3:
            assert client.status in ("ready", "stale")
        assert client.decide("feature", "user-1").mode == "off"


def test_a_client_may_do_without_a_stream(server: Any, document: Any) -> None:
    server.stream_document(document())
    with Client(server.url, KEY, stream=False) as client:
        assert client.wait_until_ready(20)
        assert server.asked_for_stream == 0


@pytest.mark.parametrize("problem", [ValueError, SystemExit])
def test_a_listener_that_fails_or_wants_to_exit_stops_nothing(
    server: Any, document: Any, problem: Any
) -> None:
    heard: list[Any] = []

    def fail(what: Any) -> None:
        heard.append(what)
        raise problem

    server.stream_document(document(revision=1))
    with Client(server.url, KEY) as client:
        client.on_change(fail)
        client.on_status(fail)
        assert client.wait_until_ready()
        server.wait_for(lambda: server.streams)
        for revision in (2, 3):
            told = threading.Event()
            client.on_change(lambda now, revision=revision, told=told: now == revision and told.set())
            server.streams[0].put(document(revision=revision))
            assert told.wait(20)
        assert heard[-2:] == [2, 3]
        assert client.status == "ready"
    assert heard[-1] == "closed"


def test_the_status_is_told_as_it_changes(server: Any, document: Any) -> None:
    heard: list[Any] = []
    server.stream_document(document())
    with Client(server.url, KEY) as client:
        client.on_status(heard.append)
        assert client.wait_until_ready(20)
    server.wait_for(lambda: "closed" in heard)
    assert heard in (["ready", "closed"], ["closed"])


def test_no_answer_is_torn_while_64_threads_ask_during_a_thousand_updates(document: Any, value: Any) -> None:
    """Every decision has the release of its revision, and no thread sees an older one after a newer."""

    def revision(number: int) -> dict[str, Any]:
        given: dict[str, Any] = document("live", revision=number)
        given["flags"]["feature"]["variants"]["stable"] = value(release=f"r-{number}")
        given["flags"]["feature"]["targeting"] = {"if": [True, "stable"]}
        return given

    client = OfflineClient(revision(0))
    wrong: list[Any] = []
    done = threading.Event()
    begun = threading.Barrier(65)

    def ask() -> None:
        begun.wait(20)
        last = -1
        while not done.is_set():
            decision = client.decide("feature", "user-1")
            if decision.release != f"r-{decision.revision}" or (decision.revision or 0) < last:
                wrong.append(decision)
            last = decision.revision or 0

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for thread in threads:
        thread.start()
    begun.wait(20)
    for number in range(1, 1001):
        client._current.swap(Document.parse(revision(number)))
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert client.decide("feature", "user-1").revision == 1000
    counts = client._current._tallies.take()[0]["feature"]
    assert set(counts) == {"stable"}


PLAIN = {
    "on": True,
    "text": "a",
    "number": 1.5,
    "whole": 2,
    "object": {"a": [1]},
    "list": [1, 2],
}


@pytest.fixture
def plain() -> OfflineClient:
    flags = {
        key: {"state": "ENABLED", "variants": {"it": given}, "defaultVariant": "it"}
        for key, given in PLAIN.items()
    }
    flags["nothing"] = {"state": "ENABLED", "variants": {"it": 1}, "defaultVariant": None}
    flags["disabled"] = {"state": "DISABLED", "variants": {"it": True}, "defaultVariant": "it"}
    flags["broken"] = {"state": "ENABLED", "variants": {"it": True}, "targeting": {"no_such": []}}
    return OfflineClient({"flags": flags, "metadata": {"revision": 4}})


def test_plain_flags_have_getters_for_their_types(plain: OfflineClient) -> None:
    assert plain.boolean("on", "user-1") is True
    assert plain.string("text", {"targetingKey": "user-1"}) == "a"
    assert (plain.number("number"), plain.number("whole")) == (1.5, 2)
    assert plain.object("object") == {"a": (1,)}
    assert plain.object("list") == (1, 2)
    with pytest.raises(TypeError):
        plain.object("object")["b"] = 1


@pytest.mark.parametrize("flag", ["absent", "nothing", "disabled", "broken", *PLAIN])
def test_a_value_of_another_type_is_the_default(plain: OfflineClient, flag: str) -> None:
    marker: Any = object()
    kinds = {
        "boolean": ["on"],
        "string": ["text"],
        "number": ["number", "whole"],
        "object": ["object", "list"],
    }
    for getter, right in kinds.items():
        if flag not in right:
            assert getattr(plain, getter)(flag, "user-1", default=marker, task="t") is marker


@pytest.mark.parametrize(
    ("flag", "default", "value", "reason", "code"),
    [
        ("on", False, True, "STATIC", None),
        ("on", "text", "text", "ERROR", "TYPE_MISMATCH"),
        ("text", None, "a", "STATIC", None),
        ("list", [], (1, 2), "STATIC", None),
        ("absent", 1, 1, "ERROR", "FLAG_NOT_FOUND"),
        ("broken", 1, 1, "ERROR", "PARSE_ERROR"),
        ("nothing", 7, 7, "DEFAULT", None),
        ("disabled", True, True, "DISABLED", None),
    ],
)
def test_details_say_why(
    plain: OfflineClient, flag: str, default: Any, value: Any, reason: str, code: str | None
) -> None:
    found = plain.details(flag, "user-1", default=default)
    assert (found.flag, found.value, found.reason, found.error_code) == (flag, value, reason, code)
    assert (found.revision, found.variant) == (
        4,
        "it" if found.value == PLAIN.get(flag, found) or flag == "list" else None,
    )
    assert (found.error_message is None) is (code is None)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "boolean"), ("a", "string"), (1, "integer"), (1.5, "float"), ({"a": 1}, "object"), ([1], "list")],
)
def test_a_value_of_another_type_is_told_in_the_words_of_flags(value: Any, kind: str) -> None:
    flag = {"state": "ENABLED", "variants": {"it": value}, "defaultVariant": "it"}
    default: Any = True if kind == "string" else "text"
    details = OfflineClient({"flags": {"flag": flag}}).details("flag", default=default)
    assert details.error_message == f"The value is of the type {kind}."


@given(flag=anything, user=anything, task=anything, attributes=anything, default=anything)
def test_a_getter_never_raises(flag: Any, user: Any, task: Any, attributes: Any, default: Any) -> None:
    client = OfflineClient({"flags": {}})
    for ask in (client.boolean, client.string, client.number, client.object, client.details):
        ask(flag, user, default=default, task=task, attributes=attributes)
    client.enabled(flag, user, default=default)


def test_before_the_first_flags_a_getter_gives_its_default(client: Client) -> None:
    assert client.string("text", default="mine") == "mine"
    assert client.details("text", default="mine").error_code == "PROVIDER_NOT_READY"


def test_a_whole_context_may_stand_for_the_user(ready: Client) -> None:
    context = {"targetingKey": "user-1", "region": "eu"}
    assert ready.decide("feature", context) is ready.decide("feature", "user-1")
    assert ready.decide("feature", context, task="summarise").enabled
    assert ready.decide("feature", {"targetingKey": 42}, task="t") is ready.decide("feature", 42)
    assert ready.decide("feature", {}).mode == "off"


@pytest.mark.parametrize("kind", [OrderedDict, MappingProxyType, UserDict])
def test_a_context_may_be_any_mapping(ready: Client, kind: Any) -> None:
    assert ready.decide("feature", kind({"targetingKey": "user-1"})).enabled
    assert ready.decide("feature", kind({"region": "eu"})).mode == "off"


def test_a_user_is_the_same_alone_and_in_a_context() -> None:
    in_order: Any = {"in": [{"var": "targetingKey"}, ["42", str(UUID(int=7)), "<User>"]]}
    flag = {"variants": {"on": True, "off": False}, "defaultVariant": "off", "state": "ENABLED"}
    client = OfflineClient({"flags": {"flag": {**flag, "targeting": {"if": [in_order, "on", "off"]}}}})

    class User:
        def __repr__(self) -> str:
            return "<User>"

    for user, known in ((42, True), ("42", True), (UUID(int=7), True), (User(), False), (b"42", False)):
        context = {"targetingKey": user}
        asked = [client.boolean("flag", who) for who in (user, context)]
        asked += [client.boolean("flag", context, task="t"), client.details("flag", context).value]
        assert asked == [known] * 4


def test_an_offline_client_answers_from_its_file_and_is_always_ready(tmp_path: Any, document: Any) -> None:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(document()))
    with OfflineClient(path) as client:
        assert (client.wait_until_ready(0), client.status) == (True, "offline")
        decision = client.decide("feature", "user-1")
        client.report(decision, grounded=True)
        client.report(None)  # type: ignore[arg-type]
        assert (decision.mode, client.flush(), client.dropped_outcomes) == ("live", True, 0)
    assert client.decide("feature", "user-1").mode == "review"


def test_what_is_queued_at_the_end_of_the_process_is_sent(server: Any, document: Any) -> None:
    server.stream_document(document())
    code = (
        "import headgate, sys\n"
        f"client = headgate.Client({server.url!r}, {KEY!r})\n"
        "client.wait_until_ready(20)\n"
        "with client.run('feature', 'user-1') as run: run.grounded()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert [outcome["grounded"] for batch in server.batches for outcome in batch] == [True]
