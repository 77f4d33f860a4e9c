"""Secrets within the settings that users enter: sealed when they come in, hidden when they are shown.

Whoever has settings with secrets in them (sources, destinations) says where those stand, and to which address each is
sent; the rest is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.errors import BadConfiguration
from controller.secrets import SHORTEST, binding
from controller.vault import PREFIX, CannotOpen, Vault

HIDDEN = "***"
"""What is shown in place of a secret, and means, when it is sent back, that it stays as it is."""

_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where in the settings a secret stands, the address that it is sent to, and where what it buys goes ``onward``."""

    path: tuple[str, ...]
    url: str
    onward: str = ""

    @property
    def field(self) -> str:
        """The place as a user would find it."""
        return ".".join(self.path)

    def value_in(self, settings: Mapping[str, Any]) -> str:
        """What stands there; nothing if it is no text."""
        value: Any = settings
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""

    def put_into(self, settings: dict[str, Any], value: str) -> None:
        """Put something else there, where a text stands already."""
        *parents, name = self.path
        for parent in parents:
            settings = settings[parent]
        settings[name] = value


PlacesIn = Callable[[Mapping[str, Any]], Sequence[SecretPlace]]
"""Where in settings of some kind secrets stand."""


def seal(
    settings: Mapping[str, Any], places_in: PlacesIn, before: Mapping[str, Any], vault: Vault
) -> dict[str, Any]:
    """The settings with every secret sealed that was entered as it is. One that is hidden stays as it was before.

    Raises:
        BadConfiguration: It is no secret, or the one before was for another address.
    """
    sealed: dict[str, Any] = replaced(settings, lambda _: "")  # Nobody enters what only the vault makes.
    for place in places_in(sealed):
        value = place.value_in(sealed)
        if value == HIDDEN:
            place.put_into(sealed, _former(place, before, vault))
        elif value.startswith("env:"):
            continue
        elif not SHORTEST <= len(value) <= _LONGEST or not value.isascii() or not value.isprintable():
            remedy = f"enter {SHORTEST} to {_LONGEST} printable ASCII characters, or env:NAME"
            raise BadConfiguration(place.field, "is not a secret", remedy)
        else:
            place.put_into(sealed, vault.seal(value, _binding(place)))
    return sealed


def put_back(
    kept: Mapping[str, Any], places_in: PlacesIn, before: Mapping[str, Any], vault: Vault
) -> dict[str, Any]:
    """Settings that were sealed at another time, with what is hidden in them as it is now.

    Raises:
        BadConfiguration: What is there now is for another address.
    """
    whole: dict[str, Any] = replaced(kept, lambda sealed: sealed)
    for place in places_in(whole):
        if place.value_in(whole) == HIDDEN:
            place.put_into(whole, _former(place, before, vault))
    return whole


def shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they may be shown: what is sealed is hidden."""
    return replaced(settings, lambda _: HIDDEN)


def replaced(settings: Mapping[str, Any], by: Callable[[str], str]) -> dict[str, Any]:
    """A copy of settings with every sealed secret in them replaced."""
    return dict(_replacements(settings, by))


def _replacements(settings: Mapping[str, Any], by: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield name, replaced(value, by)
        else:
            is_sealed = isinstance(value, str) and value.startswith(PREFIX)
            yield name, by(value) if is_sealed else value


def _former(place: SecretPlace, before: Mapping[str, Any], vault: Vault) -> str:
    """The secret that stands there already. It does not follow its address to another place."""
    former = place.value_in(before)
    if not former:
        raise BadConfiguration(place.field, "is hidden, but there was none", "enter it")
    if former.startswith(PREFIX):
        try:
            vault.open(former, _binding(place))
        except CannotOpen as error:
            raise BadConfiguration(place.field, str(error), "enter it again") from None
    return former


def _binding(place: SecretPlace) -> str:
    try:
        return binding(place.url, place.onward)
    except ValueError as error:
        raise BadConfiguration(
            place.field, f"cannot be kept, because its address is none: {error}", "mend the address"
        ) from None
