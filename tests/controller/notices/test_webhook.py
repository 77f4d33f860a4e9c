from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from controller.errors import BadSetting
from controller.http import Outbound
from controller.notices.channel import Notice
from controller.notices.webhook import Webhook, signature
from controller.secrets import Secrets
from tests.endpoint import replying, serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOTICE = Notice(id="msg_7", event="task.opened", project="acme", created_at=NOW, data={"owner": "Zoë"})


def test_the_signature_is_the_one_of_standard_webhooks() -> None:
    """The example in the specification of Standard Webhooks."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert made == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "not-base64-at-all"])
def test_a_receiver_can_verify_what_it_gets(secret: str) -> None:
    with serving(replying(200)) as endpoint:
        secrets = Secrets({"HEADGATE_SECRET_HOOK": f"{endpoint.url} {secret}"})
        settings = {"url": f"{endpoint.url}/hook", "secret": "env:HOOK"}
        Webhook.from_settings(settings, Outbound(), secrets).send(NOTICE, NOW, 5)
    [call] = endpoint.calls
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    is_encoded = secret.startswith("whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_")) if is_encoded else secret.encode()
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{made}"
    assert (call.path, call.headers["webhook-id"]) == ("/hook", "msg_7")
    assert call.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert json.loads(call.body) == {
        "id": "msg_7",
        "type": "task.opened",
        "timestamp": "2026-11-20T12:00:00+00:00",
        "project": "acme",
        "data": {"owner": "Zoë"},
    }


def test_a_secret_that_is_not_what_it_says_is_refused() -> None:
    secrets = Secrets({"HEADGATE_SECRET_HOOK": "https://example.com whsec_not*base64"})
    with pytest.raises(BadSetting, match="not base64"):
        Webhook.from_settings({"url": "https://example.com", "secret": "env:HOOK"}, Outbound(), secrets)
