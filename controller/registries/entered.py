"""Reading what a user entered for a registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.errors import BadSetting
from controller.http import Outbound, OutboundError, header_is_sendable
from controller.registries.login import Login, Scheme
from controller.secrets import SecretRefused, Secrets

_CREDENTIAL_HEADERS = ("authorization", "cookie", "proxy-authorization")
_FRAMING_HEADERS = ("connection", "content-length", "host", "transfer-encoding")


def only(settings: Mapping[str, Any], *known: str) -> None:
    """Refuse settings that nobody would read.

    Raises:
        BadSetting: There is one that is not known.
    """
    if unknown := sorted(set(map(str, settings)) - set(known)):
        raise BadSetting(unknown[0], "is unknown", f"known are {', '.join(known)}")


def text(settings: Mapping[str, Any], field: str, default: str = "") -> str:
    """A setting that is a text.

    Raises:
        BadSetting: It is missing and has no default, or is something else.
    """
    value = settings.get(field, default)
    if not isinstance(value, str):
        raise BadSetting(field, "is not a text", "put it in quotes")
    if not value:
        raise BadSetting(field, "is missing", "enter it")
    return value


def base_url(settings: Mapping[str, Any], outbound: Outbound, default: str = "") -> str:
    """The address of a registry, without a slash at its end.

    Raises:
        BadSetting: It is missing, may not be called, or is more than an address.
    """
    url = text(settings, "url", default)
    check_url("url", url, outbound)
    if "?" in url or "#" in url:
        raise BadSetting("url", "has a query or a fragment", "enter the address up to there")
    return url.rstrip("/")


def check_url(field: str, url: str, outbound: Outbound) -> None:
    """Refuse an address that would never be called.

    Raises:
        BadSetting: It is one.
    """
    try:
        outbound.check(url)
    except OutboundError as error:
        raise BadSetting(field, str(error), "enter an address that may be called") from None


def login(settings: Mapping[str, Any], secrets: Secrets, url: str, *schemes: Scheme) -> Login:
    """How to log in at ``url``: one of ``schemes``, the first if nothing is entered.

    Raises:
        BadSetting: The scheme is not one of them, or its secret is missing, not for this address, or not in its form.
    """
    name = text(settings, "auth", schemes[0])
    if name not in schemes:
        raise BadSetting("auth", "is unknown", f"use one of {', '.join(schemes)}")
    scheme = Scheme(name)
    if scheme is Scheme.NONE:
        if "secret" in settings:
            raise BadSetting("secret", "is not used without auth", "enter auth too, or leave it out")
        return Login()
    chosen = Login(scheme, text(settings, "secret"), _header(settings))
    check_secret(chosen, secrets, url)
    return chosen


def check_secret(login: Login, secrets: Secrets, url: str) -> None:
    """Find out, before anything is sent, whether the secret may be sent to ``url``.

    Raises:
        BadSetting: It may not, or there is none, or it is not a user name and a password where it has to be.
    """
    if login.scheme is Scheme.NONE:
        return
    try:
        secret = secrets.reveal(login.reference, url)
    except SecretRefused as error:
        raise BadSetting("secret", str(error), "let the operator set the secret for this origin") from None
    if login.scheme is Scheme.BASIC and ":" not in secret:
        raise BadSetting("secret", "has no colon in it", "let the operator set it as user:password")


def _header(settings: Mapping[str, Any]) -> str:
    """The header for a secret that stands alone."""
    name = text(settings, "auth_header", "Authorization")
    if not header_is_sendable(name, "") or name.lower() in _FRAMING_HEADERS:
        raise BadSetting("auth_header", "is not a header for secrets", "enter a name such as X-API-Key")
    return name


def headers(settings: Mapping[str, Any], field: str) -> dict[str, str]:
    """Headers that go with every request; none is a place for a secret or a variable.

    Raises:
        BadSetting: One cannot be sent, would hold a credential, or is not ours to set.
    """
    entered = settings.get("headers", {})
    if not isinstance(entered, Mapping):
        raise BadSetting(f"{field}.headers", "is not a mapping", "enter names with their values")
    for name, value in entered.items():
        _check_header(f"{field}.headers.{name}", name, value)
    return dict(entered)


def _check_header(field: str, name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str) or not header_is_sendable(name, value):
        raise BadSetting(field, "is not a header", "use printable ASCII, without space around it")
    if name.lower() in _CREDENTIAL_HEADERS:
        raise BadSetting(field, "would hold a credential in plain text", "use auth and secret instead")
    if name.lower() in _FRAMING_HEADERS:
        raise BadSetting(field, "is set by the connection itself", "leave it out")
    if "${" in value:
        raise BadSetting(field, "has a variable, which headers do not have", "put it in the url or the body")
