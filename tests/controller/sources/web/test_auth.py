"""Who is asking, as the other side sees it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from controller.errors import BadSetting
from controller.secrets import Secrets
from controller.sources.prometheus import Prometheus
from controller.sources.web import WEB_SETTINGS, Entered, Web, web_from
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, replying, serving

PATIENT_S = 20.0
OK = replying(200, b"{}")


def web(endpoint: Endpoint, auth: dict[str, Any], secret: str = "user:pass-word", **settings: Any) -> Web:
    access = fresh_access(secrets=Secrets({"HEADGATE_SECRET_A": f"{endpoint.url} {secret}"}))
    entered = Entered({"url": endpoint.url, "auth": auth, **settings}, WEB_SETTINGS)
    return web_from(entered, access)


def shown(auth: dict[str, Any], secret: str = "user:pass-word", **settings: Any) -> dict[str, str]:
    """The headers with which a server is asked."""
    with serving(OK) as endpoint:
        web(endpoint, auth, secret, **settings).send("GET", "/x", PATIENT_S)
    return dict(endpoint.calls[0].headers)


def test_nothing_is_shown_to_who_does_not_ask() -> None:
    assert "authorization" not in shown({"scheme": "none"})
    assert "authorization" not in shown({})


def test_a_user_and_a_password_are_shown_together() -> None:
    expected = f"Basic {base64.b64encode(b'user:pass-word').decode()}"
    assert shown({"scheme": "basic", "secret": "env:A"})["authorization"] == expected
    split = {"scheme": "basic", "secret": "env:A", "username": "user"}
    assert shown(split, "pass-word")["authorization"] == expected


def test_a_token_is_shown_behind_its_word_or_in_its_header() -> None:
    assert shown({"scheme": "bearer", "secret": "env:A"}, "the-token")["authorization"] == "Bearer the-token"
    header = {"scheme": "header", "header": "X-Api-Key", "secret": "env:A"}
    assert shown(header, "the-token")["x-api-key"] == "the-token"


def test_headers_of_tenants_go_along() -> None:
    assert shown({}, headers={"X-Scope-OrgID": "a|b"})["x-scope-orgid"] == "a|b"


def test_requests_for_aws_are_signed_and_the_key_stays_here() -> None:
    auth = {"scheme": "sigv4", "access_key_id": "AKID", "region": "eu-central-1", "service": "aps"}
    headers = shown({**auth, "secret": "env:A"}, "the-secret-key")
    assert re.match(
        r"AWS4-HMAC-SHA256 Credential=AKID/[0-9]{8}/eu-central-1/aps/aws4_request, "
        r"SignedHeaders=host;x-amz-date, Signature=[0-9a-f]{64}$",
        headers["authorization"],
    )
    assert "the-secret-key" not in str(headers)


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        ({"scheme": "digest"}, "auth.scheme"),
        ({"scheme": "bearer"}, "auth.secret"),
        ({"scheme": "bearer", "secret": "env:B"}, "auth.secret"),
        ({"scheme": "bearer", "secret": "env:OTHER"}, "auth.secret"),
        ({"scheme": "basic", "secret": "env:PLAIN"}, "auth.secret"),
        ({"scheme": "basic", "secret": "env:PLAIN", "username": "a:b"}, "auth.username"),
        ({"scheme": "none", "secret": "env:A"}, "auth.secret"),
        ({"scheme": "bearer", "secret": "env:A", "region": "x"}, "auth.region"),
        ({"scheme": "header", "secret": "env:A"}, "auth.header"),
        ({"scheme": "header", "header": "Host", "secret": "env:A"}, "auth.header"),
        ({"scheme": "oauth2", "secret": "env:A", "client_id": "x"}, "auth.token_url"),
        ({"scheme": "oauth2", "token_url": "http://127.0.0.1:2", "secret": "env:A"}, "auth.secret"),
        ({"scheme": "oauth2", "token_url": "http://169.254.169.254"}, "auth.token_url"),
        ({"scheme": "sigv4", "access_key_id": "A", "secret": "env:A", "region": "x"}, "auth.service"),
        ({"typo": 1}, "auth.typo"),
        ("bearer", "auth"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_its_field(auth: Any, field: str) -> None:
    secrets = {
        "HEADGATE_SECRET_A": "http://127.0.0.1:1 user:pass-word",
        "HEADGATE_SECRET_PLAIN": "http://127.0.0.1:1 no-colon-in-it",
        "HEADGATE_SECRET_OTHER": "http://127.0.0.1:3 user:pass-word",
    }
    settings = {"url": "http://127.0.0.1:1", "auth": auth}
    with pytest.raises(BadSetting) as bad:
        Prometheus.from_settings(settings, fresh_access(secrets=Secrets(secrets)))
    assert bad.value.field == field
    assert "pass-word" not in str(bad.value)


# OAuth 2.0.


def granting(lifetime: object = 3600, status: int = 200) -> Callable[[Call], None]:
    """A server that is both: it gives out tokens, and takes the newest."""

    def answer(call: Call) -> None:
        if call.path == "/token":
            number = sum(each.path == "/token" for each in call.endpoint.calls)
            granted = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": lifetime}
            call.reply(status, json.dumps(granted).encode())
        else:
            call.reply(200, b"{}")

    return answer


def client(endpoint: Endpoint, **more: str) -> Web:
    auth = {"scheme": "oauth2", "token_url": f"{endpoint.url}/token", "client_id": "us", "secret": "env:A"}
    return web(endpoint, {**auth, **more}, "the-client-secret")


def tokens(endpoint: Endpoint) -> list[str]:
    return [call.headers["authorization"] for call in endpoint.calls if call.path != "/token"]


def test_one_token_serves_until_it_is_old() -> None:
    with serving(granting()) as endpoint:
        source = client(endpoint, scope="metrics.read", audience="https://metrics")
        for _ in range(3):
            assert source.send("GET", "/x", PATIENT_S).status == 200
        assert tokens(endpoint) == ["Bearer token-1"] * 3
        bought = endpoint.calls[0]
        assert bought.form == {
            "grant_type": "client_credentials",
            "scope": "metrics.read",
            "audience": "https://metrics",
        }
        assert base64.b64decode(bought.headers["authorization"].split()[1]) == b"us:the-client-secret"
        source.auth.token.until = 0.0  # type: ignore[attr-defined]
        source.send("GET", "/x", PATIENT_S)
        assert tokens(endpoint)[-1] == "Bearer token-2"


def test_the_client_may_show_itself_in_the_form() -> None:
    with serving(granting()) as endpoint:
        client(endpoint, client_auth="body").send("GET", "/x", PATIENT_S)
        form = endpoint.calls[0].form
    assert (form["client_id"], form["client_secret"]) == ("us", "the-client-secret")
    assert "authorization" not in endpoint.calls[0].headers


def test_a_token_that_was_revoked_is_bought_anew_once() -> None:
    def revoking(call: Call) -> None:
        if call.path != "/token" and call.headers["authorization"] == "Bearer token-1":
            call.reply(401)
        else:
            granting()(call)

    with serving(revoking) as endpoint:
        assert client(endpoint).send("GET", "/x", PATIENT_S).status == 200
        assert tokens(endpoint) == ["Bearer token-1", "Bearer token-2"]

    def refusing(call: Call) -> None:
        granting()(call) if call.path == "/token" else call.reply(401)

    with serving(refusing) as endpoint:
        assert client(endpoint).send("GET", "/x", PATIENT_S).status == 401
        assert len(tokens(endpoint)) == 2


def test_a_token_that_the_other_side_repeats_is_struck_out() -> None:
    with serving(granting()) as endpoint:
        source = client(endpoint)
        assert source.redact("the token-1") == "the token-1"
        source.send("GET", "/x", PATIENT_S)
        assert source.redact("the token-1 of the-client-secret") == "the *** of ***"


@pytest.mark.parametrize(
    "answer",
    [
        granting(status=401),
        replying(200, b"not json"),
        replying(200, b'{"access_token": "", "token_type": "Bearer"}'),
        replying(200, b'{"access_token": "t", "token_type": "mac"}'),
        replying(302, b"", {"Location": "http://127.0.0.1:1"}),
        replying(200, b" " * 100_000),
    ],
)
def test_without_a_token_nothing_is_asked_and_no_secret_is_told(answer: Callable[[Call], None]) -> None:
    with serving(answer) as endpoint:
        settings = {
            "url": endpoint.url,
            "auth": {
                "scheme": "oauth2",
                "token_url": f"{endpoint.url}/token",
                "client_id": "us",
                "secret": "env:A",
            },
        }
        secrets = Secrets({"HEADGATE_SECRET_A": f"{endpoint.url} the-client-secret"})
        source = Prometheus.from_settings(settings, fresh_access(secrets=secrets))
        tried = source.test(PATIENT_S)
        assert not tried.works
        assert "no token" in tried.message
        assert "the-client-secret" not in tried.message
        assert tokens(endpoint) == []


@pytest.mark.parametrize(
    ("told", "lasts_s"), [(3600, 3570), ("3600", 3570), (40, 20), (None, 270), (-1, 270)]
)
def test_a_token_is_used_until_shortly_before_its_end(told: object, lasts_s: float) -> None:
    with serving(granting(told)) as endpoint:
        source = client(endpoint)
        source.send("GET", "/x", PATIENT_S)
        token = source.auth.token  # type: ignore[attr-defined]
        assert token.until - token.clock() == pytest.approx(lasts_s, abs=PATIENT_S)
