"""Which bucket a value falls into.

The value is written as canonical CBOR and hashed with 32-bit murmur3 (seed 0); the hash is scaled to the sum
of the weights by an integer multiplication and a shift, so that no floating point is involved and every
language arrives at the same bucket. Where the weights are known beforehand the scaling is done once, on the
bounds of the shares (see ``limits``), which comes to the same. The vectors in tests/vectors/bucketing.json
freeze it: changing anything here would move users between variants.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, Final

from mmh3 import mmh3_32_uintdigest

from headgate.evaluator.coercion import LISTS

digest: Final = mmh3_32_uintdigest
"""The hash of bytes."""

MAX_TOTAL_WEIGHT: Final = 2**31 - 1
_INTEGER_RANGE: Final = (-(2**63), 2**64 - 1)
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_WIDTHS: Final = ((2**8, "B"), (2**16, "H"), (2**32, "I"), (2**64, "Q"))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    code = 24 + sum(number >= limit for limit, _ in _WIDTHS)
    return struct.pack(f"!B{_WIDTHS[code - 24][1]}", major << 5 | code, number)


TEXT_HEADS: Final = tuple(_head(_TEXT, size) for size in range(256))
"""What stands before a text of that many bytes."""


def _encode_integer(number: int) -> bytes:
    major = _NEGATIVE if number < 0 else _UNSIGNED
    magnitude = ~number if number < 0 else number
    if magnitude < 2**64:
        return _head(major, magnitude)
    raw = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
    return _head(_TAG, 2 + major) + _head(_BYTES, len(raw)) + raw


def _encode_float(number: float) -> bytes:
    if number.is_integer() and _INTEGER_RANGE[0] <= number <= _INTEGER_RANGE[1]:
        return _encode_integer(int(number))
    if math.isnan(number):
        return b"\xf9\x7e\x00"
    for code, width in ((25, "e"), (26, "f")):
        try:
            raw = struct.pack(f"!{width}", number)
        except OverflowError:
            continue
        if struct.unpack(f"!{width}", raw)[0] == number:
            return bytes([_SIMPLE << 5 | code]) + raw
    return b"\xfb" + struct.pack("!d", number)


def _encode_text(text: str) -> bytes:
    raw = text.encode()
    return (TEXT_HEADS[len(raw)] if len(raw) < 256 else _head(_TEXT, len(raw))) + raw


def _encode_mapping(mapping: Mapping[Any, Any]) -> bytes:
    entries = sorted(((encode(key), encode(value)) for key, value in mapping.items()), key=_canonical_order)
    return _head(_MAP, len(entries)) + b"".join(key + value for key, value in entries)


def _canonical_order(entry: tuple[bytes, bytes]) -> tuple[int, bytes]:
    return len(entry[0]), entry[0]


def encode(value: Any) -> bytes:
    """Return the canonical CBOR of a JSON value; whole floats count as integers.

    Raises TypeError for a value JSON does not know, ValueError for text that is no valid Unicode.
    """
    if isinstance(value, str):
        return _encode_text(value)
    if value is None or isinstance(value, bool):
        return b"\xf6" if value is None else b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _encode_integer(value)
    if isinstance(value, float):
        return _encode_float(value)
    if isinstance(value, LISTS):
        return _head(_LIST, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        return _encode_mapping(value)
    raise TypeError(f"A {type(value).__name__} cannot be bucketed.")


def hash_value(value: Any, prefix: bytes = b"") -> int | None:
    """Return the unsigned 32-bit hash of ``prefix`` and the CBOR of ``value``; None if it has none."""
    try:
        return digest(prefix + encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


def limits(bounds: list[int]) -> list[int]:
    """Return for each bound the first hash at or above it; the last bound is the sum of all weights.

    A hash h falls below the bound b of a total t when floor(h * t / 2**32) < b, that is h < b * 2**32 / t.
    """
    return [-(-(bound << 32) // bounds[-1]) for bound in bounds]


def pair_prefix(flag_key: str) -> bytes:
    """Return what stands before the targeting key when flag key and targeting key are bucketed together."""
    return _head(_LIST, 2) + encode(flag_key)
