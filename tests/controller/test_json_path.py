from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BadSetting
from controller.json_path import JSONPath, NoSingleValue

ANSWER = {"labels": [{"name": "live", "at": 7}, {"name": "old", "at": "v3"}], "deep": {"er": [[1, 2]]}}


def path(text: str) -> JSONPath:
    return JSONPath.parse("read.path", text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.labels[0].at", 7),
        ("$.labels[-1]['at']", "v3"),
        ("$.labels[?@.name == 'live'].at", 7),
        ("$.labels[?@.name == 'live' && @.at > 6].at", 7),
        ("$.deep.er[0][1]", 2),
    ],
)
def test_a_path_leads_to_one_value(text: str, value: object) -> None:
    assert path(text).one(ANSWER) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "labels",
        " $.a",
        "$.a ",
        "$.a\n",
        "$.",
        "$['a'",
        "^.a",
        "$.a | $.b",
        "$.a[~?@.b]",
        "$[?@.a =~ /x/]",
        "$[?match(@.a, '(a+)+')]",
        "$[?search(@.a, 'x')]",
        "$[?typeof(@.a) == 'string']",
    ],
)
def test_what_the_standard_does_not_have_or_needs_regular_expressions_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match=r"read\.path"):
        path(text)


@pytest.mark.parametrize("text", ["$..at", "$.labels[?@..a]", "$[?$.a == 1]", "$" + ".a" * 200])
def test_what_could_be_expensive_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match=r"read\.path"):
        path(text)


@pytest.mark.parametrize("text", ["$.labels[*].at", "$.nothing", "$.labels[?@.name == 'none'].at"])
def test_exactly_one_value_is_needed(text: str) -> None:
    with pytest.raises(NoSingleValue, match=r"read\.path leads to (no value|several values)"):
        path(text).one(ANSWER)


@pytest.mark.parametrize("answer", ['{"a": "7"}', 7, None, True])
def test_an_answer_without_parts_has_none(answer: object) -> None:
    with pytest.raises(NoSingleValue, match="neither an object nor an array"):
        path("$.a").one(answer)


@given(st.text(st.sampled_from("$.[]'\"?@*:,0a()=!<>&|-"), max_size=40))
def test_any_text_is_a_path_or_a_bad_setting(text: str) -> None:
    try:
        found = path("$" + text)
    except BadSetting:
        return
    with contextlib.suppress(NoSingleValue):
        found.one(ANSWER)


def test_a_path_may_look_everywhere_as_often_as_it_is_allowed_to() -> None:
    assert JSONPath.parse("read.path", "$..er", descents=1).one(ANSWER) == [[1, 2]]
    with pytest.raises(BadSetting, match="more than 1 times"):
        JSONPath.parse("read.path", "$..a..b", descents=1)


def test_looking_ends_with_the_second_value() -> None:
    with pytest.raises(NoSingleValue, match="several"):
        JSONPath.parse("read.path", "$..[*]", descents=1).one([[0] * 200_000] * 5)
