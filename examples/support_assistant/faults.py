"""How a release misbehaves: the settings of the stand-in model, by release id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

EVERY_RELEASE = "*"
"""The key whose faults apply to a release that has none of its own."""


class FaultsError(ValueError):
    """Faults were described wrongly; the message names the release and the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares of answers (0 to 1) that are wrong in one way, and a delay. The default is a healthy release.

    `unsupported`: an answer says something the passages do not say. `wrong_citation`: it also cites a section
    that was not retrieved. `leak_account`: it shows the account number of the customer record; True means
    every answer. `fails`: the model raises instead of answering. `slow_ms`: extra milliseconds before each
    answer.
    """

    unsupported: float = 0.0
    wrong_citation: float = 0.0
    leak_account: float = 0.0
    fails: float = 0.0
    slow_ms: int = 0

    def __post_init__(self) -> None:
        """Raise `FaultsError` for a share or a delay out of range."""
        for name in ("unsupported", "wrong_citation", "leak_account", "fails"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise FaultsError(f"{name} is a share between 0 and 1, not {getattr(self, name)!r}")
        if not 0 <= self.slow_ms <= 60_000:
            raise FaultsError(f"slow_ms is between 0 and 60000 milliseconds, not {self.slow_ms!r}")


HEALTHY = Faults()


class FaultBook:
    """The faults in force. Threads may read and change it at once, because the mapping is replaced whole."""

    def __init__(self, by_release: Mapping[str, Faults] | None = None) -> None:
        """Begin with these faults; every other release is healthy."""
        self._by_release: Mapping[str, Faults] = dict(by_release or {})

    def of(self, release: str) -> Faults:
        """The faults of one release: its own, else those of `EVERY_RELEASE`, else none."""
        by_release = self._by_release
        return by_release.get(release) or by_release.get(EVERY_RELEASE) or HEALTHY

    def set(self, release: str, faults: Faults) -> None:
        """Break (or with `HEALTHY` mend) one release."""
        self._by_release = {**self._by_release, release: faults}

    def replace(self, by_release: Mapping[str, Faults]) -> None:
        """Put other faults in force; a release that is not named is mended."""
        self._by_release = dict(by_release)

    def described(self) -> dict[str, dict[str, Any]]:
        """The faults in force as `parse_faults` reads them."""
        return {release: asdict(faults) for release, faults in self._by_release.items()}


def parse_faults(text: str | bytes) -> dict[str, Faults]:
    """Read `{"r-7f3a12ab34cd": {"unsupported": 0.4}, "*": {"slow_ms": 50}}`.

    Raises `FaultsError` for anything else, and reads all of it or nothing.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise FaultsError(f"faults are not JSON: {error}") from None
    if not isinstance(document, dict):
        raise FaultsError("faults are a JSON object keyed by release id")
    return {release: _one(release, settings) for release, settings in document.items()}


def _one(release: str, settings: object) -> Faults:
    if not isinstance(settings, dict):
        raise FaultsError(f"the faults of {release} are a JSON object")
    unknown = sorted(settings.keys() - {field.name for field in fields(Faults)})
    wrong = sorted(name for name, value in settings.items() if not isinstance(value, int | float))
    if unknown or wrong:
        names = ", ".join(unknown or wrong)
        raise FaultsError(f"the faults of {release} hold {names}, which is not a known number")
    try:
        return Faults(**settings)
    except FaultsError as error:
        raise FaultsError(f"the faults of {release}: {error}") from None
