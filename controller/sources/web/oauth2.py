"""OAuth 2.0 client credentials (RFC 6749, section 4.4): a secret of its own buys a token that lasts a while."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from controller.http import Outbound, OutboundError
from controller.sources.web.auth import Auth, Denied, Secret, Unsigned
from controller.strict_json import InvalidJSON, loads

MAX_BYTES = 1 << 16
USUAL_S = 300.0
"""How long a token is used whose end was not told."""
EARLY_S = 30.0
"""So long before its end a token is no longer used, but no earlier than after half of its life."""
_LONGEST_S = 86_400.0


@dataclass(slots=True)
class Token:
    """The token of the process for one client; renewed by one thread, while the others wait for it."""

    clock: Callable[[], float] = time.monotonic
    text: str = field(default="", repr=False)
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def is_good(self) -> bool:
        """Whether it can still be used."""
        return bool(self.text) and self.clock() < self.until


@dataclass(frozen=True, slots=True)
class ClientCredentials(Auth):
    """A client with its secret at a token address. ``in_body``: both go into the form instead of a header."""

    outbound: Outbound
    token_url: str
    client_id: str
    secret: Secret
    token: Token
    extra: Mapping[str, str] = field(default_factory=dict)
    in_body: bool = False

    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """See `Auth.headers`."""
        until = self.token.clock() + left_s
        if not self.token.is_good():
            if not self.token.lock.acquire(timeout=max(0.0, left_s)):
                raise Denied("another reading waits for the token already")
            try:
                if not self.token.is_good():
                    self._renew(until - self.token.clock())
            finally:
                self.token.lock.release()
        return {"Authorization": f"Bearer {self.token.text}"}

    def asks(self) -> Mapping[str, str]:
        """See `Auth.asks`."""
        return {"auth.token_url": self.token_url}

    def strike(self, text: str) -> str:
        """See `Auth.strike`."""
        return text.replace(self.token.text, "***") if self.token.text else text

    def refused(self) -> bool:
        """See `Auth.refused`: the token may have been revoked, and the next one accepted."""
        self.token.until = 0.0
        return True

    def _renew(self, left_s: float) -> None:
        form = {"grant_type": "client_credentials", **self.extra}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.in_body:
            form |= {"client_id": self.client_id, "client_secret": self.secret.reveal()}
        else:
            pair = f"{quote(self.client_id, safe='')}:{quote(self.secret.reveal(), safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            answer = self.outbound.send(
                "POST",
                self.token_url,
                data=urlencode(form).encode(),
                headers=headers,
                deadline_s=left_s,
                max_bytes=MAX_BYTES,
            )
        except OutboundError as error:
            raise Denied(f"no token: {error}") from None
        if answer.status != HTTPStatus.OK:
            raise Denied(f"no token: the token address answered HTTP {answer.status}")
        self._keep(answer.body)

    def _keep(self, body: bytes) -> None:
        try:
            granted: Any = loads(body)
        except InvalidJSON:
            granted = None
        match granted:
            case {"access_token": str(text), "token_type": str(kind)} if text and kind.lower() == "bearer":
                lasts_s = _seconds(granted.get("expires_in"))
            case _:
                raise Denied("no token: the token address did not answer with a bearer token")
        self.token.until = self.token.clock() + max(lasts_s - EARLY_S, lasts_s / 2)
        self.token.text = text


def _seconds(told: object) -> float:
    if isinstance(told, str) and told.isdecimal():
        told = int(told[:9])
    if isinstance(told, (int, float)) and not isinstance(told, bool) and told > 0:
        return min(float(told), _LONGEST_S)
    return USUAL_S
