"""The way to ask a registry over HTTP: its secret goes along, and what is no success becomes an error of one kind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from controller import http as door
from controller.http import Answer, Outbound, OutboundError
from controller.registries.login import Login
from controller.registries.registry import (
    Conflict,
    Denied,
    Missing,
    Nonsense,
    Refused,
    RegistryError,
    Unreachable,
)
from controller.secrets import Origin, SecretRefused, Secrets
from controller.strict_json import InvalidJSON, loads

MAX_BYTES = 1 << 20

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_SUCCESS = range(200, 300)
_JSON = {"Content-Type": "application/json"}
_MEANINGS: Mapping[int, tuple[type[RegistryError], str]] = {
    HTTPStatus.UNAUTHORIZED: (Denied, "it does not accept the secret"),
    HTTPStatus.FORBIDDEN: (Denied, "the owner of the secret may not do this"),
    HTTPStatus.NOT_FOUND: (Missing, "it has no such thing, or not for the owner of the secret"),
    HTTPStatus.CONFLICT: (Conflict, "something else is at work on it"),
    HTTPStatus.PRECONDITION_FAILED: (Conflict, "it has been changed in the meantime"),
    HTTPStatus.TOO_MANY_REQUESTS: (Unreachable, "it has been asked too often"),
}


@dataclass(frozen=True, slots=True)
class Client:
    """The way to one registry. The secret goes with every request, and only to the origin it is for."""

    outbound: Outbound
    secrets: Secrets = field(repr=False)
    login: Login

    def ask(
        self,
        method: str,
        url: str,
        deadline_s: float,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Make a request, with ``body`` as JSON if there is one, and give the JSON that was answered.

        Raises:
            RegistryError: There was no answer, another status than success, or no JSON.
        """
        answer = self.send(method, url, deadline_s, body=body, headers=headers)
        try:
            return loads(answer.body)
        except InvalidJSON as error:
            raise Nonsense(f"{Origin.of(url)} did not answer with JSON: {error}") from None

    def send(
        self,
        method: str,
        url: str,
        deadline_s: float,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """The same without looking into the answer.

        Raises:
            RegistryError: There was no answer, or another status than success.
        """
        typed = {} if body is None else _JSON
        with _understood():
            answer = self.outbound.send(
                method,
                url,
                deadline_s=deadline_s,
                data=body,
                headers={**typed, **(headers or {}), **self.login.headers(self.secrets, url)},
                max_bytes=max_bytes,
            )
        if answer.status not in _SUCCESS:
            raise self._refusal(Origin.of(url), answer)
        return answer

    def _refusal(self, origin: Origin, answer: Answer) -> RegistryError:
        """What a status means. Of a body only a code is repeated: the rest may be anybody's page."""
        server = Unreachable if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
        kind, meaning = _MEANINGS.get(answer.status, (server, ""))
        said = f"{origin} answered HTTP {answer.status}"
        if code := _code(answer):
            said += f" {self.secrets.redact(code)}"
        if meaning:
            said += f": {meaning}"
        return kind(said + answer.wait_told, answer.wait_s)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """What it means to a registry that a call brought no answer."""
    try:
        yield
    except (door.Unreachable, door.TimedOut) as error:
        raise Unreachable(str(error)) from None
    except door.TooLarge as error:
        raise Nonsense(str(error)) from None
    except (OutboundError, SecretRefused) as error:
        raise Refused(str(error)) from None


def _code(answer: Answer) -> str:
    """The code of an error, where MLflow, LaunchDarkly and others put it."""
    try:
        body = loads(answer.body)
    except InvalidJSON:
        return ""
    code = (body.get("error_code") or body.get("code")) if isinstance(body, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
