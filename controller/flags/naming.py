"""One name, one meaning: which keys a plain flag cannot have, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from controller.errors import Problem
from controller.store.plain_flags import PlainFlag

SWITCH = ".enabled"
"""What stands behind a feature's key in the name of its boolean flag."""
CANARY = "headgate-canary"
"""The flag that kill drills flip."""


def flags_of_feature(key: str) -> tuple[str, str]:
    """The names of the flags that a feature becomes."""
    return key, f"{key}{SWITCH}"


def name_problem(key: str, features: Mapping[str, datetime | None], path: str) -> Problem | None:
    """What is wrong with the name of a plain flag, where features have these keys, or had them until a time."""
    if key in flags_of_feature(CANARY):
        return Problem(path, f"{key} is the flag of kill drills", "choose another key")
    feature = key if key in features else key.removesuffix(SWITCH)
    if feature not in features:
        return None
    message = f"{key} is a flag of the feature {feature}"
    if deleted_at := features[feature]:
        message += f", which was deleted on {deleted_at:%Y-%m-%d}; product code may still ask for it"
    return Problem(path, message, "choose another key")


def retired(flag: PlainFlag, path: str) -> Problem:
    """Why a flag that was deleted is not made again."""
    when = f" on {flag.deleted_at:%Y-%m-%d}" if flag.deleted_at else ""
    because = f" ({flag.deleted_because})" if flag.deleted_because else ""
    message = f"the flag {flag.key} ({flag.type}) was deleted{when} by {flag.deleted_by}{because}"
    remedy = "revive it if it shall mean what it meant, or choose another key"
    return Problem(path, f"{message}; product code may still ask for it", remedy)
