"""What a model call costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens read and a million tokens written."""

    input_usd: float
    output_usd: float


PRICES: Mapping[str, Price] = {
    "stand-in-small": Price(0.15, 0.60),
    "stand-in-small-2026-10-01": Price(0.15, 0.60),
    "stand-in-large": Price(2.50, 10.00),
    "stand-in-large-2026-10-01": Price(2.50, 10.00),
}
"""Prices by model id. They are invented, like the models."""


def cost_usd(model: str, input_tokens: int, output_tokens: int) -> float | None:
    """The cost of one call in US dollars; None when the price of the model is not known."""
    price = PRICES.get(model)
    if price is None:
        return None
    return (input_tokens * price.input_usd + output_tokens * price.output_usd) / 1_000_000
