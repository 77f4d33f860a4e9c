"""Providers that tell by themselves when their models end: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from urllib.parse import parse_qsl

from controller.http import Outbound
from controller.model_calendar.listings.bedrock import BEDROCK
from controller.model_calendar.listings.listing import BadListing, Listing
from controller.model_calendar.listings.openai import OPENAI
from controller.secrets import SecretRefused, Secrets
from controller.settings import BadSettingValue
from stages.models import ModelEnd

LISTINGS: Mapping[str, Listing] = {
    "bedrock": BEDROCK,
    "openai": OPENAI,
}
"""Every listing by its name in settings."""

VARIABLE = "HEADGATE_MODEL_LISTINGS"

Ask = Callable[[], tuple[ModelEnd, ...]]
"""Asks one provider; raises BadListing."""


def chosen(written: str) -> dict[str, dict[str, str]]:
    """The settings of each listing that an operator wants asked, written ``openai bedrock?region=eu-central-1``.

    Raises:
        BadSettingValue: There is no such listing, it is named twice, or a setting cannot be used.
    """
    settings: dict[str, dict[str, str]] = {}
    try:
        for word in written.split():
            name, _, own = word.partition("?")
            settings[name] = _settings(name, own, settings)
    except (BadListing, ValueError) as error:
        raise BadSettingValue(f"{VARIABLE}={written!r} cannot be used: {error}") from None
    return settings


def _settings(name: str, written: str, others: Container[str]) -> dict[str, str]:
    if name in others:
        raise BadListing(f"{name} is named twice")
    settings = dict(parse_qsl(written, strict_parsing=bool(written)))
    _known(name, settings)
    return settings


def asked(
    settings: Mapping[str, Mapping[str, str]], outbound: Outbound, secrets: Secrets, deadline_s: float = 20.0
) -> dict[str, Ask]:
    """How to ask each provider that there are settings for; nothing is sent yet.

    The key is looked up anew each time, and only for the address that it is kept for.

    Raises:
        BadListing: There is no such listing, or a setting cannot be used; names both.
    """
    return {
        name: partial(_ask, _known(name, own), outbound, secrets, own, deadline_s)
        for name, own in settings.items()
    }


def _known(name: str, settings: Mapping[str, str]) -> Listing:
    if name not in LISTINGS:
        raise BadListing(f"there is no listing {name}; known are {', '.join(LISTINGS)}")
    try:
        LISTINGS[name].url(settings)
    except BadListing as error:
        raise BadListing(f"{name}: {error}") from None
    return LISTINGS[name]


def _ask(
    listing: Listing, outbound: Outbound, secrets: Secrets, settings: Mapping[str, str], deadline_s: float
) -> tuple[ModelEnd, ...]:
    try:
        secret = secrets.reveal(listing.reference, listing.url(settings))
    except SecretRefused as error:
        raise BadListing(str(error)) from None
    return listing.fetch(outbound, secret, settings, deadline_s)
