"""How a source wants to be told who is asking."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.errors import BadSetting
from controller.http import OutboundError, header_is_sendable
from controller.secrets import SecretRefused, Secrets
from controller.sources.web.entered import Entered

_FRAMING_HEADERS = ("connection", "content-length", "content-type", "host", "transfer-encoding")


class Denied(OutboundError):
    """There is nothing to show to the other side, because a secret or a token cannot be had."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request as it will be sent, but for what proves who sends it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Auth(ABC):
    """One way of proving it."""

    @abstractmethod
    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:
        """What to send along; it may take ``left_s`` seconds to get it.

        Raises:
            OutboundError: It cannot be had.
        """

    def asks(self) -> Mapping[str, str]:
        """The addresses that are asked for it, by the settings they come from."""
        return {}

    def strike(self, text: str) -> str:
        """The text without what was shown that is no secret of anybody, such as a token that was bought."""
        return text

    def refused(self) -> bool:
        """Take note that the other side did not accept it; whether another try could end otherwise."""
        return False


class Nothing(Auth):
    """Nobody asks who we are."""

    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """See `Auth.headers`."""
        return {}


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret, whose secret it is, and whom what it buys is ``onward`` shown to."""

    secrets: Secrets = field(repr=False)
    reference: str = field(repr=False)
    url: str
    onward: str = ""

    def reveal(self) -> str:
        """The secret itself.

        Raises:
            Denied: It does not exist, or is not for that address.
        """
        try:
            return self.secrets.reveal(self.reference, self.url, self.onward)
        except SecretRefused as error:
            raise Denied(str(error)) from None


@dataclass(frozen=True, slots=True)
class InHeader(Auth):
    """A secret in a header: as it is, behind a word such as Bearer, or as a user name and a password."""

    secret: Secret
    header: str = "Authorization"
    word: str = ""
    username: str | None = None

    def headers(self, request: Unsigned, left_s: float) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """See `Auth.headers`."""
        shown = self.secret.reveal()
        if self.word == "Basic":
            pair = shown if self.username is None else f"{self.username}:{shown}"
            shown = base64.b64encode(pair.encode()).decode()
        return {self.header: f"{self.word} {shown}".strip()}


def entered_secret(
    entered: Entered, secrets: Secrets, url: str, name: str = "secret", onward: str = ""
) -> Secret:
    """The secret that a setting refers to, which has to be for ``url``, and what it buys for ``onward``.

    Raises:
        BadSetting: It is missing, or may not be sent there.
    """
    secret = Secret(secrets, entered.text(name), url, onward)
    try:
        secret.reveal()
    except Denied as error:
        remedy = "enter the secret itself, or let the operator set one for this origin"
        raise BadSetting(entered.field(name), str(error), remedy) from None
    return secret


def basic(entered: Entered, secrets: Secrets, url: str) -> Auth:
    """A user name and a password; the secret is both, with a colon between them, unless ``username`` is entered.

    Raises:
        BadSetting: A setting cannot be used.
    """
    secret = entered_secret(entered, secrets, url)
    username = entered.text("username") if "username" in entered else None
    if username is not None and ":" in username:
        raise BadSetting(entered.field("username"), "has a colon in it", "enter the user name alone")
    if username is None and ":" not in secret.reveal():
        raise BadSetting(entered.field("secret"), "has no colon in it", "enter a username, or user:password")
    return InHeader(secret, word="Basic", username=username)


def bearer(entered: Entered, secrets: Secrets, url: str) -> Auth:
    """A token behind the word Bearer.

    Raises:
        BadSetting: A setting cannot be used.
    """
    return InHeader(entered_secret(entered, secrets, url), word="Bearer")


def in_header(entered: Entered, secrets: Secrets, url: str) -> Auth:
    """A secret alone in a header of its own.

    Raises:
        BadSetting: A setting cannot be used.
    """
    name = entered.text("header", remedy="enter a name such as X-API-Key")
    if not header_is_sendable(name, "") or name.lower() in _FRAMING_HEADERS:
        raise BadSetting(
            entered.field("header"), "is not a header for secrets", "enter one such as X-API-Key"
        )
    return InHeader(entered_secret(entered, secrets, url), header=name)
