"""A signed webhook, as Standard Webhooks (standardwebhooks.com) describes it: any of its libraries can verify it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from controller.errors import BadSetting
from controller.http import Outbound
from controller.notices.channel import Channel, Notice, address_and_secret, post
from controller.secrets import Secrets

_ENCODED = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook(Channel):
    """Posts a notice as JSON, with an HMAC-SHA256 over ``id.timestamp.body`` in its headers."""

    kind: ClassVar[str] = "webhook"
    outbound: Outbound
    url: str
    key: bytes = field(repr=False)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """See `Channel.from_settings`. A secret that begins with whsec_ is base64 from there on."""
        url, secret = address_and_secret(settings, outbound, secrets)
        return cls(outbound, url, _key(secret))

    def send(self, notice: Notice, now: datetime, deadline_s: float) -> str:
        """See `Channel.send`. The timestamp is that of the attempt, so that a receiver can refuse old ones."""
        body, timestamp = notice.body(), str(int(now.timestamp()))
        headers = {
            "webhook-id": notice.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature(self.key, notice.id, timestamp, body)}",
        }
        post(self.outbound, self.url, body, headers, deadline_s)
        return ""


def signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    """The signature of a body, in base64."""
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(_ENCODED):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
    except binascii.Error as error:
        raise BadSetting("secret", "is not base64 behind whsec_", "set it as it was given out") from error
