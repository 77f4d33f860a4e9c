"""The frozen vectors: once a user is in a bucket, no release of ours moves them."""

from __future__ import annotations

import json
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from headgate.evaluator import Document
from headgate.evaluator.bucketing import MAX_TOTAL_WEIGHT, encode, hash_value, limits, pair_prefix
from hypothesis import given
from hypothesis import strategies as st

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bucketing.json").read_text(encoding="utf-8"))


def ids(vector: dict[str, Any]) -> str:
    return json.dumps(vector.get("by", vector.get("targetingKey")))[:40]


@pytest.mark.parametrize("vector", VECTORS["hashes"], ids=ids)
def test_hashes_are_frozen(vector: dict[str, Any]) -> None:
    assert encode(vector["by"]).hex() == vector["cbor"]
    assert hash_value(vector["by"]) == vector["hash"]


@pytest.mark.parametrize("vector", VECTORS["pairs"], ids=ids)
def test_hashes_of_flag_key_and_targeting_key_are_frozen(vector: dict[str, Any]) -> None:
    assert hash_value(vector["targetingKey"], pair_prefix(vector["flagKey"])) == vector["hash"]


def test_variants_are_frozen() -> None:
    for case in VECTORS["variants"]:
        document = Document.parse({"flags": {case["flagKey"]: case["flag"]}})
        for key, variant in case["users"].items():
            assert document.evaluate(case["flagKey"], {"targetingKey": key}).variant == variant


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=6).filter(any), st.integers(0, 2**32 - 1))
def test_comparing_a_hash_with_the_limits_is_scaling_it_to_the_total(weights: list[int], hashed: int) -> None:
    bounds = list(accumulate(weights))
    assert bisect_right(limits(bounds), hashed) == bisect_right(bounds, hashed * bounds[-1] >> 32)


def test_the_limits_are_exact_at_the_edges_of_the_largest_total() -> None:
    bounds = [1, MAX_TOTAL_WEIGHT - 1, MAX_TOTAL_WEIGHT]
    for limit, bound in zip(limits(bounds), bounds, strict=True):
        assert limit * bounds[-1] >> 32 == bound
        assert (limit - 1) * bounds[-1] >> 32 == bound - 1


def share(salt: str, basis_points: int) -> Document:
    deal = [{"cat": [salt, {"var": "targetingKey"}]}, [True, basis_points], [False, 10_000 - basis_points]]
    flag = {
        "state": "ENABLED",
        "variants": {"true": 1, "false": 0},
        "defaultVariant": "false",
        "targeting": {"fractional": deal},
    }
    return Document.parse({"flags": {"flag": flag}})


@given(st.text(max_size=20), st.integers(0, 10_000), st.integers(0, 10_000))
def test_growing_a_share_never_evicts_anyone(user: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    context = {"targetingKey": user}
    before = share("f:", small).evaluate("flag", context).variant
    after = share("f:", large).evaluate("flag", context).variant
    assert before == "false" or after == "true"


@given(st.text(max_size=20))
def test_nothing_is_a_share_of_nobody_and_ten_thousand_of_everybody(user: str) -> None:
    assert share("f:", 0).evaluate("flag", {"targetingKey": user}).variant == "false"
    assert share("f:", 10_000).evaluate("flag", {"targetingKey": user}).variant == "true"


@pytest.mark.parametrize(
    "value",
    [object(), {1j: 1}, "\ud800", ["\ud800"]],
    ids=["object", "complex key", "surrogate", "nested surrogate"],
)
def test_what_json_does_not_know_has_no_hash(value: Any) -> None:
    assert hash_value(value) is None


def test_what_is_nested_endlessly_has_no_hash() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert hash_value(endless) is None
