from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.strict_yaml import InvalidYAML, loads

_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=15,
)


@given(_VALUES)
def test_json_is_read_as_what_it_is(value: object) -> None:
    assert loads(json.dumps(value)) == value


def test_a_date_without_quotes_stays_the_text_it_is() -> None:
    assert loads("index: 2026-11-01\nat: 2026-11-01T12:00:00Z") == {
        "index": "2026-11-01",
        "at": "2026-11-01T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "the name 'a' stands twice"),
        ("a: {b: 1, b: 1}", "the name 'b' stands twice"),
        ("a: [", "while parsing a flow node"),
        ("a: .nan", "NaN is not a JSON number"),
        ("a: !!set {b}", "not JSON serializable"),
        ("a: !!python/object:object {}", "could not determine a constructor"),
        ("a: &x [*x]", "Circular reference"),
        ("- 1\n---\n- 2", "expected a single document"),
        (b"\xff\xff", "unacceptable|invalid"),
        ("[" * 100_000, "no word for"),
        ("- " * 100_000, "no word for"),
    ],
)
def test_what_json_could_not_say_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(InvalidYAML, match=said):
        loads(text)
