"""The way to one source over HTTP: credentials go along, limits are kept, and an error tells no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from controller.errors import BadSetting
from controller.http import Answer, Outbound, OutboundError
from controller.secrets import Secrets
from controller.sources.access import Access
from controller.sources.memory import digest
from controller.sources.source import SecretPlace
from controller.sources.web.assumed_role import ROLE_SETTINGS, as_role
from controller.sources.web.auth import Auth, Nothing, Unsigned, basic, bearer, entered_secret, in_header
from controller.sources.web.entered import Entered
from controller.sources.web.limits import Gate
from controller.sources.web.oauth2 import ClientCredentials, Token
from controller.sources.web.sigv4 import SignatureV4
from controller.sources.wording import one_line
from controller.strict_json import InvalidJSON, loads

MAX_BYTES = 1 << 20
TIMING = ("lag_s", "max_staleness_s")
"""The settings of every source that is asked about when, rather than whom."""
WEB_SETTINGS = ("url", "headers", "auth", "ca", "per_minute", "at_once", *TIMING)
"""The settings that every kind of source has that is asked over HTTP."""

_AT_ONCE = 4
_LONGEST_LAG_S = 86_400
_LONGEST_STALENESS_S = 30 * 86_400
AUTH: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("secret", "username"),
    "bearer": ("secret",),
    "header": ("secret", "header"),
    "oauth2": ("secret", "token_url", "client_id", "scope", "audience", "client_auth"),
    "sigv4": ("secret", "access_key_id", "region", "service", *ROLE_SETTINGS),
}
"""The ways to prove who asks, each with its settings."""


class Said(OutboundError):
    """The other side answered, but not with what was asked for. ``status`` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Web:
    """The way to one source. ``url`` has no slash at its end; ``ca`` is what to trust instead of public authorities."""

    url: str
    outbound: Outbound
    auth: Auth = field(default_factory=Nothing)
    extra: Mapping[str, str] = field(default_factory=dict)
    ca: str = ""
    gate: Gate = field(default_factory=lambda: Gate(_AT_ONCE))
    redact: Callable[[str], str] = str

    def send(
        self,
        method: str,
        path: str,
        deadline_s: float,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """Make a request to ``path`` behind the address, and give the answer whatever its status.

        Raises:
            OutboundError: There was none.
        """
        request = Unsigned(method, self.url + path, {**self.extra, **(headers or {})}, body)
        clock = self.gate.clock
        until = clock() + deadline_s
        answer = self._once(request, deadline_s, max_bytes)
        is_refused = answer.status == HTTPStatus.UNAUTHORIZED and self.auth.refused()
        if is_refused and (left_s := until - clock()) > 0:
            return self._once(request, left_s, max_bytes)
        return answer

    def _once(self, request: Unsigned, left_s: float, max_bytes: int) -> Answer:
        clock = self.gate.clock
        until = clock() + left_s
        with self.gate.passed(left_s):
            signed = self.auth.headers(request, until - clock())
            answer = self.outbound.send(
                request.method,
                request.url,
                data=request.body or None,
                headers={**request.headers, **signed},
                deadline_s=until - clock(),
                max_bytes=max_bytes,
                ca=self.ca,
            )
        self.gate.note(answer)
        return answer

    def ask(
        self,
        method: str,
        path: str,
        deadline_s: float,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The same for JSON: what was answered, if it was a success.

        Raises:
            OutboundError: There was no answer, or another one.
        """
        answer = self.send(method, path, deadline_s, body=body, headers=headers)
        if answer.status != HTTPStatus.OK:
            raise self.refusal(answer)
        try:
            return loads(answer.body)
        except InvalidJSON as error:
            raise Said(answer.status, one_line(f"the answer is not JSON: {error}")) from None

    def refusal(self, answer: Answer) -> Said:
        """What a status other than success means. Nothing of a body is repeated: it may be anybody's page."""
        said = f"HTTP {answer.status}"
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            said += ": the source does not accept the credentials"
        return Said(answer.status, said + answer.wait_told)

    def at(self, url: str) -> Web:
        """The same way to another address of the same origin."""
        return replace(self, url=url)

    def check_leads(self) -> None:
        """See `controller.sources.source.Source.check_leads`."""
        for setting, url in {"url": self.url, **self.auth.asks()}.items():
            try:
                self.outbound.check_leads(url)
            except OutboundError as error:
                raise BadSetting(setting, str(error), "enter an address that may be called") from None


def web_from(entered: Entered, access: Access, *, url: str = "", auth: Auth | None = None) -> Web:
    """The way that was entered. ``url`` and ``auth`` are for kinds that know them from other settings.

    Raises:
        BadSetting: A setting cannot be used.
    """
    address = url or entered_url(entered, access.outbound)
    shown = auth or _auth(entered, access, address)
    return Web(
        address,
        access.outbound,
        shown,
        entered.headers(),
        _authorities(entered),
        gate_from(entered, access, address),
        lambda text: shown.strike(access.secrets.redact(text)),
    )


def secrets_in(settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
    """Where the secret of ``auth`` stands, and which address it is for; see `Source.secrets_in`."""
    auth = settings.get("auth")
    if not isinstance(auth, Mapping) or not isinstance(auth.get("secret"), str):
        return ()
    url, token_url = str(settings.get("url") or ""), str(auth.get("token_url") or "")
    return (SecretPlace(("auth", "secret"), token_url or url, onward=url),)


def entered_url(
    entered: Entered, outbound: Outbound, name: str = "url", example: str = "https://host"
) -> str:
    """An address that may be called, without a slash at its end.

    Raises:
        BadSetting: It is none.
    """
    url = entered.text(name, remedy=f"enter an address such as {example}")
    try:
        outbound.check(url)
    except OutboundError as error:
        raise BadSetting(entered.field(name), str(error), "enter an address that may be called") from None
    if "?" in url or "#" in url:
        raise BadSetting(entered.field(name), "has a query or a fragment", "enter the address up to there")
    return url.rstrip("/")


def _auth(entered: Entered, access: Access, url: str) -> Auth:
    scheme = entered.part(
        "auth", dict.fromkeys(["scheme", *(name for names in AUTH.values() for name in names)])
    )
    name = scheme.one_of("scheme", AUTH, "none")
    given = entered.part("auth", ("scheme", *AUTH[name]))
    secrets: Secrets = access.secrets
    if name == "none":
        return Nothing()
    if name == "oauth2":
        return _oauth2(given, access, url)
    if name == "sigv4":
        user = SignatureV4(
            given.text("access_key_id"),
            entered_secret(given, secrets, url),
            given.text("region"),
            given.text("service"),
            access.now,
        )
        return as_role(given, access, user)
    return {"basic": basic, "bearer": bearer, "header": in_header}[name](given, secrets, url)


def _oauth2(given: Entered, access: Access, url: str) -> Auth:
    token_url = entered_url(given, access.outbound, "token_url")
    secret = entered_secret(given, access.secrets, token_url, onward=url)
    client_id = given.text("client_id")
    extra = {name: given.text(name) for name in ("scope", "audience") if name in given}
    in_body = given.one_of("client_auth", ("header", "body"), "header") == "body"
    key = ("token", token_url, client_id, digest(secret.reference), *extra.items())
    return ClientCredentials(
        access.outbound, token_url, client_id, secret, access.memory.of(key, Token), extra, in_body
    )


def _authorities(entered: Entered) -> str:
    if "ca" not in entered:
        return ""
    pem = entered.text("ca")
    if "PRIVATE KEY" in pem:
        raise BadSetting(entered.field("ca"), "holds a private key", "enter certificates alone")
    if not Outbound.can_trust(pem):
        raise BadSetting(
            entered.field("ca"), "is not certificates in PEM", "enter text that begins with -----BEGIN"
        )
    return pem


def gate_from(entered: Entered, access: Access, url: str) -> Gate:
    """The limits that were entered for a source, kept while its settings stay the same.

    Raises:
        BadSetting: One is not a number that fits.
    """
    entered.number("lag_s", 0, 0, _LONGEST_LAG_S)
    entered.number("max_staleness_s", 0, 0, _LONGEST_STALENESS_S)
    at_once = int(entered.number("at_once", _AT_ONCE, 1, 64))
    per_minute = entered.number("per_minute", 0, 0, 100_000)
    key = ("gate", url, at_once, per_minute, str(entered.raw("auth")))
    return access.memory.of(
        (*key[:-1], digest(key[-1])),
        lambda: Gate(at_once, access.budget(digest("|".join(map(str, key))), per_minute)),
    )
