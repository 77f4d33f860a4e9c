"""A release is named by its content and by nothing else."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import Difference, Goodness, Part, canonical_json, differences, digest, parts, seal

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
    ours, theirs = seal(one), seal(other)
    assert (ours.digest == theirs.digest) == (canonical_json(ours.bundle) == canonical_json(theirs.bundle))


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


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0, -0.0), (9007199254740992, 9007199254740992.0)])
def test_a_number_has_one_name_however_it_is_written(one: int, other: float) -> None:
    sealed = [seal({"model": {"params": {"top_p": number}}}) for number in (one, other)]
    assert sealed[0] == sealed[1]
    assert parts(sealed[0].bundle) == parts(sealed[1].bundle)
    assert seal({"n": True}).id != seal({"n": 1}).id != seal({"n": 1.5}).id


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


# Parts and differences.

FULL = {
    "prompt": {"ref": "answer@1"},
    "prompts": {"rewrite": {"ref": "rewrite@1"}},
    "model": {"provider": "example", "id": "one", "params": {"temperature": 0}},
    "fallbacks": [{"provider": "example", "id": "two"}],
    "retrieval": {"index": "kb-1"},
    "guardrails": "g-7",
    "tools": [{"name": "refund", "digest": "0"}],
    "judge": {"model": "three"},
    "eval_set": {"name": "golden", "version": "4"},
    "output_schema": {"type": "object"},
}
FIELD_OF = {
    "prompt": Part.PROMPT,
    "prompts": Part.PROMPT,
    "model": Part.MODEL,
    "fallbacks": Part.MODEL,
    "retrieval": Part.RETRIEVAL,
    "guardrails": Part.GUARDRAILS,
    "tools": Part.TOOLS,
    "judge": Part.JUDGE,
    "eval_set": Part.EVAL_SET,
    "output_schema": Part.OUTPUT,
}


@pytest.mark.parametrize("field", FULL)
def test_changing_one_field_of_a_bundle_changes_exactly_its_part(field: str) -> None:
    before, after = parts(FULL), parts(FULL | {field: ["something else"]})
    assert {part for part in Part if before[part] != after[part]} == {FIELD_OF[field]}


@pytest.mark.parametrize("empty", [None, {}, [], ""])
def test_a_part_that_says_nothing_is_the_same_as_one_that_is_left_out(empty: Any) -> None:
    assert parts({"retrieval": empty}) == parts({})


def test_what_is_no_part_of_a_release_changes_no_part() -> None:
    assert parts(FULL | {"labels": {"team": "claims"}}) == parts(FULL)


def test_the_differences_of_two_bundles_name_the_place_and_both_sides() -> None:
    after = FULL | {
        "model": {"provider": "example", "id": "one", "params": {"temperature": 0.5}},
        "fallbacks": [],
        "labels": {},
    }
    assert differences(FULL, after) == (
        Difference("fallbacks.0", {"provider": "example", "id": "two"}, None),
        Difference("labels", None, {}),
        Difference("model.params.temperature", 0, 0.5),
    )
    assert differences({"a": [1]}, {"a": {"0": 1}}) == (Difference("a", [1], {"0": 1}),)
    assert differences({"a": 1}, {"a": True}) == (Difference("a", 1, True),)


@given(bundles, bundles)
def test_bundles_differ_exactly_when_there_is_a_difference_and_it_reads_both_ways(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    there, back = differences(one, other), differences(other, one)
    assert [(d.path, d.before, d.after) for d in there] == [(d.path, d.after, d.before) for d in back]
    assert differences(one, one) == ()
