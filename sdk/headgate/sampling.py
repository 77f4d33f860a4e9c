"""Which answers a human looks at although nothing says that they must."""

from __future__ import annotations

from headgate.evaluator.bucketing import hash_value


def is_sampled(feature: str, conversation: str, rate: float) -> bool:
    """Return whether a share of ``rate`` of all conversations includes this one.

    The same conversation gives the same answer everywhere and always; a growing rate only adds.
    """
    hashed = hash_value(f"{feature}:review:{conversation}")
    return hashed is not None and hashed < rate * 2**32
