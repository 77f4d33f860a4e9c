"""What every channel is: it carries one notice to one destination, or says why it could not."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from controller.errors import BadSetting
from controller.http import Outbound, OutboundError
from controller.sealing import SecretPlace
from controller.secrets import SecretRefused, Secrets

_FIRST = ("feature", "environment", "trigger", "sentence", "reason")
_LONGEST_WAIT_S = 3600
"""The most that a destination can ask to be left alone for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a destination is told. ``id`` stays the same however often it is sent.

    ``console`` is where people reach the console, if the operator says it.
    """

    id: str
    event: str
    project: str
    created_at: datetime
    data: Mapping[str, Any]
    console: str = ""

    def lines(self) -> Iterator[tuple[str, str]]:
        """What there is to tell, by name, for people: the likeliest first, and nothing that is empty."""
        first = [name for name in _FIRST if self.data.get(name)]
        for name in (*first, *(name for name in self.data if name not in _FIRST)):
            value = self.data[name]
            if value not in ("", None, [], {}):
                yield name, value if isinstance(value, str) else json.dumps(value)

    def body(self) -> bytes:
        """As JSON, the same bytes each time."""
        content = {
            "id": self.id,
            "type": self.event,
            "timestamp": self.created_at.astimezone(UTC).isoformat(),
            "project": self.project,
            "data": dict(self.data),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


class NotSent(Exception):
    """A notice did not arrive, or nobody said that it did.

    The message is safe to show. ``retry_after_s`` is how long the destination asked to be left alone, if it did;
    ``for_good``: it wants no more notices.
    """

    def __init__(self, message: str, retry_after_s: int | None = None, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.for_good = for_good


class Channel(ABC):
    """A way to one destination. ``kind`` is its name in settings, ``default_url`` where it leads if nothing is said."""

    kind: ClassVar[str]
    default_url: ClassVar[str | None] = None

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """Where a text stands in these settings that is a secret, or refers to one."""
        url = settings.get("url", cls.default_url)
        is_given = isinstance(settings.get("secret"), str)
        return (SecretPlace(("secret",), url if isinstance(url, str) else ""),) if is_given else ()

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make a channel from what a user entered. Nothing is sent yet.

        Raises:
            BadSetting: A setting is missing, unknown or of the wrong kind, or its secret is not for this address.
        """

    @abstractmethod
    def send(self, notice: Notice, now: datetime, deadline_s: float) -> str:
        """Send a notice; returning means that it arrived. Sending it twice is the receiver's to notice, by its id.

        What is returned is to be known although it arrived, such as who of several did not want it; mostly nothing.

        Raises:
            NotSent: It did not arrive, as far as can be told.
        """


def address_and_secret(
    settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets, default_url: str | None = None
) -> tuple[str, str]:
    """The settings ``url`` and ``secret`` of a channel: an address that may be called, and what goes there alone.

    Raises:
        BadSetting: One of them cannot be used, or there is another setting.
    """
    for name in set(settings) - {"url", "secret"}:
        raise BadSetting(name, "is not a setting of this kind of destination", "leave it out")
    url = settings.get("url", default_url)
    if not isinstance(url, str) or not url:
        raise BadSetting("url", "is missing", "enter the address that notices go to")
    try:
        outbound.check(url)
    except OutboundError as refused:
        raise BadSetting("url", str(refused), "enter an http(s) address that may be called") from refused
    reference = settings.get("secret")
    if not isinstance(reference, str):
        raise BadSetting("secret", "is missing", "enter it, or refer to one of the operator as env:NAME")
    try:
        return url, secrets.reveal(reference, url)
    except SecretRefused as refused:
        raise BadSetting(
            "secret", str(refused), "enter it itself, or let the operator set one for this address"
        ) from refused


def post(outbound: Outbound, url: str, body: bytes, headers: Mapping[str, str], deadline_s: float) -> None:
    """Post JSON, and take any answer from 200 to 299 for "it arrived".

    Raises:
        NotSent: It was answered otherwise, or not in time.
    """
    try:
        answer = outbound.send(
            "POST",
            url,
            deadline_s=deadline_s,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            max_bytes=1 << 16,
        )
    except OutboundError as error:
        raise NotSent(str(error)) from error
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - what HTTP calls success
        gone = answer.status == 410  # noqa: PLR2004 - Gone
        wait_s = None if answer.wait_s is None else min(answer.wait_s, _LONGEST_WAIT_S)
        raise NotSent(f"it answered with {answer.status}", wait_s, for_good=gone)
