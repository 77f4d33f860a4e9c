"""What becomes of the settings and the secrets of metric sources."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from controller.errors import Conflict, InvalidInput, NotFound
from controller.renewal import renew_secrets
from controller.store.sources import change_source
from controller.vault import CannotOpen, Vault
from tests.conftest import SECRET
from tests.controller.tenant import ADA, Tenant
from tests.endpoint import Call, Endpoint, serving

TOKEN = "the-secret-token"


def accepting(call: Call) -> None:
    """A Prometheus that wants the token."""
    if call.headers.get("authorization") != f"Bearer {TOKEN}":
        call.reply(401)
        return
    result = [{"metric": {}, "value": [0, "1"]}]
    body = {"status": "success", "data": {"resultType": "vector", "result": result}}
    call.reply(200, json.dumps(body).encode())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(accepting) as running:
        yield running


def with_token(url: str, secret: str = TOKEN) -> dict[str, Any]:
    return {"url": url, "auth": {"scheme": "bearer", "secret": secret}}


def kept(tenant: Tenant) -> str:
    return str(tenant.ask_sql("SELECT settings FROM sources WHERE key = 'metrics'"))


def test_a_secret_that_is_entered_is_kept_sealed_and_sent(tenant: Tenant, endpoint: Endpoint) -> None:
    desk = tenant.parts.sources
    desk.connect("acme", "metrics", "prometheus", with_token(endpoint.url), ADA)
    assert desk.test("acme", "metrics").works
    assert TOKEN not in kept(tenant)
    assert "sealed:v1." in kept(tenant)
    assert TOKEN not in str(tenant.ask_sql("SELECT * FROM changes"))
    assert "sealed:" not in str(tenant.ask_sql("SELECT * FROM changes"))


def test_a_secret_stays_while_its_address_does(tenant: Tenant, endpoint: Endpoint) -> None:
    desk = tenant.parts.sources
    desk.connect("acme", "metrics", "prometheus", with_token(endpoint.url), ADA)
    hidden = with_token(f"{endpoint.url}/other/path", "***")
    desk.change("acme", "metrics", {**hidden, "per_minute": 60}, ADA)
    assert desk.test("acme", "metrics").works
    assert endpoint.calls[-1].path == "/other/path/api/v1/query"


def test_a_secret_follows_its_address_nowhere(tenant: Tenant, endpoint: Endpoint) -> None:
    desk = tenant.parts.sources
    desk.connect("acme", "metrics", "prometheus", with_token(endpoint.url), ADA)
    before = kept(tenant)
    with serving(accepting) as other:
        for settings in (with_token(other.url, "***"), with_token(other.url, "sealed:v1.aaaa.bbbb.cccc")):
            with pytest.raises(InvalidInput) as refused:
                desk.change("acme", "metrics", settings, ADA)
            assert refused.value.problems[0].field == "settings.auth.secret"
        assert kept(tenant) == before
        assert other.calls == []
        desk.change("acme", "metrics", with_token(other.url), ADA)
        assert desk.test("acme", "metrics").works


def test_a_secret_whose_address_was_changed_behind_our_back_is_not_sent(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    desk = tenant.parts.sources
    with serving(accepting) as other:
        desk.connect("acme", "metrics", "prometheus", with_token(endpoint.url), ADA)
        with tenant.parts.database.write() as tx:
            moved = f"UPDATE sources SET settings = replace(settings, '{endpoint.url}', '{other.url}')"
            tx.execute(text(moved))
        tried = desk.test("acme", "metrics")
        assert not tried.works
        assert "another address" in tried.message
        assert other.calls == []


def test_what_is_no_secret_is_refused_and_not_repeated(tenant: Tenant) -> None:
    for secret in ("short", "x" * 10_000, "with\nline", "ümläut-secret", "***", ""):
        settings = with_token("http://127.0.0.1:1", secret)
        with pytest.raises(InvalidInput) as refused:
            tenant.parts.sources.connect("acme", "metrics", "prometheus", settings, ADA)
        assert [problem.field for problem in refused.value.problems] == ["settings.auth.secret"]
        assert "ümläut" not in str(refused.value)


KINDS: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "datadog",
        {"api_key": "the-secret-1", "application_key": "the-secret-2"},
        ["api_key", "application_key"],
    ),
    ("cloudwatch", {"region": "eu-central-1", "access_key_id": "AKID", "secret": "the-secret"}, ["secret"]),
    ("sql", {"url": "postgresql://u@db.example/d", "secret": "the-secret"}, ["secret"]),
    (
        "langfuse",
        {"url": "https://l.example", "auth": {"scheme": "basic", "secret": "pk-lf:the-secret"}},
        ["auth"],
    ),
    ("http_json", with_token("https://q.example"), ["auth"]),
    ("inbound", {"sender": "generic", "secret": "the-secret"}, ["secret"]),
]


def test_every_kind_keeps_its_secrets_sealed(tenant: Tenant) -> None:
    for kind, settings, fields in KINDS:
        made = tenant.parts.sources.connect("acme", kind, kind, settings, ADA)
        for field in fields:
            value = made.settings[field]
            assert (value["secret"] if field == "auth" else value).startswith("sealed:v1.")
    assert "the-secret" not in str(tenant.ask_sql("SELECT settings FROM sources"))


def test_a_client_secret_is_for_its_token_address_and_for_whom_the_token_is_shown_to(tenant: Tenant) -> None:
    auth = {"scheme": "oauth2", "token_url": "https://id.example/token", "client_id": "us", "secret": TOKEN}
    desk = tenant.parts.sources
    desk.connect("acme", "metrics", "prometheus", {"url": "https://a.example", "auth": auth}, ADA)
    hidden = {**auth, "secret": "***"}
    desk.change("acme", "metrics", {"url": "https://a.example/other", "auth": hidden}, ADA)
    moved = {**hidden, "token_url": "https://evil.example/token"}
    for url, auth in (("https://a.example", moved), ("https://evil.example", hidden)):
        with pytest.raises(InvalidInput, match="another address"):
            desk.change("acme", "metrics", {"url": url, "auth": auth}, ADA)


def test_secrets_are_brought_under_another_secret_key(tenant: Tenant) -> None:
    for key in ("one", "two"):
        settings = with_token("http://127.0.0.1:1")
        tenant.parts.sources.connect("acme", key, "prometheus", settings, ADA)
    database, new = tenant.parts.database, "n" * 40
    with pytest.raises(CannotOpen):
        renew_secrets(database, Vault(new))
    assert renew_secrets(database, Vault(new, [SECRET])) == 2
    rows = tenant.ask_sql("SELECT settings FROM sources WHERE kind = 'prometheus'")
    sealed = [json.loads(settings)["auth"]["secret"] for (settings,) in rows]
    assert [Vault(new).open(each, "http://127.0.0.1:1") for each in sealed] == [TOKEN] * 2


def test_a_source_that_somebody_changed_meanwhile_is_left_alone(tenant: Tenant) -> None:
    desk = tenant.parts.sources
    stale = desk.connect("acme", "metrics", "prometheus", {"url": "http://127.0.0.1:1"}, ADA)
    desk.change("acme", "metrics", {"url": "http://127.0.0.1:2"}, ADA)
    with pytest.raises(Conflict, match="read it again"), tenant.parts.database.write() as tx:
        change_source(tx, stale, {"url": "http://127.0.0.1:3"})


def test_a_source_that_is_not_there_is_neither_changed_nor_tried(tenant: Tenant) -> None:
    asked: tuple[Callable[[], object], ...] = (
        lambda: tenant.parts.sources.change("acme", "nothing", {}, ADA),
        lambda: tenant.parts.sources.test("acme", "nothing"),
    )
    for ask in asked:
        with pytest.raises(NotFound):
            ask()
