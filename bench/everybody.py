"""Everybody who is measured."""

from __future__ import annotations

from collections.abc import Callable

from bench.peers import (
    Flagd,
    Floor,
    GrowthBook,
    Headgate,
    LaunchDarkly,
    OpenFeatureFlagd,
    OpenFeatureMemory,
    Peer,
)
from bench.remote_peers import Flagsmith, PostHog, Unleash

_KINDS: tuple[Callable[[], Peer], ...] = (
    Headgate,
    Floor,
    GrowthBook,
    Flagd,
    OpenFeatureMemory,
    OpenFeatureFlagd,
    LaunchDarkly,
    PostHog,
    Flagsmith,
    Unleash,
)


def peers() -> list[Peer]:
    """Return everybody who is installed, ourselves first."""
    found: list[Peer] = []
    for kind in _KINDS:
        try:
            found.append(kind())
        except ImportError:
            continue
    return found
