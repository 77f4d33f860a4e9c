"""What every listing is: a provider's own answer to which models end when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

from controller.http import Answer, Outbound, OutboundError
from controller.strict_json import InvalidJSON, loads
from stages.models import ModelEnd

MAX_BYTES = 4 << 20
"""Far more than the longest listing; an account with very many fine-tuned models has some hundred kilobytes."""


class BadListing(Exception):
    """A provider did not answer with a listing that can be trusted. The text holds neither the key nor the answer."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How to ask one provider.

    ``reference`` is where its key is kept. ``base`` is the beginning of its address, with settings in braces; the
    operator may give another as the setting ``url``. ``settings`` are the forms of the other settings it needs.
    ``read`` finds the ends in what was answered, or raises BadListing if that is not what the provider documents.
    """

    provider: str
    reference: str
    base: str
    path: str
    read: Callable[[Any], Iterator[ModelEnd]]
    settings: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    def url(self, settings: Mapping[str, str]) -> str:
        """The address to ask.

        Raises:
            BadListing: A setting is missing, unknown, or not written as it has to be.
        """
        if unknown := sorted(set(settings) - {"url", *self.settings}):
            known = ", ".join(("url", *self.settings))
            raise BadListing(f"the setting {unknown[0]} is unknown; known are {known}")
        base = settings.get("url") or self.base.format(**dict(self._values(settings)))
        return base.rstrip("/") + self.path

    def _values(self, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for name, form in self.settings.items():
            if not form.fullmatch(settings.get(name, "")):
                raise BadListing(f"the setting {name} is missing, or not written as in the documentation")
            yield name, settings[name]

    def fetch(
        self, outbound: Outbound, secret: str, settings: Mapping[str, str], deadline_s: float
    ) -> tuple[ModelEnd, ...]:
        """Ask, and give all ends that the provider names, within ``deadline_s`` seconds.

        Raises:
            BadListing: There is no answer, or it is not a whole listing.
        """
        try:
            answer = outbound.send(
                "GET",
                self.url(settings),
                headers={"Authorization": f"Bearer {secret}"},
                deadline_s=deadline_s,
                max_bytes=MAX_BYTES,
            )
        except OutboundError as error:
            raise BadListing(str(error)) from None
        return tuple(self.read(_content(answer)))


def _content(answer: Answer) -> Any:
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise BadListing(f"HTTP {answer.status}: the key is not accepted, or may not list models")
    if answer.status != HTTPStatus.OK:
        raise BadListing(f"HTTP {answer.status}")
    try:
        return loads(answer.body)
    except InvalidJSON:
        # What is wrong with it may quote it.
        raise BadListing("the answer is not JSON") from None


def listed(content: Any, name: str) -> list[Mapping[str, Any]]:
    """The models that an answer lists under a name; a provider without any is not believed.

    Raises:
        BadListing: There is no such list, it is empty, or holds something else than objects.
    """
    models = content.get(name) if isinstance(content, dict) else None
    if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise BadListing(f"the answer has no list of models named {name}")
    if not models:
        raise BadListing("the answer lists no models")
    return models


def text_of(model: Mapping[str, Any], name: str) -> str:
    """A text that every model has to have.

    Raises:
        BadListing: It is missing, empty, or something else.
    """
    text = model.get(name)
    if not isinstance(text, str) or not text.strip():
        raise BadListing(f"a model has no {name}")
    return text


def date_of(value: object, name: str) -> date:
    """The date that a provider means: an ISO date or time, or seconds since 1970. A time counts in UTC.

    Raises:
        BadListing: It is none of these.
    """
    try:
        if isinstance(value, str):
            return _day(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        pass
    raise BadListing(f"{name} of a model is not a date")


def _day(written: str) -> date:
    time = datetime.fromisoformat(written)
    return time.astimezone(UTC).date() if time.tzinfo else time.date()
