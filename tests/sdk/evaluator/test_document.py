"""Documents: what is refused, what an unusable flag does, and the bounds on rules."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

import pytest
from headgate.evaluator import Document, DocumentError, Evaluation, compile_document
from headgate.evaluator.limits import MAX_BITS, MAX_DEPTH, MAX_ITEMS, MAX_NODES_PER_FLAG, MAX_TEXT
from hypothesis import given
from hypothesis import strategies as st

GOOD = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}


def evaluate(targeting: Any, context: Any = None, **more: Any) -> Evaluation:
    flag = {**GOOD, "targeting": targeting, **more}
    return Document.parse({"flags": {"flag": flag}}, clock=lambda: 1_700_000_000.9).evaluate(
        "flag", context or {}
    )


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"flags": []},
        {"flags": {}, "$evaluators": []} | {"$evaluators": [1]},
        {"flags": {}, "metadata": []},
        {"flags": {}, "metadata": {"a": None}},
        {"flags": {}, "metadata": {"": 1}},
    ],
)
def test_what_is_no_document_is_refused(given: Any) -> None:
    with pytest.raises(DocumentError):
        compile_document(given)


@pytest.mark.parametrize(
    "flag",
    [
        None,
        {},
        {**GOOD, "state": "MAYBE"},
        {**GOOD, "variants": {}},
        {**GOOD, "variants": []},
        {**GOOD, "defaultVariant": 1},
        {**GOOD, "targeting": "on"},
        {**GOOD, "metadata": {"a": []}},
        {**GOOD, "targeting": {"no_such_operator": 1}},
        {**GOOD, "targeting": {"$ref": "absent"}},
        {**GOOD, "targeting": {"$ref": ["a"]}},
        {**GOOD, "targeting": {"$ref": "itself"}},
        {**GOOD, "targeting": {"$ref": "twice itself"}},
    ],
)
def test_an_unusable_flag_answers_a_parse_error_and_leaves_the_others_alone(flag: Any) -> None:
    shared = {"itself": {"$ref": "itself"}, "twice itself": {"!": [{"$ref": "twice itself"}]}}
    document = Document.parse({"flags": {"bad": flag, "good": GOOD}, "$evaluators": shared})
    bad = document.evaluate("bad", {})
    assert (bad.reason, bad.error_code, bad.variant) == ("ERROR", "PARSE_ERROR", None)
    assert bad.error_message
    assert document.evaluate("good", {}).reason == "STATIC"
    assert set(document.keys()) == {"bad", "good"}


def test_shared_rules_that_double_again_and_again_are_refused_not_written_out() -> None:
    shared: dict[str, Any] = {f"r{n}": {"and": [{"$ref": f"r{n + 1}"}] * 2} for n in range(25)}
    shared["r25"] = True
    flags = {"bomb": {**GOOD, "targeting": {"$ref": "r0"}}, "good": GOOD}
    document = Document.parse({"flags": flags, "$evaluators": shared})
    assert document.evaluate("bomb", {}).error_code == "PARSE_ERROR"
    assert document.evaluate("good", {}).error_code is None


def test_all_rules_of_a_document_share_one_budget() -> None:
    shared = {"big": {"in": [{"var": "a"}, ["x"] * (MAX_NODES_PER_FLAG - 10)]}}
    flags = {f"flag-{n}": {**GOOD, "targeting": {"$ref": "big"}} for n in range(50)}
    document = Document.parse({"flags": flags, "$evaluators": shared})
    codes = [document.evaluate(key, {}).error_code for key in document.keys()]  # noqa: SIM118
    assert codes[0] != "PARSE_ERROR"
    assert codes[-1] == "PARSE_ERROR"


def test_a_rule_that_is_too_big_as_it_was_sent_is_refused() -> None:
    fits = [{"in": [{"var": "a"}, ["x"] * (MAX_NODES_PER_FLAG - 7)]}, "on"]
    assert evaluate({"if": fits[:1]}).error_code != "PARSE_ERROR"
    assert evaluate({"if": fits}).error_code == "PARSE_ERROR"


def test_rules_nested_too_deep_are_refused() -> None:
    rule: Any = {"var": "a"}
    for _ in range(MAX_DEPTH):
        rule = {"!": [rule]}
    found = evaluate(rule)
    assert found.error_code == "PARSE_ERROR"
    assert str(MAX_DEPTH) in str(found.error_message)


def test_loops_may_be_nested_once_but_not_twice() -> None:
    once = {"some": [[1], {"some": [[1], True]}]}
    assert evaluate(once, variants={"true": 1}, defaultVariant="true").reason == "TARGETING_MATCH"
    assert evaluate({"some": [[1], once]}).error_code == "PARSE_ERROR"


@pytest.mark.parametrize(
    "rule",
    [
        {"map": [{"var": "many"}, 1]},
        {"merge": [{"var": "many"}, 1]},
        {"cat": [{"var": "long"}, "x"]},
        {"reduce": [{"var": "some"}, {"*": [{"var": "accumulator"}, {"var": "accumulator"}]}, 3]},
        {"+": [{"var": "huge"}]},
        {"/": [1, 0]},
        {"reduce": [{"var": "some"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "xx"]},
    ],
)
def test_a_running_rule_that_asks_for_too_much_ends_in_an_error_answer(rule: Any) -> None:
    context = {
        "many": [0] * (MAX_ITEMS[0] + 1),
        "some": list(range(40)),
        "long": "x" * MAX_TEXT,
        "huge": 1 << MAX_BITS,
    }
    assert evaluate({"if": [rule, "on", "off"]}, context).error_code == "GENERAL"


def test_an_unknown_flag_is_not_found() -> None:
    document = Document.parse({"flags": {}, "metadata": {"revision": 3}})
    found = document.evaluate("absent", {})
    assert (found.reason, found.error_code, found.metadata) == ("ERROR", "FLAG_NOT_FOUND", {"revision": 3})
    assert document.metadata == {"revision": 3}


@given(key=st.one_of(st.just("flag"), st.none(), st.lists(st.integers())), context=st.from_type(object))
def test_evaluating_never_raises_whatever_is_passed_in(key: Any, context: Any) -> None:
    flag = {**GOOD, "targeting": {"if": [{"==": [{"var": "a"}, "b"]}, "on", "off"]}}
    assert isinstance(Document.parse({"flags": {"flag": flag}}).evaluate(key, context), Evaluation)


def test_any_mapping_serves_as_context() -> None:
    rule = {"if": [{"==": [{"var": "a.b"}, 1]}, "on", "off"]}
    assert evaluate(rule, MappingProxyType({"a": {"b": 1}})).variant == "on"


def test_tuples_in_the_context_count_as_lists() -> None:
    assert evaluate({"if": [{"in": ["x", {"var": "a"}]}, "on", "off"]}, {"a": ("x",)}).variant == "on"


def test_other_objects_in_the_context_do_no_harm() -> None:
    assert evaluate({"if": [{"==": [{"var": "a"}, 1]}, "on", "off"]}, {"a": object()}).variant == "off"
    assert evaluate({"fractional": [{"var": "a"}, ["on", 1]]}, {"a": object()}).reason == "DEFAULT"


def test_the_time_is_that_of_the_clock_in_whole_seconds() -> None:
    rule = {"if": [{"===": [{"var": "$flagd.timestamp"}, 1_700_000_000]}, "on", "off"]}
    assert evaluate(rule).variant == "on"


def test_threads_that_ask_for_a_flag_first_at_the_same_time_get_the_same_answer() -> None:
    flags = {f"flag-{n}": {**GOOD, "targeting": {"if": [{"var": "a"}, "on", "off"]}} for n in range(200)}
    document = Document.parse({"flags": flags})
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: [document.evaluate(key, {"a": 1}) for key in flags], range(4)))
    assert all(len({id(answers[n]) for answers in found}) == 1 for n in range(200))


def test_a_disabled_flag_leaves_the_choice_to_the_caller() -> None:
    found = evaluate({"if": [True, "on"]}, state="DISABLED")
    assert (found.reason, found.variant, found.value, found.error_code) == ("DISABLED", None, None, None)


def test_a_dealt_variant_is_a_split_and_a_percentage_in_a_condition_is_not() -> None:
    deal = {"fractional": ["anything", ["on", 1]]}
    assert evaluate(deal).reason == "SPLIT"
    assert evaluate({"if": [True, deal, "off"]}).reason == "SPLIT"
    assert (
        evaluate({"if": [{"fractional": ["anything", [True, 1]]}, "on", "off"]}).reason == "TARGETING_MATCH"
    )


@pytest.mark.parametrize("path", ["a", "a.b", "a.0"])
def test_a_list_found_where_the_key_should_be_is_a_share(path: str) -> None:
    share = ["on", 1_000_000]
    found = {"a": share, "a.b": {"b": share}, "a.0": [share]}[path]
    rule = {"fractional": [{"var": path}, ["off", 1]]}
    assert evaluate(rule, {"targetingKey": "user-1", "a": found}).variant == "on"
    assert evaluate(rule, {"a": found}).reason == "DEFAULT"


def test_a_variant_without_a_value_is_an_error() -> None:
    found = evaluate({"if": [True, "on"]}, variants={"on": None, "off": 1})
    assert (found.reason, found.error_code) == ("ERROR", "GENERAL")


def test_the_same_answer_is_the_same_object() -> None:
    document = Document.parse({"flags": {"flag": {**GOOD, "targeting": {"var": "a"}}}})
    assert document.evaluate("flag", {"a": "on"}) is document.evaluate("flag", {"a": "on"})


def whole() -> dict[str, Any]:
    return {
        "metadata": {"revision": 1, "ü": "ü"},
        "flags": {
            "a": {**GOOD, "metadata": {"own": 1}},
            "b": {**GOOD, "targeting": {"if": [{"$ref": "known"}, "on"]}},
            'odd "key" \\ ü': GOOD,
        },
        "$evaluators": {"known": {"!!": [{"var": "targetingKey"}]}},
        "$schema": "https://flagd.dev/schema/v0/flags.json",
    }


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_document_read_from_text_answers_like_one_that_was_parsed(indent: Any, as_bytes: bool) -> None:
    text = json.dumps(whole(), indent=indent, ensure_ascii=False)
    read, parsed = Document.read(text.encode() if as_bytes else text), Document.parse(whole())
    assert list(read.keys()) == list(parsed.keys())
    for key in [*read.keys(), "absent"]:
        for context in ({}, {"targetingKey": "user-1"}):
            ours, theirs = read.evaluate(key, context), parsed.evaluate(key, context)
            assert (ours.variant, ours.reason, ours.metadata) == (
                theirs.variant,
                theirs.reason,
                theirs.metadata,
            )
    assert json.loads(read.text()) == {key: value for key, value in whole().items() if key != "$schema"}


def test_an_empty_document_can_be_read() -> None:
    assert list(Document.read(' { "flags" : { } , "metadata": null }\n').keys()) == []
    assert json.loads(Document.read('{"flags": {}}').text()) == {"flags": {}, "metadata": {}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "nonsense",
        '"flags"',
        "{}",
        '{"flags": {}',
        '{"flags": {}} x',
        '{"flags": {},}',
        '{"flags": {"a": {},}}',
        '{"flags": {"a" {}}}',
        '{"flags": {"a": }}',
        '{"flags": {a: {}}}',
        '{"flags": {"a": {"b": NaN}}}',
        '{"flags": {"a": 1e999}}',
        '{"flags": {}, "metadata": -Infinity}',
        '{"flags": {"a": ' + "[" * 100_000,
        b"\xff{}",
        json.dumps(whole())[:-20],
    ],
)
def test_text_that_is_no_document_is_refused_as_a_whole(text: Any) -> None:
    with pytest.raises(DocumentError):
        Document.read(text)


def test_a_flag_that_is_no_object_in_the_text_is_unusable_and_no_more() -> None:
    document = Document.read(
        '{"flags": {"a": "{}", "b": 1.5, "c": {"state": "ENABLED", "variants": {"x": 1.5}}}}'
    )
    assert [document.evaluate(key).error_code for key in "abc"] == ["PARSE_ERROR", "PARSE_ERROR", None]


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.floats() | st.text(), st.lists)), st.booleans())
def test_reading_takes_what_a_json_parser_takes(flags: Any, ascii_only: bool) -> None:
    text = json.dumps({"flags": flags}, ensure_ascii=ascii_only)
    if "NaN" in json.dumps(flags) or "Infinity" in json.dumps(flags):
        return
    assert json.loads(Document.read(text).text())["flags"] == json.loads(text)["flags"]


def test_a_patch_changes_some_flags_and_leaves_the_document_it_came_from_alone() -> None:
    before = Document.read(json.dumps(whole()))
    after = before.patched({"a": {**GOOD, "defaultVariant": "on"}, "new": GOOD}, ["absent"], {"revision": 2})
    assert (before.evaluate("a").variant, after.evaluate("a").variant) == ("off", "on")
    assert (before.evaluate("new").error_code, after.evaluate("new").variant) == ("FLAG_NOT_FOUND", "off")
    assert after.evaluate("b", {"targetingKey": "user-1"}).variant == "on"
    assert (before.metadata["revision"], after.metadata) == (1, {"revision": 2})
    assert after.patched({}, ["a"]).evaluate("a").error_code == "FLAG_NOT_FOUND"
    with pytest.raises(DocumentError):
        before.patched({}, metadata={"a": []})


def test_the_metadata_of_a_flag_is_laid_over_that_of_the_document() -> None:
    document = Document.parse(whole())
    assert document.metadata_of("a") == {"revision": 1, "ü": "ü", "own": 1}
    assert document.metadata_of("b") == document.metadata_of("absent") == document.metadata
    broken = Document.parse({"flags": {"a": {"metadata": []}}, "metadata": {"x": 1}})
    assert broken.metadata_of("a") == {"x": 1}


def test_answers_may_be_made_into_something_else_once() -> None:
    made: list[str] = []

    def wrap(key: str, answer: Evaluation) -> str:
        made.append(key)
        return f"{key}={answer.variant}"

    document = Document.parse(whole()).wrapped(wrap)
    document.prepare()
    for _ in range(3):
        assert document.evaluate("b", {"targetingKey": "user-1"}) == "b=on"
    assert made.count("b") == 2
    assert document.evaluate("absent") == "absent=None"
    assert document.evaluate(None) == "=None"  # type: ignore[arg-type]


def test_a_document_tells_which_flags_are_not_as_they_were() -> None:
    first = Document.parse({"flags": {"a": GOOD, "b": GOOD}})
    second = first.patched({"b": {**GOOD, "defaultVariant": "on"}, "c": GOOD}, removed=["a"])
    assert second.changed_since(first) == ["a", "b", "c"]
    assert second.changed_since(second) == []
    assert first.changed_since(None) == ["a", "b"]
    assert set(second.flags) == {"b", "c"}
