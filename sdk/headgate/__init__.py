"""Headgate: may this user have the GenAI feature, which release, must a human look?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.client import Client
    from headgate.current import Status
    from headgate.decision import Decision, ErrorCode, Mode, Reason
    from headgate.offline import OfflineClient
    from headgate.questions import Details
    from headgate.runs import Run

__all__ = ["Client", "Decision", "Details", "ErrorCode", "Mode", "OfflineClient", "Reason", "Run", "Status"]

# The evaluator is used without the client, by the server too; only what is asked for is imported.
_HOMES = {
    "Client": "headgate.client",
    "Decision": "headgate.decision",
    "Details": "headgate.questions",
    "ErrorCode": "headgate.decision",
    "Mode": "headgate.decision",
    "OfflineClient": "headgate.offline",
    "Reason": "headgate.decision",
    "Run": "headgate.runs",
    "Status": "headgate.current",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
