"""Parameters of methods, and the words in which they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from triggers import METHODS, BadParameter, parse_method
from triggers.methods import AnyEvent, Threshold
from triggers.methods.method import require


def test_a_method_is_built_from_its_name_and_numbers() -> None:
    assert parse_method("any_event", {"count": 3}) == AnyEvent(count=3)
    assert parse_method("any_event", {}) == AnyEvent(count=1)
    assert parse_method("threshold", {"limit": 0.05}) == Threshold(limit=0.05)


def test_a_whole_number_is_taken_where_any_number_may_stand() -> None:
    assert parse_method("threshold", {"limit": 5}).params()["limit"] == 5


@pytest.mark.parametrize(
    ("name", "params", "field", "remedy"),
    [
        ("guess", {}, "method", f"use one of {', '.join(METHODS)}"),
        ("any_event", {"counts": 1}, "params.counts", "use count"),
        ("threshold", {}, "params.limit", "give a number"),
        ("threshold", {"limit": "0.1"}, "params.limit", "give a number"),
        ("threshold", {"limit": None}, "params.limit", "give a number"),
        ("threshold", {"limit": float("-inf")}, "params.limit", "give a finite number"),
        ("threshold", {"limit": 10**400}, "params.limit", "give a finite number"),
        ("any_event", {"count": 1.0}, "params.count", "give a whole number"),
    ],
)
def test_a_refusal_names_the_field_and_the_remedy(
    name: str, params: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_method(name, params)
    assert (refused.value.field, refused.value.remedy) == (field, remedy)


def test_a_refusal_reads_as_field_what_is_wrong_and_remedy() -> None:
    with pytest.raises(ValueError, match=r"^params\.k: it is too long; make it shorter$"):
        require(False, "k", "it is too long", "make it shorter")


def test_what_holds_is_not_refused() -> None:
    require(True, "k", "", "")
