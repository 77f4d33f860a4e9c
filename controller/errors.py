"""What can go wrong in a use case. How HTTP says it is decided in `controller.api.errors` alone.

HeadgateError
├── NotFound       there is no such thing, or it belongs to somebody else
├── Conflict       it clashes with what is there
├── VersionConflict  somebody else changed it in the meantime
├── InvalidInput   one or more fields cannot be used
└── Forbidden      the actor may not do this

BadConfiguration   something that a user entered to connect another system; the use case makes InvalidInput of it
└── BadSetting     a setting of that system
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, and what to do about it."""

    field: str
    message: str
    remedy: str


class HeadgateError(Exception):
    """Something a person can put right. ``code`` is stable; ``problems`` name fields."""

    def __init__(self, code: str, detail: str, *problems: Problem) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.problems = problems


class NotFound(HeadgateError):
    """There is no such thing in this project."""

    def __init__(self, what: str, key: str) -> None:
        detail = f"there is no {what} {key!r} here"
        remedy = "check how it is spelled, and that your key is of its project"
        super().__init__("not_found", detail, Problem(what, detail, remedy))


class Conflict(HeadgateError):
    """It clashes with what is there already."""


class VersionConflict(HeadgateError):
    """The thing has been changed since it was read."""

    def __init__(self, what: str, now: int) -> None:
        super().__init__(
            "version_conflict", f"{what} has been changed; it is at version {now} now. Read it again."
        )


class InvalidInput(HeadgateError):
    """Fields that cannot be used."""

    def __init__(self, *problems: Problem, code: str = "invalid_field") -> None:
        super().__init__(code, "; ".join(f"{p.field}: {p.message}" for p in problems), *problems)


class Forbidden(HeadgateError):
    """The actor may not do this."""


class BadConfiguration(ValueError):
    """Something a user entered for another system cannot be used; names the field, what is wrong and what to do."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        """``remedy`` is a sentence without its full stop, in the imperative."""
        super().__init__(f"{field}: {message}; {remedy}")
        self.field = field
        self.message = message
        self.remedy = remedy


class BadSetting(BadConfiguration):
    """A setting cannot be used."""
