"""A release is named by its content and by nothing else."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import Goodness, canonical_json, digest, seal

# Lone surrogates are no text in any encoding and cannot come out of a parsed request in UTF-8.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
bundles = st.dictionaries(texts, values, max_size=5)

BUNDLE = {"prompt": {"ref": "langfuse:claims-answer@14"}, "guardrails": "g-7", "limits": [1, 2]}


def shuffled(content: Any, dice: random.Random) -> Any:
    if isinstance(content, dict):
        pairs = [(key, shuffled(value, dice)) for key, value in content.items()]
        dice.shuffle(pairs)
        return dict(pairs)
    if isinstance(content, list):
        return [shuffled(value, dice) for value in content]
    return content


@given(bundles, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_change_the_name(bundle: dict[str, Any], dice: random.Random) -> None:
    assert seal(bundle) == seal(shuffled(bundle, dice))


@given(bundles, bundles)
def test_two_bundles_have_the_same_name_only_if_they_are_spelled_alike(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (seal(one).digest == seal(other).digest) == (canonical_json(one) == canonical_json(other))


@given(bundles)
def test_sealing_keeps_the_content_and_sealing_again_keeps_the_name(bundle: dict[str, Any]) -> None:
    release = seal(bundle)
    assert release.bundle == bundle
    assert seal(release.bundle) == release


def test_the_name_is_the_beginning_of_the_digest() -> None:
    release = seal(BUNDLE)
    assert re.fullmatch(r"r-[0-9a-f]{12}", release.id)
    assert release.digest.startswith(release.id.removeprefix("r-"))
    assert len(release.digest) == 64


def test_the_name_of_a_known_bundle_never_changes() -> None:
    assert canonical_json({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert seal({}).id == "r-44136fa355b3"


def test_the_order_of_a_list_is_content() -> None:
    assert seal({"tools": ["a", "b"]}).id != seal({"tools": ["b", "a"]}).id


def test_a_new_release_is_neither_good_nor_bad() -> None:
    assert seal(BUNDLE).verdict is Goodness.UNKNOWN


def test_changing_the_original_afterwards_does_not_change_the_release() -> None:
    original: dict[str, Any] = {"prompt": {"ref": "answer@1"}}
    release = seal(original)
    original["prompt"]["ref"] = "answer@2"
    assert release.bundle == {"prompt": {"ref": "answer@1"}}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_has_no_spelling(number: float) -> None:
    with pytest.raises(ValueError):
        seal({"params": {"temperature": number}})


def test_what_is_no_json_has_no_spelling() -> None:
    with pytest.raises(TypeError):
        seal({"tools": {"a", "b"}})
