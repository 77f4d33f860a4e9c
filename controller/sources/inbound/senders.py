"""Who sends alerts: how each of them shows that it is the one, and what its messages mean.

Alertmanager and Grafana show a secret; Langfuse and everybody else sign what they send. A signature is good for five
minutes, and a message for once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from controller.store.inbound import Event

GOOD_FOR = timedelta(minutes=5)
MOST_ALERTS = 500
MOST_LABELS = 50
LONGEST = 300

_STANDARD_SECRET = "whsec_"  # noqa: S105 - how secrets of the Standard Webhooks begin
_LANGFUSE_FIRES = ("alert", "warning", "critical", "error")
_LANGFUSE_RESTS = ("ok", "resolved")


class Unsigned(Exception):
    """A message does not show that it is from the sender that was agreed upon."""


class Nonsense(ValueError):
    """A message is not in the format of the sender."""


class Sender(ABC):
    """One kind of sender. ``repeats``: the same message may come again, and then counts as received anew."""

    repeats: ClassVar[bool] = False

    @abstractmethod
    def check(self, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Give the message's own name, after making sure who sent it; the names of ``headers`` are in lower case.

        Raises:
            Unsigned: Somebody else may have.
        """

    @abstractmethod
    def events(self, message: Mapping[str, Any], name: str, now: datetime) -> Sequence[Event]:
        """What a message tells.

        Raises:
            Nonsense: It is not in the sender's format.
        """


class Alertmanager(Sender):
    """Alertmanager's webhook, version 4, and Grafana's, which has the same parts and more."""

    repeats: ClassVar[bool] = True

    def check(self, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:  # noqa: ARG002 - nothing is signed
        """See `Sender.check`: the secret is shown as a bearer token or as a password."""
        shown = headers.get("authorization", "")
        scheme, _, text = shown.partition(" ")
        if scheme.lower() == "basic":
            text = _decoded(text).partition(":")[2]
        if not hmac.compare_digest(text.encode(), secret.encode()):
            raise Unsigned
        return ""

    def events(self, message: Mapping[str, Any], name: str, now: datetime) -> Sequence[Event]:  # noqa: ARG002 - alerts have names of their own
        """See `Sender.events`."""
        alerts = message.get("alerts")
        if not isinstance(alerts, list) or len(alerts) > MOST_ALERTS:
            raise Nonsense(f"alerts is not a list of at most {MOST_ALERTS}")
        return [_alert(alert, now) for alert in alerts]


class Langfuse(Sender):
    """A monitor of Langfuse. That it has no data is nothing that it tells."""

    def check(self, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """See `Sender.check`: ``x-langfuse-signature: t=<seconds>,v1=<hex>`` over ``<seconds>.<body>``."""
        parts = dict(
            part.strip().partition("=")[::2] for part in headers.get("x-langfuse-signature", "").split(",")
        )
        stamp, shown = parts.get("t", ""), parts.get("v1", "")
        _check_time(stamp, now)
        wanted = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(shown.encode(), wanted.encode()):
            raise Unsigned
        return wanted

    def events(self, message: Mapping[str, Any], name: str, now: datetime) -> Sequence[Event]:
        """See `Sender.events`."""
        if message.get("type") != "monitor-alert":
            raise Nonsense("type is not monitor-alert")
        told = message.get("payload", message)
        match told:
            case {"monitorId": str(monitor), "severity": str(severity), "message": {"title": str(title)}}:
                severity = severity.lower()
            case _:
                raise Nonsense("monitorId, severity and message.title are not all there")
        if severity not in (*_LANGFUSE_FIRES, *_LANGFUSE_RESTS):
            return []
        return [
            Event(
                event=name,
                fingerprint=_short(monitor),
                alert=_short(title),
                firing=severity in _LANGFUSE_FIRES,
                labels={"severity": severity, "monitor": _short(monitor)},
                at=now,
            )
        ]


class Generic(Sender):
    """Anybody who signs as the Standard Webhooks do: an HMAC over ``<id>.<timestamp>.<body>``."""

    def check(self, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """See `Sender.check`."""
        id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or len(id) > LONGEST:
            raise Unsigned
        _check_time(stamp, now)
        digest = hmac.new(_key(secret), f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        wanted = f"v1,{base64.b64encode(digest).decode()}".encode()
        shown = headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(each.encode(), wanted) for each in shown):
            raise Unsigned
        return id

    def events(self, message: Mapping[str, Any], name: str, now: datetime) -> Sequence[Event]:
        """See `Sender.events`."""
        match message:
            case {"alert": str(alert), "status": "firing" | "resolved" as status} if alert:
                labels = _labels(message.get("labels", {}))
            case _:
                raise Nonsense("alert is not a name, or status neither firing nor resolved")
        fingerprint = message.get("fingerprint", "")
        if not isinstance(fingerprint, str):
            raise Nonsense("fingerprint is not a text")
        return [
            Event(
                event=name,
                fingerprint=_short(fingerprint) or _fingerprint(alert, labels),
                alert=_short(alert),
                firing=status == "firing",
                labels=labels,
                at=now,
            )
        ]


SENDERS: Mapping[str, Sender] = {
    "alertmanager": Alertmanager(),
    "grafana": Alertmanager(),
    "langfuse": Langfuse(),
    "generic": Generic(),
}
"""Every sender by its name in settings."""


def _alert(alert: object, now: datetime) -> Event:
    match alert:
        case {"status": "firing" | "resolved" as status, "labels": dict(given), **rest}:
            labels = _labels(given)
        case _:
            raise Nonsense("an alert has no labels, or a status that is neither firing nor resolved")
    name = labels.get("alertname", "")
    if not name:
        raise Nonsense("an alert has no label alertname")
    fingerprint = _text(rest.get("fingerprint")) or _fingerprint(name, labels)
    times = (_text(rest.get("startsAt")), _text(rest.get("endsAt")) if status == "resolved" else "")
    return Event(
        event=_hashed([fingerprint, status, *times]),
        fingerprint=_short(fingerprint),
        alert=name,
        firing=status == "firing",
        labels=labels,
        at=now,
    )


def _labels(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping) or len(given) > MOST_LABELS:
        raise Nonsense(f"labels is not a mapping with at most {MOST_LABELS} names")
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in given.items()):
        raise Nonsense("a label is not a text")
    return {_short(name): _short(value) for name, value in given.items()}


def _fingerprint(alert: str, labels: Mapping[str, str]) -> str:
    return _hashed([alert, *(part for pair in sorted(labels.items()) for part in pair)])


def _hashed(parts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps([*parts]).encode()).hexdigest()[:32]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _short(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text[:LONGEST])


def _check_time(stamp: str, now: datetime) -> None:
    if not stamp.isdecimal() or not stamp.isascii() or len(stamp) > 11:  # noqa: PLR2004 - digits of seconds since 1970
        raise Unsigned
    if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > GOOD_FOR:
        raise Unsigned


def _key(secret: str) -> bytes:
    """The key that a secret is: as it is, or as the Standard Webhooks write it."""
    if secret.startswith(_STANDARD_SECRET):
        try:
            return base64.b64decode(secret.removeprefix(_STANDARD_SECRET), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
