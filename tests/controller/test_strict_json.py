from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.strict_json import MAX_DEPTH, InvalidJSON, loads

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_whatever_is_json_comes_back_as_it_was(value: object, ascii_only: bool, indent: int | None) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert loads(written) == value
    assert loads(written.encode()) == value


@given(st.binary() | st.text() | st.text(alphabet='{}[]",:\\u0a1e+-.NaIfity \n'))
def test_any_text_is_read_or_refused_and_nothing_else(text: bytes | str) -> None:
    try:
        value = loads(text)
    except InvalidJSON:
        return
    json.dumps(value, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "NaN is not a JSON number at line 1, column 7"),
        ("[1,\n Infinity]", "Infinity is not a JSON number at line 2, column 2"),
        ("[-Infinity]", "-Infinity is not a JSON number at line 1, column 2"),
        ("[1e999]", "the number 1e999 is too large at line 1, column 2"),
        ("[-1e999]", "the number -1e999 is too large at line 1, column 2"),
        ('{"a": 1,\n"a": 2}', 'the key "a" appears twice in one object at line 2, column 1'),
        ('{"a": 1, "\\u0061": 2}', 'the key "a" appears twice in one object at line 1, column 10'),
        ('{"a": {"b": 1, "b": 2}}', 'the key "b" appears twice in one object at line 1, column 16'),
        ('{"a": {"b": 1}, "a" \n: 2}', 'the key "a" appears twice in one object at line 1, column 17'),
        (b'["\xff"]', "byte 2 is not UTF-8"),
        (
            b"\xef\xbb\xbf[1]",
            "it begins with a byte order mark, which JSON has not; save it as UTF-8 without one",
        ),
        (b'["\xed\xa0\x80"]', "byte 2 is not UTF-8"),
        ('["\\ud800"]', "half of a surrogate pair at line 1, column 2"),
        ('["\ud800"]', "character 2 cannot be written as UTF-8"),
        ('["a"', "expecting ',' delimiter at line 1, column 5"),
        ('["a', "unterminated string starting at line 1, column 2"),
        ("", "expecting value at line 1, column 1"),
        ("[1] 2", "extra data at line 1, column 5"),
        ('["\n"]', "invalid control character at line 1, column 3"),
    ],
)
def test_a_refusal_says_what_and_where(text: bytes | str, message: str) -> None:
    with pytest.raises(InvalidJSON) as refused:
        loads(text)
    assert str(refused.value) == message


def test_equal_keys_of_different_objects_are_fine() -> None:
    assert loads('{"a": {"a": 1}, "b": [{"a": 2}, {"a": 3}]}') == {"a": {"a": 1}, "b": [{"a": 2}, {"a": 3}]}


def test_what_looks_like_a_number_or_a_key_inside_a_string_is_only_text() -> None:
    assert loads('["NaN", "1e999", "{[\\"a\\": 1", ":", "Infinity"]') == [
        "NaN",
        "1e999",
        '{["a": 1',
        ":",
        "Infinity",
    ]


def test_64_levels_are_read_and_65_are_not() -> None:
    loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(InvalidJSON, match="more than 64 levels of nesting at line 1, column 65"):
        loads("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 200_000,
        '"' + '\\"' * 500_000,
        '"\\' * 500_000,
        "9" * 1_000_000,
        "1e" * 500_000,
        '"a"' + " " * 1_000_000 + "x",
        "-" * 1_000_000,
        "[" + "1," * 500_000,
    ],
    ids=lambda text: text[:6],
)
def test_text_made_to_be_costly_is_refused_quickly(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidJSON):
        loads(text)
    assert time.monotonic() - began < 5


def test_a_whole_number_beyond_a_double_is_refused_and_a_long_one_within_is_exact() -> None:
    assert loads("1" + "0" * 300) == 10**300
    with pytest.raises(InvalidJSON, match="too large"):
        loads("1" + "0" * 400)
