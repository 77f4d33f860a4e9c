"""The secrets that an operator gives to the process, each with the one origin that it may be sent to.

A setting that a user enters never holds a secret, only a reference such as ``env:LANGFUSE``. What it stands for is in
the environment: ``HEADGATE_SECRET_LANGFUSE="https://langfuse.example.com pk-lf-…:sk-lf-…"``. Because the origin stands
beside the secret, nobody can have it sent elsewhere by entering another address. What a secret buys, a token, goes to
that origin too, or to others that the operator names behind it: ``https://login.example.com,https://metrics.example.com``.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Self
from urllib.parse import quote, quote_plus, urlsplit

from controller.vault import PREFIX as SEALED
from controller.vault import CannotOpen, Vault

PREFIX = "HEADGATE_SECRET_"
SHORTEST = 8
"""A shorter secret would be no secret, and striking it out would maim texts that have nothing to do with it."""

_OWN = "KEY"
"""``HEADGATE_SECRET_KEY`` is Headgate's own, and never given to anybody."""
_NAME = re.compile(r"[A-Z0-9_]+")
_SCHEME = "env:"
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_ORIGIN = re.compile(r"[A-Za-z]+://[^/?#]+")
_HOST = re.compile(r"[a-z0-9._-]+")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "smtp": 587, "smtps": 465}


class BadSecret(ValueError):
    """A variable with a secret cannot be used; names the variable and the remedy, never the secret."""


class SecretRefused(Exception):
    """There is no such secret, or it is not for that address; never holds the secret."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a request goes to. ``host`` is in lower case, an IPv6 address in its shortest form."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of a URL, whatever its path and query.

        Raises:
            ValueError: It is none of http, https, postgresql, smtp and smtps, holds a user name, or two readers could
                take it for two hosts.
        """
        if not _URL.fullmatch(url):
            raise ValueError("the URL has a character that URLs do not have, or none")
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError("the URL is none of http, https, postgresql, smtp and smtps")
        if "@" in parts.netloc:
            raise ValueError("the URL holds a user name or a password")
        if not parts.hostname or parts.port == 0:
            raise ValueError("the URL names no host, or port 0")
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        return cls(parts.scheme, _host(parts.hostname), port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def binding(url: str, onward: str = "") -> str:
    """What a secret is sealed for: the origin it is sent to, and that of ``onward``, where what it buys goes.

    Raises:
        ValueError: One is no origin.
    """
    origins = (str(Origin.of(each)) for each in (url, onward) if each)
    return " ".join(dict.fromkeys(origins))


def _host(host: str) -> str:
    if ":" in host:
        address = IPv6Address(host)
        if address.scope_id is not None:
            raise ValueError("the URL names an address of one network interface")
        return str(address)
    if not _HOST.fullmatch(host):
        raise ValueError("the URL names a host with a character that hosts do not have")
    return host


@dataclass(frozen=True, slots=True)
class _Secret:
    """``origins`` begins with the one that the secret itself may be sent to."""

    origins: tuple[Origin, ...]
    value: str = field(repr=False)

    def why_not(self, url: str, onward: str) -> str:
        """Why it is not given out for these addresses; nothing if it is."""
        to = Origin.of(url)
        if to != self.origins[0]:
            return f"may be sent to {self.origins[0]}, not to {to}"
        if onward and (bought := Origin.of(onward)) not in self.origins:
            return f"buys nothing for {bought}; the operator adds it behind {to}, with a comma between them"
        return ""


class Secrets:
    """All secrets of the process by name. What it is asked for it gives for one origin only."""

    def __init__(self, environ: Mapping[str, str], vault: Vault | None = None) -> None:
        """Take the secrets out of an environment; other variables are left alone. ``vault`` opens what users entered.

        Raises:
            BadSecret: A variable is not named or written as a secret has to be.
        """
        self._secrets = dict(_read(environ))
        self._vault = vault
        self._forms = {form for secret in self._secrets.values() for form in _forms(secret.value)}
        self._hidden = _any_of(self._forms)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._secrets))})"

    def reveal(self, reference: str, url: str, onward: str = "") -> str:
        """The secret behind ``env:NAME``, or that a user entered, to be sent to ``url``.

        ``onward``: where what it buys is sent, if that is another place.

        Raises:
            SecretRefused: It does not exist, or is for another origin.
        """
        if reference.startswith(SEALED):
            return self._opened(reference, url, onward)
        name = reference.removeprefix(_SCHEME)
        if not reference.startswith(_SCHEME) or not _NAME.fullmatch(name):
            raise SecretRefused("the reference is not written as env:NAME")
        if name not in self._secrets:
            raise SecretRefused(f"{reference} is not set; the operator sets {PREFIX}{name}")
        secret = self._secrets[name]
        try:
            why = secret.why_not(url, onward)
        except ValueError as error:
            raise SecretRefused(f"{reference} is not sent, because {error}") from None
        if why:
            raise SecretRefused(f"{reference} {why}")
        return secret.value

    def _opened(self, sealed: str, url: str, onward: str) -> str:
        try:
            if self._vault is None:
                raise CannotOpen("there is no vault here")
            secret = self._vault.open(sealed, binding(url, onward))
        except ValueError as error:
            raise SecretRefused(str(error)) from None
        self._hide(secret)
        return secret

    def _hide(self, secret: str) -> None:
        """From now on strike this one out, too."""
        new = {*_forms(secret)} - self._forms
        if new:
            with self._lock:
                self._forms |= new
                self._hidden = _any_of(self._forms)

    def redact(self, text: str) -> str:
        """The text with every secret in it struck out, as it is or as URLs, JSON and basic auth write it."""
        return self._hidden.sub("***", text)


def _any_of(forms: Collection[str]) -> re.Pattern[str]:
    longest_first = sorted(forms, key=len, reverse=True)
    # Nothing matches when there is nothing to hide: an empty alternation would match everywhere.
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)


def _is_secret(variable: str) -> bool:
    """Whether a variable of the environment is one of these, rather than a setting."""
    return variable.startswith(PREFIX) and variable != PREFIX + _OWN


def _read(environ: Mapping[str, str]) -> Iterator[tuple[str, _Secret]]:
    for variable, written in environ.items():
        if _is_secret(variable) and written:
            yield variable.removeprefix(PREFIX), _parsed(variable, written)


def _parsed(variable: str, written: str) -> _Secret:
    if not _NAME.fullmatch(variable.removeprefix(PREFIX)):
        raise BadSecret(f"{variable} has a name that cannot be referred to; use A-Z, 0-9 and _")
    origin, _, value = written.strip().partition(" ")
    value = value.strip()
    if not value:
        raise BadSecret(f"{variable} is not an origin, a space and a secret; write https://host the-secret")
    if len(value) < SHORTEST or not _VALUE.fullmatch(value):
        raise BadSecret(f"{variable} is not a secret of at least {SHORTEST} printable ASCII characters")
    return _Secret(tuple(_origin(variable, each) for each in origin.split(",")), value)


def _origin(variable: str, written: str) -> Origin:
    """The origin in front of a secret. It may be the secret itself, put there by mistake, so it is never shown."""
    try:
        if _ORIGIN.fullmatch(written):
            return Origin.of(written)
    except ValueError:
        pass
    raise BadSecret(f"{variable} does not begin with an origin; write https://host or https://host:port")


def _forms(value: str) -> Iterator[str]:
    """The ways in which a secret, or a half of a user name and password, is written when it is sent."""
    for part in (value, *value.split(":", 1)):
        if len(part) >= SHORTEST:
            encoded = base64.b64encode(part.encode()).decode().rstrip("=")
            yield from (part, encoded, encoded.translate(str.maketrans("+/", "-_")))
            yield from (quote(part, safe=""), quote(part), quote_plus(part), json.dumps(part)[1:-1])
