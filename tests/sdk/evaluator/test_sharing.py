"""What flags have in common is kept once: shown by its being the same object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from headgate.evaluator import Document

VALUE = {"mode": "live", "release": {"id": "r-1", "tags": ["x", {"y": 1.5}]}, "limits": {}}


def read(*flags: dict[str, Any]) -> Document:
    document = {
        "metadata": {"revision": 3},
        "flags": {str(number): flag for number, flag in enumerate(flags)},
    }
    return Document.read(json.dumps(document))


def flag(value: Any, **more: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"a variant": value}, "defaultVariant": "a variant", **more}


def test_equal_values_metadata_and_names_of_two_flags_are_one_object() -> None:
    document = read(flag(VALUE, metadata={"stage": "pilot"}), flag(VALUE, metadata={"stage": "pilot"}))
    one, other = document.evaluate("0"), document.evaluate("1")
    assert one.value == {**VALUE, "release": {"id": "r-1", "tags": ("x", {"y": 1.5})}}
    assert one.metadata == {"revision": 3, "stage": "pilot"}
    assert one.value is other.value
    assert one.metadata is other.metadata
    assert one.variant is other.variant


def test_what_two_values_have_in_common_is_one_object() -> None:
    document = read(flag(VALUE), flag({**VALUE, "mode": "off"}))
    one, other = document.evaluate("0").value, document.evaluate("1").value
    assert (one["mode"], other["mode"]) == ("live", "off")
    assert one["release"] is other["release"]


def test_flags_without_metadata_have_that_of_the_document_itself() -> None:
    document = read(flag(1))
    assert document.evaluate("0").metadata is document.metadata


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": [False]}, {"a": [0]}),
        ({"a": "1"}, {"a": 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": "\ud800"}, {"a": "\\ud800"}),
    ],
)
def test_what_is_only_equal_to_python_is_not_taken_for_the_same(one: Any, other: Any) -> None:
    document = read(flag(one), flag(other))
    for key, value in (("0", one), ("1", other)):
        assert json.dumps(document.evaluate(key).value) == json.dumps(value)


def test_shared_values_refuse_to_be_changed() -> None:
    document = read(flag(VALUE, metadata={"stage": "pilot"}))
    for shared in (document.evaluate("0").value, document.evaluate("0").metadata):
        with pytest.raises(TypeError):
            shared["release"] = None


def test_what_was_parsed_elsewhere_is_handed_out_as_it_is() -> None:
    value: dict[str, Any] = {"list": [1]}
    assert Document.parse({"flags": {"f": flag(value)}}).evaluate("f").value is value


@pytest.mark.parametrize(
    "condition",
    [
        {"==": [{"var": "country"}, "de"]},
        {"in": [{"var": "country"}, ["at", "de"]]},
        {"in": ["de", {"merge": [{"var": "country"}]}]},
        {"in": [{"var": "country"}, ["de", *(f"no-{number}" for number in range(30))]]},
    ],
)
def test_flags_with_the_same_condition_answer_each_for_itself(condition: Any) -> None:
    rules = [{"if": [{"and": [condition, {"!!": [{"var": "country"}]}]}, "a variant"]}] * 2
    document = read(flag(1, targeting=rules[0]), flag(2, targeting=rules[1]))
    assert [document.evaluate(key, {"country": "de"}).value for key in "01"] == [1, 2]
    assert [document.evaluate(key, {"country": "fr"}).reason for key in "01"] == ["DEFAULT", "DEFAULT"]
