"""How a registry wants to be told who is asking."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum

from controller.secrets import Secrets


class Scheme(StrEnum):
    """Where the secret goes."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Login:
    """A scheme and a reference to the secret. ``header`` is where a secret goes that stands alone."""

    scheme: Scheme = Scheme.NONE
    reference: str = ""
    header: str = "Authorization"

    def headers(self, secrets: Secrets, url: str) -> dict[str, str]:
        """What to send to ``url`` to be let in.

        Raises:
            SecretRefused: The secret does not exist, or is not for that address.
        """
        if self.scheme is Scheme.NONE:
            return {}
        secret = secrets.reveal(self.reference, url)
        if self.scheme is Scheme.BASIC:
            return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
        return {self.header: f"Bearer {secret}" if self.scheme is Scheme.BEARER else secret}
