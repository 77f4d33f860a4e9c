"""The provider behind OpenFeature's own client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from headgate import Client, OfflineClient
from headgate.openfeature import HeadgateProvider
from headgate.testing import FakeClient
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails
from openfeature.hook import Hook, HookContext
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails

DOMAIN = "test"
USER = EvaluationContext("user-1", {"region": "eu"})
VALUES: dict[str, Any] = {
    "on": True,
    "text": "a",
    "float": 1.5,
    "whole": 2,
    "object": {"a": [1, {"b": 2}]},
    "list": [1, 2],
}


@pytest.fixture(autouse=True)
def no_provider_is_left() -> Iterator[None]:
    yield
    api.clear_providers()


def client_of(provider: HeadgateProvider) -> OpenFeatureClient:
    api.set_provider_and_wait(provider, DOMAIN)
    return api.get_client(DOMAIN)


@pytest.fixture
def plain() -> OpenFeatureClient:
    flags: dict[str, Any] = {
        key: {
            "state": "ENABLED",
            "variants": {"it": value},
            "defaultVariant": "it",
            "metadata": {"owner": "claims"},
        }
        for key, value in VALUES.items()
    }
    flags["disabled"] = {**flags["on"], "state": "DISABLED"}
    flags["nothing"] = {**flags["on"], "defaultVariant": None}
    flags["broken"] = {**flags["on"], "targeting": {"no_such_operator": []}}
    targeting = {"if": [{"==": [{"var": "region"}, "eu"]}, "it", None]}
    flags["targeted"] = {**flags["text"], "defaultVariant": None, "targeting": targeting}
    deal = {"fractional": [{"var": "targetingKey"}, ["it", 1]]}
    flags["dealt"] = {**flags["text"], "targeting": deal}
    document = {"flags": flags, "metadata": {"revision": 4}}
    return client_of(HeadgateProvider(OfflineClient(document)))


def ask(client: OpenFeatureClient, kind: str, flag: str, default: Any) -> FlagEvaluationDetails[Any]:
    found: FlagEvaluationDetails[Any] = getattr(client, f"get_{kind}_details")(flag, default, USER)
    return found


@pytest.mark.parametrize(
    ("kind", "flag", "default", "value"),
    [
        ("boolean", "on", False, True),
        ("string", "text", "", "a"),
        ("float", "float", 0.0, 1.5),
        ("float", "whole", 0.0, 2.0),
        ("integer", "whole", 0, 2),
        ("object", "object", {}, VALUES["object"]),
        ("object", "list", [], VALUES["list"]),
    ],
)
def test_every_type_is_resolved_at_once_and_asynchronously(
    plain: OpenFeatureClient, kind: str, flag: str, default: Any, value: Any
) -> None:
    found = ask(plain, kind, flag, default)
    assert (found.value, found.reason, found.variant, found.error_code) == (value, "STATIC", "it", None)
    assert type(found.value) is type(value)
    assert found.flag_metadata == {"owner": "claims", "revision": 4}
    later = asyncio.run(getattr(plain, f"get_{kind}_value_async")(flag, default, USER))
    assert later == value


def test_it_is_stale_when_it_begins_with_flags_that_nobody_confirmed() -> None:
    heard = {event: threading.Event() for event in ProviderEvent}
    flags = {"flags": {"on": {"state": "ENABLED", "variants": {"it": True}, "defaultVariant": "it"}}}
    out_of_reach = Client("http://127.0.0.1:1", "hg_server_1_secret", bootstrap=flags, stream=False)
    provider = HeadgateProvider(out_of_reach, ready_within_s=0)
    for event in ProviderEvent:
        api.get_client(DOMAIN).add_handler(event, lambda _details, event=event: heard[event].set())
    client = client_of(provider)
    assert [client.get_boolean_value("on", False) for _ in range(2)] == [True, True]
    assert client.get_provider_status() is ProviderStatus.STALE
    assert heard[ProviderEvent.PROVIDER_READY].wait(20)
    assert heard[ProviderEvent.PROVIDER_STALE].wait(20)


def test_an_object_may_be_changed_by_who_got_it(plain: OpenFeatureClient) -> None:
    plain.get_object_value("object", {}, USER)["a"][1]["b"] = 99  # type: ignore[index, call-overload]
    assert plain.get_object_value("object", {}, USER) == VALUES["object"]


@pytest.mark.parametrize(
    ("kind", "default"),
    [("boolean", True), ("string", "mine"), ("integer", 7), ("float", 7.5), ("object", {})],
)
@pytest.mark.parametrize("flag", [*VALUES, "absent", "broken", "disabled", "nothing"])
def test_what_cannot_be_resolved_is_the_default_with_its_code(
    plain: OpenFeatureClient, kind: str, default: Any, flag: str
) -> None:
    right = {
        "boolean": ["on"],
        "string": ["text"],
        "integer": ["whole"],
        "float": ["float", "whole"],
        "object": ["object", "list"],
    }
    if flag in right[kind]:
        return
    found = ask(plain, kind, flag, default)
    code = {
        "absent": ErrorCode.FLAG_NOT_FOUND,
        "broken": ErrorCode.PARSE_ERROR,
        "disabled": None,
        "nothing": None,
    }.get(flag, ErrorCode.TYPE_MISMATCH)
    reason = {"disabled": "DISABLED", "nothing": "DEFAULT"}.get(flag, "ERROR")
    assert (found.value, found.error_code, found.reason, found.variant) == (default, code, reason, None)


def test_reasons_are_those_of_the_rule(plain: OpenFeatureClient) -> None:
    assert ask(plain, "string", "targeted", "").reason == "TARGETING_MATCH"
    assert plain.get_string_details("targeted", "x", EvaluationContext("u")).reason == "DEFAULT"
    assert ask(plain, "string", "dealt", "").reason == "SPLIT"
    assert plain.get_string_details("dealt", "x").reason == "DEFAULT"


def test_an_attribute_never_stands_for_the_targeting_key(plain: OpenFeatureClient) -> None:
    context = EvaluationContext(None, {"targetingKey": "user-1"})
    assert plain.get_string_details("dealt", "x", context).reason == "DEFAULT"


def test_hooks_see_the_answer(plain: OpenFeatureClient) -> None:
    seen: list[Any] = []

    class Watching(Hook):
        def after(self, hook_context: HookContext, details: Any, hints: Any) -> None:
            seen.append((hook_context.provider_metadata.name, details.flag_key, details.variant))  # type: ignore[union-attr]

    plain.add_hooks([Watching()])
    plain.get_boolean_value("on", False, USER)
    assert seen == [("headgate", "on", "it")]


def test_a_feature_and_its_switch_are_asked_for_like_any_flag() -> None:
    client = client_of(HeadgateProvider(FakeClient({"claims-assistant": "live"})))
    assert client.get_boolean_value("claims-assistant.enabled", False, USER) is True
    assert client.get_object_value("claims-assistant", {}, USER)["mode"] == "live"  # type: ignore[call-overload]


def test_tracking_reports_an_outcome_of_the_feature_it_names() -> None:
    fake = FakeClient({"claims-assistant": "live"})
    client = client_of(HeadgateProvider(fake))
    said = {"feature": "claims-assistant", "grounded": True, "latency_ms": 120, "colour": "red"}
    client.track("answered", USER, TrackingEventDetails(attributes=said))
    client.track("clicked", USER, TrackingEventDetails(1.0, {"colour": "red"}))
    client.track("clicked")
    ((outcome),) = fake.outcomes
    assert (outcome["feature"], outcome["grounded"], outcome["latency_ms"]) == ("claims-assistant", True, 120)


class Heard:
    """The events a client told; OpenFeature calls each handler in a thread of its own, in any order."""

    def __init__(self, client: OpenFeatureClient) -> None:
        self.events: list[tuple[ProviderEvent, EventDetails]] = []
        self._changed = threading.Condition()
        for event in ProviderEvent:
            client.add_handler(event, self._note(event))

    def _note(self, event: ProviderEvent) -> Callable[[EventDetails], None]:
        def note(details: EventDetails) -> None:
            with self._changed:
                self.events.append((event, details))
                self._changed.notify_all()

        return note

    def wait_for(self, *names: str) -> None:
        def has() -> bool:
            return sorted(event.name.removeprefix("PROVIDER_") for event, _ in self.events) == sorted(names)

        with self._changed:
            assert self._changed.wait_for(has, 20), self.events


def test_events_follow_the_flags_from_ready_to_stale_to_error_and_back(server: Any, document: Any) -> None:
    now = [1000.0]
    server.serve(document("live", revision=1, valid_for_s=60))
    real = Client(server.url, "hg_server_1_secret", stream=False, monotonic=lambda: now[0])
    client = client_of(HeadgateProvider(real))
    heard = Heard(client)
    heard.wait_for("READY")
    server.fail(503)
    real._poller.turn()
    heard.wait_for("READY", "STALE")
    assert client.get_provider_status() is ProviderStatus.STALE
    assert client.get_boolean_value("feature.enabled", False, USER) is True
    now[0] += 61
    real._current.check_lease()
    heard.wait_for("READY", "STALE", "ERROR")
    found = client.get_boolean_details("feature.enabled", True, USER)
    assert (found.value, found.reason) == (False, "STALE")
    server.serve(document("live", revision=1, valid_for_s=60))
    real._poller.turn()
    heard.wait_for("READY", "STALE", "ERROR", "READY")
    assert client.get_boolean_value("feature.enabled", False, USER) is True


def test_the_provider_tells_of_changes_and_names_the_flags(server: Any, document: Any) -> None:
    server.stream_document(document("live", revision=1))
    client = client_of(HeadgateProvider(Client(server.url, "hg_server_1_secret")))
    heard = Heard(client)
    heard.wait_for("READY")
    server.streams[0].patch(1, document("off", revision=2), "feature", unset=["plain"])
    heard.wait_for("READY", "CONFIGURATION_CHANGED")
    (changed,) = (
        told for event, told in heard.events if event is ProviderEvent.PROVIDER_CONFIGURATION_CHANGED
    )
    assert (changed.flags_changed, changed.provider_name) == (["feature", "plain"], "headgate")
    assert client.get_object_value("feature", {}, USER)["mode"] == "off"  # type: ignore[call-overload]


def test_a_revision_that_changes_no_flag_is_none_of_openfeatures_events(server: Any, document: Any) -> None:
    server.serve(document("live", revision=1))
    real = Client(server.url, "hg_server_1_secret", stream=False)
    heard = Heard(client_of(HeadgateProvider(real)))
    for revision, mode in ((2, "live"), (3, "off")):
        server.serve(document(mode, revision=revision))
        real._poller.turn()
    heard.wait_for("READY", "CONFIGURATION_CHANGED")
    assert [told.flags_changed for _, told in heard.events if told.flags_changed] == [
        ["feature", "feature.enabled"]
    ]


def test_without_flags_it_is_an_error_that_ends_when_they_come(server: Any, document: Any) -> None:
    server.fail(503)
    provider = HeadgateProvider(
        Client(server.url, "hg_server_1_secret", stream=False, poll_interval_s=0.02), ready_within_s=0.05
    )
    client = api.get_client(DOMAIN)
    with pytest.raises(Exception, match="no valid flags"):
        api.set_provider_and_wait(provider, DOMAIN)
    assert client.get_provider_status() is ProviderStatus.ERROR
    found = client.get_boolean_details("feature.enabled", True, USER)
    assert (found.value, found.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)
    heard = Heard(client)
    server.serve(document("live", revision=1))
    heard.wait_for("ERROR", "READY", "CONFIGURATION_CHANGED")
    assert client.get_boolean_value("feature.enabled", False, USER) is True


def test_replacing_the_provider_closes_its_client() -> None:
    fake = FakeClient()
    closed = threading.Event()
    fake.on_status(lambda status: status == "closed" and closed.set())
    client_of(HeadgateProvider(fake))
    client_of(HeadgateProvider(FakeClient()))
    assert closed.wait(20)
