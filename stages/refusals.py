"""Why something may not go up. All reasons at once, each with its way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason.

    ``code`` is stable and documented, ``field`` names the part of the request it is about, if any.
    """

    code: str
    message: str
    remedy: str
    field: str = ""


class Refused(Exception):
    """A move is not allowed; carries every reason."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        """Keep the reasons, and spell them out with their remedies as the text of the exception."""
        self.refusals = tuple(refusals)
        super().__init__("; ".join(f"{refusal.message} ({refusal.remedy})" for refusal in self.refusals))


def refuse_unless_empty(refusals: Iterable[Refusal]) -> None:
    """Raise Refused when there is any refusal."""
    if found := tuple(refusals):
        raise Refused(found)


CHANGED_SINCE_SEEN = Refusal(
    "changed_since_seen",
    "something that an approval is bound to has changed since you looked",
    "look at it again, and approve what it is now",
    "If-Match",
)
"""The reason against an approval of what is no longer what was looked at."""
