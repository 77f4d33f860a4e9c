from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.importers import BadReport
from controller.importers.part import Part

DOCUMENT = Part({"a": {"b": [{"n": 3}, None]}, "null": None, "x\n" * 100: {}, "list": [1]})


def place_of(read: Callable[[], Any]) -> str:
    with pytest.raises(BadReport) as caught:
        read()
    return caught.value.problems[0].field


def test_a_part_knows_its_place() -> None:
    assert DOCUMENT.at("a", "b").parts()[0]["n"].place == "a.b[0].n"
    assert DOCUMENT.place == "file"


@pytest.mark.parametrize(
    ("read", "place"),
    [
        (lambda: DOCUMENT.at("a", "c", "d"), "a.c"),
        (lambda: DOCUMENT["null"], "null"),
        (lambda: DOCUMENT.at("a", "b", "n"), "a.b"),
        (DOCUMENT["a"].parts, "a"),
        (DOCUMENT.at("a", "b").parts()[1].count, "a.b[1]"),
        (lambda: DOCUMENT.at("a", "b").parts()[1]["n"], "a.b[1]"),
        (lambda: DOCUMENT["list"].get("n"), "list"),
    ],
)
def test_a_refusal_names_the_place(read: Callable[[], Any], place: str) -> None:
    assert place_of(read) == place


def test_a_place_is_short_and_in_one_line() -> None:
    place = place_of(DOCUMENT.fields()["x\n" * 100].count)
    assert place.isprintable()
    assert len(place) <= 60


@pytest.mark.parametrize("value", [True, "3", 3.0, None, -1, [], {}, 10**10])
def test_what_is_no_count_is_refused(value: object) -> None:
    place_of(Part(value).count)


@pytest.mark.parametrize("value", [True, "3", None, [], {}, float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: object) -> None:
    place_of(Part(value).number)


@pytest.mark.parametrize("value", [1, 0, "true", None])
def test_what_is_neither_true_nor_false_is_refused(value: object) -> None:
    place_of(Part(value).flag)


def test_null_is_as_good_as_missing() -> None:
    assert DOCUMENT.get("null") is None
    assert "null" not in DOCUMENT
    assert DOCUMENT.text_of("null") == ""
    assert DOCUMENT.count_of("null") == 0


def test_a_refusal_does_not_repeat_what_the_file_holds() -> None:
    with pytest.raises(BadReport) as caught:
        Part({"n": "hunter2"})["n"].count()
    assert "hunter2" not in str(caught.value)


def test_a_list_of_too_many_entries_is_refused() -> None:
    assert place_of(Part([0] * 200_001).parts) == "file"
