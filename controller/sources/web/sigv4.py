"""Signing requests for AWS: Signature Version 4, as described in the IAM User Guide, "Create a signed AWS API request".

Own code because it is short, and because the alternative would send requests by itself, around our way out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

from controller.sources.web.auth import Auth, Secret, Unsigned

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class SignatureV4(Auth):
    """Signs for one service in one region. The secret access key is never sent."""

    access_key_id: str
    secret: Secret
    region: str
    service: str
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:  # noqa: ARG002 - nothing is fetched
        """See `Auth.headers`."""
        return signature(
            request, self.now(), self.access_key_id, self.secret.reveal(), self.region, self.service
        )


def signature(
    request: Unsigned, at: datetime, access_key_id: str, secret_key: str, region: str, service: str
) -> dict[str, str]:
    """The headers that sign a request as sent ``at`` that moment."""
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": stamp}
    headers = {name.lower(): " ".join(value.split()) for name, value in {**request.headers, **added}.items()}
    headers["host"] = urlsplit(request.url).netloc
    names = ";".join(sorted(headers))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = _canonical(request, headers, names)
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for step in (stamp[:8], region, service, "aws4_request"):
        key = _hmac(key, step)
    signed = _hmac(key, to_sign).hex()
    credential = f"Credential={access_key_id}/{scope}"
    added["Authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signed}"
    return added


def _canonical(request: Unsigned, headers: Mapping[str, str], names: str) -> str:
    parts = urlsplit(request.url)
    pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
    query = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "\n".join(
        [
            request.method,
            quote(parts.path or "/", safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        ]
    )


def _encoded(text: str) -> str:
    """A part of a query in the one way in which it is signed, however it was written."""
    return quote(unquote(text), safe="-_.~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
