"""What OpenTelemetry is told, with its own SDK."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest
from headgate import OfflineClient, telemetry
from headgate.testing import FakeClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

exporter = InMemorySpanExporter()


@pytest.fixture
def tracer() -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.clear()
    return provider.get_tracer("test")


def attributes() -> dict[str, Any]:
    (span,) = exporter.get_finished_spans()
    assert isinstance(span, ReadableSpan)
    return dict(span.attributes or {})


def test_a_decision_is_told_to_the_current_span(tracer: Tracer, document: Any) -> None:
    client = OfflineClient(document("review", revision=12))
    with tracer.start_as_current_span("request"):
        decision = client.decide("feature", "user-1")
    assert attributes() == {
        "feature_flag.key": "feature",
        "feature_flag.provider.name": "headgate",
        "feature_flag.result.variant": "stable",
        "feature_flag.result.reason": "targeting_match",
        "feature_flag.version": "12",
        "headgate.mode": "review",
        "headgate.release": "r-7f3a12ab34cd",
    }
    assert decision is client.decide("feature", "user-1")


def test_a_run_tells_the_model_and_the_tokens_and_no_user(tracer: Tracer) -> None:
    client = FakeClient()
    model = {"id": "r-1", "model": {"provider": "example", "id": "model-1"}}
    client.set("feature", value={"release": model})
    with tracer.start_as_current_span("request"), client.run("feature", "user-1", conversation="c-1") as run:
        run.tokens(100, 20)
    told = attributes()
    assert told["gen_ai.request.model"] == "model-1"
    assert told["gen_ai.provider.name"] == "example"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (100, 20)
    assert told["gen_ai.conversation.id"] == "c-1"
    assert "user-1" not in told.values()


def test_what_is_no_number_of_tokens_or_no_id_is_not_told(tracer: Tracer, caplog: Any) -> None:
    client, odd = FakeClient({"feature": "live"}), UUID(int=7)
    for conversation in (odd, [1]):
        exporter.clear()
        with (
            tracer.start_as_current_span("request"),
            client.run("feature", "user-1", conversation=conversation) as run,  # type: ignore[arg-type]
        ):
            run.tokens(-1, 20)
        told = attributes()
        assert "gen_ai.usage.input_tokens" not in told
        assert told["gen_ai.usage.output_tokens"] == 20
        assert told.get("gen_ai.conversation.id") == (str(odd) if conversation is odd else None)
    assert caplog.messages == []


def test_plain_flags_and_errors_are_told_too(tracer: Tracer) -> None:
    client = FakeClient()
    client.set_flag("limit", 3)
    with tracer.start_as_current_span("request"):
        assert client.number("limit", "user-1") == 3
        assert client.boolean("limit", "user-1", default=True) is True
    assert attributes()["feature_flag.key"] == "limit"
    exporter.clear()
    with tracer.start_as_current_span("request"):
        assert client.boolean("absent") is False
    assert attributes()["headgate.error"] == "flag_not_found"
    assert "error.type" not in attributes()


def test_a_span_tells_of_the_last_lookup_and_mixes_it_with_none_before(tracer: Tracer) -> None:
    client = FakeClient({"feature": "live"})
    with tracer.start_as_current_span("request"):
        client.decide("feature", "user-1")
        client.decide("absent", "user-1")
    told = attributes()
    assert (told["feature_flag.key"], told["headgate.mode"], told["headgate.error"]) == (
        "absent",
        "off",
        "flag_not_found",
    )
    assert (told["feature_flag.result.variant"], told["headgate.release"]) == ("", "")
    exporter.clear()
    with tracer.start_as_current_span("request"):
        client.decide("absent", "user-1")
        client.decide("feature", "user-1")
    assert (attributes()["headgate.mode"], attributes()["headgate.error"]) == ("live", "")


def test_a_span_that_cannot_be_told_does_not_change_the_answer(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = FakeClient({"feature": "live"})
    monkeypatch.setattr(telemetry, "get_current_span", lambda: 1 / 0)
    with tracer.start_as_current_span("request"):
        assert client.decide("feature", "user-1").mode == "live"


def test_without_opentelemetry_nothing_is_asked_and_everything_works() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from headgate import questions; from headgate.testing import FakeClient\n"
        "client = FakeClient({'f': 'live'})\n"
        "with client.run('f') as run: run.tokens(1, 2)\n"
        "print(client.decide('f').mode, questions.traced, client.outcomes[0]['input_tokens'])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["live", "None", "1"]
