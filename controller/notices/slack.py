"""Slack, through an incoming webhook: one message a notice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from controller.http import Outbound
from controller.notices.channel import Channel, Notice, address_and_secret, post
from controller.secrets import Secrets

_LONGEST = 3000
"""Slack cuts longer texts; so do we, where we know what is lost."""


@dataclass(frozen=True, slots=True)
class Slack(Channel):
    """Posts to an incoming webhook. The secret is what stands behind the common part of its address."""

    kind: ClassVar[str] = "slack"
    default_url: ClassVar[str | None] = "https://hooks.slack.com/services"
    outbound: Outbound
    url: str = field(repr=False)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """See `Channel.from_settings`."""
        url, secret = address_and_secret(settings, outbound, secrets, cls.default_url)
        return cls(outbound, f"{url.rstrip('/')}/{secret.lstrip('/')}")

    def send(self, notice: Notice, now: datetime, deadline_s: float) -> str:  # noqa: ARG002 - nothing is signed
        """See `Channel.send`."""
        content = {"text": text_of(notice), "unfurl_links": False, "unfurl_media": False}
        post(self.outbound, self.url, json.dumps(content).encode(), {}, deadline_s)
        return ""


def text_of(notice: Notice) -> str:
    """A notice as Slack's mrkdwn. Whatever stands in it is text: nobody is mentioned, and no link is disguised."""
    lines = "\n".join(_lines(notice))
    return lines if len(lines) <= _LONGEST else f"{lines[:_LONGEST]}…"


def _lines(notice: Notice) -> Iterator[str]:
    yield f"*{_plain(notice.event)}* in {_plain(notice.project)}"
    yield from (f"{_plain(name)}: {_plain(value)}" for name, value in notice.lines())


def _plain(text: str) -> str:
    """A text of which Slack shows every character: the three that mean something to it, as it wants them escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
