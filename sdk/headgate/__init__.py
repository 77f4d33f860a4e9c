"""Headgate: may this user have the GenAI feature, which release, must a human look?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.client import Client
    from headgate.decision import Decision, ErrorCode, Mode, Reason
    from headgate.polling import Status

__all__ = ["Client", "Decision", "ErrorCode", "Mode", "Reason", "Status"]

# The evaluator is used without the client, by the server too; only what is asked for is imported.
_HOMES = {
    "Client": "headgate.client",
    "Decision": "headgate.decision",
    "ErrorCode": "headgate.decision",
    "Mode": "headgate.decision",
    "Reason": "headgate.decision",
    "Status": "headgate.polling",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
