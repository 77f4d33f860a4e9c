"""What becomes of the names and moments in a foreign file before they enter a report."""

from __future__ import annotations

import re
from datetime import UTC, datetime

MAX_NAME = 120
"""How many characters of a name are kept."""

_LOOKED_AT = 1000
_IN_ADDRESS = re.compile(r"(?<=://)[^/?#\s@]*@|[?#]\S*")
_ADDRESS = re.compile(r"://(?:[^/?#\s@]*@)*([^\s?#]*)(?:[?#]\S*)?")
_SECRETS = re.compile(
    r"\b[spr]k[-_][\w-]{16,}|\b(?:hf|gh[opsur]|github_pat|hg_[a-z]+)_\w{8,}|\b(?:xox[abprs]|glpat)-[\w-]{10,}"
    r"|\b(?:AKIA|ASIA|AIza)[\w-]{12,}|\beyJ[\w-]{8,500}\.[\w.-]+"
    r"|-----BEGIN [A-Z ]{0,40}KEY-----.*"
    r"|(?i:\b(?:bearer|basic)\s+[\w.~+/=-]{8,}|(?:key|token|secret|password)\s*[=:]\s*[^\s,;&]+)"
)
"""The forms that keys of well-known services have, and words that announce one."""


def clean(text: str, limit: int = MAX_NAME) -> str:
    """A text of one line, without control characters, without what looks like a secret, and cut to ``limit``.

    Of addresses in it, user, password, query and fragment are left out.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:_LOOKED_AT])
    words = " ".join(_SECRETS.sub("[removed]", _ADDRESS.sub(r"://\1", plain)).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def clean_id(text: str, limit: int = MAX_NAME) -> str:
    """The name of a model or provider; of an address, user, password, query and fragment are left out."""
    start = text[:_LOOKED_AT]
    return clean(_IN_ADDRESS.sub("", start) if "://" in start else start, limit)


def moment(text: str) -> datetime | None:
    """A moment in ISO 8601, in UTC; None if it cannot be read or does not name its zone."""
    try:
        read = datetime.fromisoformat(text)
        return None if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment_of_unix(seconds: float) -> datetime | None:
    """A moment in seconds since 1970, in UTC; None if no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
