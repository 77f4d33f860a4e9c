from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sources.template import LABELS, MAX_LENGTH, BadTemplate, MissingValue, Template
from triggers import Window

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    alphabet="\"'`\\{}[]()|.*+?^$#,=~!\n\ra${}feature"
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_STRING = re.compile(
    r"\\(?:x(?P<x>..)|u(?P<u>.{4})|U(?P<U>.{8})|(?P<o>[0-7]{3})|(?P<c>.))|(?P<plain>[^\\])", re.DOTALL
)


def read_string(text: str) -> tuple[str, str]:
    """The value of the PromQL string that a text begins with, and what comes after it."""
    quote, value, at = text[0], "", 1
    while text[at] != quote:
        if text[at] == "\n":
            raise ValueError("a line break in a string")
        token = _STRING.match(text, at)
        assert token is not None
        value += _one_character(token, quote)
        at = token.end()
    return value, text[at + 1 :]


def _one_character(token: re.Match[str], quote: str) -> str:
    if token["plain"]:
        return token["plain"]
    if digits := token["x"] or token["u"] or token["U"]:
        return chr(int(digits, 16))
    if token["o"]:
        return chr(int(token["o"], 8))
    if token["c"] in ("\\", quote):
        return token["c"]
    return _ESCAPES[token["c"]]


def render(text: str, **variables: str) -> str:
    return Template.parse(text).render(variables, WINDOW)


@given(VALUES, st.sampled_from("\"'"), st.sampled_from(["=", "!="]))
def test_whatever_is_put_into_a_matcher_stays_one_value(value: str, quote: str, matcher: str) -> None:
    before, after = f'sum(answers{{x="y", feature {matcher} ', ', z="w"})'
    rendered = render(f"{before}{quote}${{feature}}{quote}{after}", feature=value)
    assert rendered.startswith(before)
    assert read_string(rendered.removeprefix(before)) == (value, after)


@given(VALUES, st.sampled_from("\"'"), st.sampled_from(["=~", "!~"]))
def test_whatever_is_put_into_a_regex_matcher_matches_itself_and_nothing_longer(
    value: str, quote: str, matcher: str
) -> None:
    rendered = render(f"m{{feature{matcher}{quote}${{feature}}{quote}}}", feature=value)
    pattern, rest = read_string(rendered.removeprefix(f"m{{feature{matcher}"))
    assert rest == "}"
    assert re.fullmatch(pattern, value)
    assert not re.fullmatch(pattern, value + "x")
    assert not re.fullmatch(pattern, "x" + value)


@given(VALUES, VALUES)
def test_a_regex_made_from_one_value_matches_no_other(value: str, other: str) -> None:
    pattern, _ = read_string(render('m{feature=~"${feature}"}', feature=value).removeprefix("m{feature=~"))
    assert bool(re.fullmatch(pattern, other)) == (value == other)


@given(VALUES)
def test_a_value_keeps_its_place_among_fixed_text(value: str) -> None:
    rendered = render('m{job="a-${project}-\\"${stage}\\n"}', project=value, stage="pilot")
    assert read_string(rendered.removeprefix("m{job=")) == (f'a-{value}-"pilot\n', "}")


@given(st.text())
def test_any_text_is_a_template_or_is_refused_and_nothing_else(text: str) -> None:
    for candidate in (text, f'm{{a="{text}"}}', f'm{{a=~"{text}${{feature}}"}}'):
        try:
            template = Template.parse(candidate)
        except BadTemplate:
            continue
        assert template.variables <= {*LABELS, "window"}


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "sum(rate(a[5m])) # it's fine to talk",
        'a{b=~"x\\\\.y|[a-z]+$"}',
        "a{b=`raw \\ \"'`} + $ + '$1' + \"{}\"",
        'label_replace(a, "x", "$1", "y", "(.*)")',
        "a # '\n+ b{c='#'}",
    ],
)
def test_text_without_variables_stays_as_it_is(text: str) -> None:
    assert render(text) == text


@pytest.mark.parametrize("operator", ["=~", "!~", "=~ ", "=~\n  ", "=~ # why\n"])
def test_the_matcher_is_seen_across_space_and_comments(operator: str) -> None:
    assert render(f'm{{a{operator}"${{feature}}"}}', feature="a.b").endswith('"a\\\\.b"}')


@pytest.mark.parametrize(
    ("length", "rendered"),
    [
        (timedelta(minutes=5), "300s"),
        (timedelta(seconds=59.6), "59600ms"),
        (timedelta(seconds=1, microseconds=400), "1s"),
        (timedelta(milliseconds=1), "1ms"),
        (timedelta(0), "1ms"),
        (timedelta(seconds=-5), "1ms"),
        (timedelta(days=30), "2592000s"),
    ],
)
def test_the_window_is_whole_milliseconds_and_at_least_one(length: timedelta, rendered: str) -> None:
    query = Template.parse("increase(a[${window}]) - increase(a[${window}] offset ${window})")
    window = Window(END - length, END)
    assert query.render({}, window) == f"increase(a[{rendered}]) - increase(a[{rendered}] offset {rendered})"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('m{a="${tenant}"}', "the variable ${tenant} is unknown"),
        ('m{a="${}"}', "the variable ${} is unknown"),
        ('m{a="${ feature }"}', "the variable ${ feature } is unknown"),
        ("m[${windows}]", "the variable ${windows} is unknown"),
        ('m{a="${feature"}', "is not closed"),
        ("m[${window", "is not closed"),
        ("m{a=${feature}}", "${feature} stands outside quotes"),
        ("${feature}", "${feature} stands outside quotes"),
        ('m{a="${window}"}', "${window} stands between quotes"),
        ("m{a=`${feature}`}", "backticks"),
        ('label_replace(m, "a", "${feature}", "b", "c")', "no label value"),
        ('m{"${feature}"="x"}', "no label value"),
        ("m # ${feature}", "comment"),
        ("m # ${window}\n", "comment"),
        ('m{a="b', 'a string that begins with " is not closed'),
        ("m{a='b", "a string that begins with ' is not closed"),
        ('m{a="b\\"}', 'a string that begins with " is not closed'),
        ('m{a="b\nc"}', 'a string that begins with " is not closed'),
        ("m{a=`b", "a string that begins with ` is not closed"),
        ('m{a=~"\\\\${feature}"}', "after a backslash"),
        ('m{a=~"\\\\Q${feature}\\\\E"}', "after a backslash, after \\Q"),
        ('m{a=~"[${feature}]"}', "class"),
        ('m{a=~"[^]${feature}]"}', "class"),
        ('m{a!~"[a-z\\\\]${feature}"}', "class"),
        ("x" * (MAX_LENGTH + 1), f"has {MAX_LENGTH + 1} characters"),
    ],
)
def test_a_variable_where_no_value_is_safe_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        Template.parse(text)
    assert message in refused.value.message
    assert refused.value.remedy


def test_an_unknown_variable_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadTemplate) as refused:
        Template.parse('m{a="${tenant}"}')
    for name in (*LABELS, "window"):
        assert f"${{{name}}}" in refused.value.remedy


@pytest.mark.parametrize(
    "text", ['m{a=~"[a-z]+${feature}"}', 'm{a=~"\\\\\\\\${feature}"}', 'm{a=~"(x|${feature})"}']
)
def test_a_variable_where_a_word_may_stand_in_a_regex_is_fine(text: str) -> None:
    assert "acme" in render(text, feature="acme")


def test_a_variable_after_an_escaped_dollar_is_only_text() -> None:
    assert Template.parse('m{a="\\${feature}"}').variables == frozenset()


def test_the_variables_in_use_are_known() -> None:
    template = Template.parse('sum(increase(m{a="${feature}", b=~"${release}.*"}[${window}]))')
    assert template.variables == {"feature", "release", "window"}


def test_a_variable_without_a_value_cannot_be_filled_in() -> None:
    with pytest.raises(MissingValue, match="release"):
        render('m{a="${release}"}', feature="x")


def test_half_a_character_is_not_filled_in() -> None:
    with pytest.raises(MissingValue, match="feature"):
        render('m{a="${feature}"}', feature="\ud800")


def test_a_value_that_looks_like_a_variable_is_not_filled_in_again() -> None:
    assert render('m{a="${feature}"}', feature="${release}", release="x") == 'm{a="${release}"}'
