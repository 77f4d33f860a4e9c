"""A role in AWS: keys that buy other keys, which last an hour and open another account (STS, action AssumeRole).

The request is signed as any other, in the form and the version of the API that the STS reference describes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from controller.errors import BadSetting
from controller.http import Outbound, OutboundError
from controller.sources.access import Access
from controller.sources.memory import digest
from controller.sources.web.auth import Auth, Denied, Unsigned
from controller.sources.web.entered import Entered
from controller.sources.web.sigv4 import SignatureV4, signature

ROLE_SETTINGS = ("role_arn", "external_id", "sts_url")
MAX_BYTES = 1 << 16
EARLY = timedelta(minutes=5)
"""So long before their end keys are bought anew."""

_TOKEN = "X-Amz-Security-Token"  # noqa: S105 - the name of a header
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}")
_EXTERNAL = re.compile(r"[A-Za-z0-9+=,.@:/_-]{2,1224}")
_GRANTED = {
    "access_key_id": re.compile(r"<AccessKeyId>([A-Z0-9]{16,128})</AccessKeyId>"),
    "secret_key": re.compile(r"<SecretAccessKey>([A-Za-z0-9+/=]{16,256})</SecretAccessKey>"),
    "token": re.compile(r"<SessionToken>\s*([A-Za-z0-9+/=]{16,20000})\s*</SessionToken>"),
    "until": re.compile(r"<Expiration>([0-9T:.+Z-]{20,40})</Expiration>"),
}
"""The four values of an answer. None of them can hold anything that XML would have to escape."""
_CODE = re.compile(r"<Code>([A-Za-z.]{1,100})</Code>")


@dataclass(slots=True)
class RoleKeys:
    """The keys of the process for one role; bought by one thread, while the others wait for it."""

    access_key_id: str = ""
    secret_key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    until: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def are_good(self, now: datetime) -> bool:
        """Whether they can still be used."""
        return self.until is not None and now < self.until - EARLY


@dataclass(frozen=True, slots=True)
class AssumedRole(Auth):
    """Signs with the keys of a role. ``user`` signs the request for those, to ``sts_url``."""

    user: SignatureV4
    outbound: Outbound
    sts_url: str
    role_arn: str
    external_id: str
    service: str
    keys: RoleKeys
    now: Callable[[], datetime]

    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:
        """See `Auth.headers`."""
        if not self.keys.are_good(self.now()):
            if not self.keys.lock.acquire(timeout=max(0.0, left_s)):
                raise Denied("another reading waits for the role already")
            try:
                if not self.keys.are_good(self.now()):
                    self._assume(left_s)
            finally:
                self.keys.lock.release()
        token = {_TOKEN: self.keys.token}
        shown = replace(request, headers={**request.headers, **token})
        key_id, secret_key = self.keys.access_key_id, self.keys.secret_key
        return token | signature(shown, self.now(), key_id, secret_key, self.user.region, self.service)

    def asks(self) -> Mapping[str, str]:
        """See `Auth.asks`."""
        return {"sts_url": self.sts_url}

    def _assume(self, left_s: float) -> None:
        form = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": self.role_arn,
            "RoleSessionName": "headgate",
        }
        form |= {"ExternalId": self.external_id} if self.external_id else {}
        plain = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = Unsigned("POST", f"{self.sts_url}/", plain, urlencode(form).encode())
        try:
            answer = self.outbound.send(
                request.method,
                request.url,
                data=request.body,
                headers={**plain, **self.user.headers(request, left_s)},
                deadline_s=left_s,
                max_bytes=MAX_BYTES,
            )
        except OutboundError as error:
            raise Denied(f"the role cannot be assumed: {error}") from None
        self._keep(answer.status, answer.body.decode("ascii", errors="replace"))

    def _keep(self, status: int, body: str) -> None:
        if status != HTTPStatus.OK:
            code = _CODE.search(body)
            why = code.group(1) if code else f"HTTP {status}"
            raise Denied(f"the role cannot be assumed: STS says {why}")
        found = {name: pattern.search(body) for name, pattern in _GRANTED.items()}
        granted: dict[str, Any] = {name: match.group(1) for name, match in found.items() if match}
        try:
            granted["until"] = datetime.fromisoformat(granted["until"]).astimezone(UTC)
        except (KeyError, ValueError):
            granted = {}
        if len(granted) < len(_GRANTED):
            raise Denied("the role cannot be assumed: STS did not answer with keys")
        for name, value in granted.items():
            setattr(self.keys, name, value)


def as_role(entered: Entered, access: Access, user: SignatureV4) -> Auth:
    """The keys of the role that is entered beside a user's, or those of the user where none is.

    Raises:
        BadSetting: A setting cannot be used.
    """
    if "role_arn" not in entered:
        for name in ("external_id", "sts_url"):
            if name in entered:
                raise BadSetting(
                    entered.field(name), "is for a role alone", "enter role_arn, or leave it out"
                )
        return user
    role_arn = entered.text("role_arn")
    if not _ROLE.fullmatch(role_arn):
        example = "enter one such as arn:aws:iam::123456789012:role/metrics"
        raise BadSetting(entered.field("role_arn"), "is not the name of a role", example)
    external_id = entered.text("external_id") if "external_id" in entered else ""
    if external_id and not _EXTERNAL.fullmatch(external_id):
        raise BadSetting(entered.field("external_id"), "is none", "enter what the role's owner gave you")
    sts_url = entered.text("sts_url", f"https://sts.{user.region}.amazonaws.com").rstrip("/")
    try:
        access.outbound.check(sts_url)
    except OutboundError as error:
        remedy = "enter an address that may be called"
        raise BadSetting(entered.field("sts_url"), str(error), remedy) from None
    key = ("role", sts_url, role_arn, external_id, user.access_key_id, digest(user.secret.reference))
    return AssumedRole(
        user=replace(user, service="sts"),
        outbound=access.outbound,
        sts_url=sts_url,
        role_arn=role_arn,
        external_id=external_id,
        service=user.service,
        keys=access.memory.of(key, RoleKeys),
        now=access.now,
    )
