"""Numbers as products say them: how much, how many, how sure."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Real
from typing import Any


def amount(value: Any) -> float | None:
    """Return a number that is not less than 0, as it is; None for anything else, true and infinity among it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, Real)):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):  # It is too large, or a Decimal that stands for no number.
        return None
    return number if 0 <= number < math.inf else None


def plus(total: Any, more: Any) -> float:
    """Add an amount to what was said before, None being nothing yet. With what is no amount it is NaN: not known."""
    before, added = 0.0 if total is None else amount(total), amount(more)
    return math.nan if before is None or added is None else before + added
