"""What every channel does with a destination that is well, ill, slow or not to be called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.errors import BadSetting
from controller.http import Outbound
from controller.notices import CHANNELS
from controller.notices.channel import Notice, NotSent
from controller.secrets import Secrets
from tests.contract.mail_server import MailServer, mailing
from tests.endpoint import Behaviour, closed_port, hanging, replying, serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOTICE = Notice(
    id="msg_7",
    event="trigger.fired",
    project="acme",
    created_at=NOW,
    data={"feature": "claims", "sentence": "5 of 5 are bad", "empty": None},
)
SECRET = "T000/B000/s3cr3t-of-the-hook"


WEB = [kind for kind in CHANNELS if kind != "email"]
"""Those that call an address of HTTP."""
MAIL: dict[str, Any] = {"from": "headgate@example.com", "to": ["on-call@example.com"]}


def settings_of(kind: str, url: str) -> dict[str, Any]:
    """Settings of a destination of any kind at an address, with a secret where it can be used there."""
    login = {} if url.startswith("smtp+plain") else {"secret": "env:HOOK"}
    return {"url": url, **login, **(MAIL if kind == "email" else {})}


def secrets(url: str) -> Secrets:
    return Secrets({"HEADGATE_SECRET_HOOK": f"{url} {SECRET}"})


def send(kind: str, url: str, deadline_s: float = 5) -> None:
    known = Secrets({}) if url.startswith("smtp+plain") else secrets(url)
    outbound = Outbound(now=lambda: NOW)
    CHANNELS[kind].from_settings(settings_of(kind, url), outbound, known).send(NOTICE, NOW, deadline_s)


def at(kind: str, url: str) -> str:
    """The same address, as destinations of a kind are told it."""
    return url.replace("http://", "smtp+plain://") if kind == "email" else url


def failure(kind: str, behaviour: Behaviour, deadline_s: float = 5) -> NotSent:
    with serving(behaviour) as endpoint, pytest.raises(NotSent) as failed:
        send(kind, at(kind, endpoint.url), deadline_s)
    assert SECRET not in str(failed.value)
    return failed.value


@pytest.mark.parametrize("kind", WEB)
@pytest.mark.parametrize("status", [200, 202, 204])
def test_it_arrived_if_the_answer_says_so(kind: str, status: int) -> None:
    with serving(replying(status, b"" if status == 204 else b"ok")) as endpoint:
        send(kind, endpoint.url)
    [call] = endpoint.calls
    assert call.method == "POST"
    assert call.headers["content-type"] == "application/json"
    assert b"5 of 5 are bad" in call.body
    assert SECRET.encode() not in call.body


def test_a_mail_server_that_takes_it_has_it() -> None:
    with mailing(MailServer()) as server:
        send("email", server.url)
    [letter] = server.letters
    assert "5 of 5 are bad" in letter.get_body(("plain",)).get_content()
    assert server.recipients == [MAIL["to"]]


@pytest.mark.parametrize("kind", WEB)
@pytest.mark.parametrize(
    ("status", "headers", "wait", "for_good"),
    [
        (400, {}, None, False),
        (410, {}, None, True),
        (429, {"Retry-After": "17"}, 17, False),
        (429, {"Retry-After": "Fri, 20 Nov 2026 12:01:00 GMT"}, 60, False),
        (429, {"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0, False),
        (429, {"Retry-After": "999999999999"}, 3600, False),
        (429, {"Retry-After": "soon"}, None, False),
        (429, {"Retry-After": f"Fri, 20 Nov 2026 12:01:00 +{'9' * 20}"}, None, False),
        (503, {}, None, False),
    ],
)
def test_any_other_answer_means_that_it_did_not(
    kind: str, status: int, headers: Mapping[str, str], wait: int | None, *, for_good: bool
) -> None:
    failed = failure(kind, replying(status, b"no", headers))
    assert (str(failed), failed.retry_after_s) == (f"it answered with {status}", wait)
    assert failed.for_good is for_good


@pytest.mark.parametrize("answer", ["451 4.3.2 no", "554 5.7.1 no"])
def test_a_mail_server_that_does_not_take_it_has_it_not(answer: str) -> None:
    with mailing(MailServer(says={"DATA": answer})) as server, pytest.raises(NotSent, match=answer[:9]) as no:
        send("email", server.url)
    assert not no.value.for_good


@pytest.mark.parametrize("kind", WEB)
def test_no_redirect_is_followed(kind: str) -> None:
    with serving(replying(200)) as elsewhere:
        failed = failure(kind, replying(307, headers={"Location": elsewhere.url}))
    assert "redirect" in str(failed)
    assert elsewhere.calls == []


@pytest.mark.parametrize("kind", CHANNELS)
def test_one_that_hangs_is_waited_for_no_longer_than_said(kind: str) -> None:
    assert failure(kind, hanging, deadline_s=0.2).retry_after_s is None


@pytest.mark.parametrize("kind", CHANNELS)
def test_nobody_there_is_a_failure(kind: str) -> None:
    with pytest.raises(NotSent):
        send(kind, at(kind, f"http://127.0.0.1:{closed_port()}"))


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"url": "{scheme}://169.254.169.254"}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "{scheme}://user:pass@example.com"}, "url"),
        ({"url": 7}, "url"),
        ({"url": ""}, "url"),
        ({"secret": "s3cr3t-as-it-is"}, "secret"),
        ({"secret": "env:OTHER"}, "secret"),
        ({"secret": None}, "secret"),
        ({"url": "{scheme}://elsewhere.example.com"}, "secret"),
        ({"token": "x"}, "token"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(kind: str, settings: dict[str, Any], field: str) -> None:
    scheme = "smtps" if kind == "email" else "https"
    known = secrets(f"{scheme}://example.com")
    good = settings_of(kind, f"{scheme}://example.com") | ({"user": "me"} if kind == "email" else {})
    if isinstance(url := settings.get("url"), str):
        settings = {"url": url.replace("{scheme}", scheme)}
    with pytest.raises(BadSetting) as bad:
        CHANNELS[kind].from_settings(good | settings, Outbound(), known)
    assert bad.value.field == field
    assert SECRET not in str(bad.value)
