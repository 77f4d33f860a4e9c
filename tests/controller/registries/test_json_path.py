from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BadSetting
from controller.registries.json_path import JSONPath
from controller.registries.registry import Nonsense

ANSWER = {"labels": [{"name": "live", "at": 7}, {"name": "old", "at": "v3"}], "deep": {"er": [[1, 2]]}}


def path(text: str) -> JSONPath:
    return JSONPath.parse("read.path", text)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("$.labels[0].at", "7"),
        ("$.labels[-1]['at']", "v3"),
        ("$.labels[?@.name == 'live'].at", "7"),
        ("$.labels[?@.name == 'live' && @.at > 6].at", "7"),
        ("$.deep.er[0][1]", "2"),
    ],
)
def test_a_path_leads_to_one_version(text: str, version: str) -> None:
    assert path(text).version(ANSWER) == version


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
    with pytest.raises(Nonsense, match=r"read\.path leads to [02] values"):
        path(text).one(ANSWER)


@pytest.mark.parametrize("answer", [{"a": None}, {"a": True}, {"a": 1.0}, {"a": ""}, {"a": []}, {"a": {}}])
def test_a_version_is_a_text_or_a_whole_number(answer: object) -> None:
    with pytest.raises(Nonsense, match="neither a text nor a whole number"):
        path("$.a").version(answer)


@pytest.mark.parametrize("answer", ['{"a": "7"}', 7, None, True])
def test_an_answer_without_parts_has_none(answer: object) -> None:
    with pytest.raises(Nonsense, match="neither an object nor an array"):
        path("$.a").version(answer)


@given(st.text(st.sampled_from("$.[]'\"?@*:,0a()=!<>&|-"), max_size=40))
def test_any_text_is_a_path_or_a_bad_setting(text: str) -> None:
    try:
        found = path("$" + text)
    except BadSetting:
        return
    with contextlib.suppress(Nonsense):
        found.one(ANSWER)
