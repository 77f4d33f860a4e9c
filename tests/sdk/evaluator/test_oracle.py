"""The evaluator beside the current flagd evaluator for Python, on random rules and contexts.

Where the two are meant to differ, the difference is a test of its own below the random ones.
"""

from __future__ import annotations

import copy
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cbor2
import mmh3
import pytest
from headgate.evaluator import Document
from headgate.evaluator.bucketing import hash_value
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from json_logic import builtins
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.contrib.tools.flagd.core.targeting.custom_ops import normalize_numbers
from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError, ParseError

RULES = int(os.environ.get("HEADGATE_DIFFERENTIAL_RULES", "250"))
"""How many random rules to try; ``make differential`` tries many."""

CONTEXTS = 10
asked: Counter[str] = Counter()

NAMES = ["a", "b", "nested", "list", "absent", "targetingKey"]
VARIANTS = {"on": "v-on", "off": "v-off", "true": "v-true", "false": "v-false", "1": "v-one"}
COMPARISONS = ["==", "!=", "<", "<=", ">", ">=", "!", "!!", "in"]
TEXTS = [
    "",
    "a",
    "on",
    "off",
    "user-1",
    "1.2.3",
    "v1.2",
    "1.2.0-rc.1",
    "2",
    "1.0.0+b",
    "[object Object]",
    "x.y",
]

scalars = st.one_of(
    st.none(), st.sampled_from(TEXTS), st.integers(-3, 12), st.sampled_from([0.5, -1.25, 1.0, 3e9, 0.0])
)
attributes = st.one_of(scalars, st.booleans())
contexts = st.fixed_dictionaries(
    {"targetingKey": st.sampled_from(["", "user-1", "user-2", "someone@example.org", "Zoë"])},
    optional={
        "a": attributes,
        "b": attributes,
        "nested": st.dictionaries(st.sampled_from(["a", "b"]), attributes, max_size=2),
        "list": st.lists(attributes, max_size=4),
    },
)
PATHS = ["nested.a", "list.0", "list.length", "a.b", "$flagd.flagKey", "$flagd.none", "list.01"]
paths = st.sampled_from([*NAMES, *PATHS])


def _call(*names: str, arguments: Any) -> Any:
    return st.builds(lambda name, args: {name: args}, st.sampled_from(names), arguments)


def _extend(rules: Any) -> Any:
    outcomes = st.sampled_from(["on", "off", True])
    keys = st.lists(st.sampled_from(NAMES))
    shares = st.lists(
        st.one_of(
            st.tuples(st.one_of(outcomes, rules), st.integers(-1, 60)).map(list),
            st.sampled_from([["on"], ["off"]]),
            st.tuples(st.just("on"), rules).map(list),
        ),
        min_size=1,
        max_size=4,
    )
    lists = st.one_of(st.just({"var": "list"}), st.lists(rules, max_size=3))
    return st.one_of(
        paths.map(lambda path: {"var": path}),
        st.builds(lambda path, default: {"var": [path, default]}, paths, rules),
        _call(*COMPARISONS, "===", "!==", arguments=st.lists(rules, max_size=3)),
        _call("if", "?:", "and", "or", arguments=st.lists(rules, max_size=5)),
        _call("+", "-", "*", "min", "max", "merge", "cat", arguments=st.lists(rules, max_size=3)),
        _call("/", "%", arguments=st.tuples(rules, st.integers(1, 5)).map(list)),
        _call("starts_with", "ends_with", arguments=st.lists(rules, min_size=1, max_size=3)),
        _call("substr", arguments=st.tuples(rules, st.integers(-4, 8), st.integers(-4, 8)).map(list)),
        st.builds(
            lambda one, sign, other: {"sem_ver": [one, sign, other]},
            rules,
            st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^", "~", "?"]),
            st.one_of(rules, st.sampled_from(TEXTS)),
        ),
        _call("map", "filter", "all", "some", "none", arguments=st.tuples(lists, rules).map(list)),
        st.builds(lambda items, step: {"reduce": [items, step, 0]}, lists, rules),
        _call("missing", arguments=st.lists(st.sampled_from(NAMES), max_size=3)),
        st.builds(lambda n, names: {"missing_some": [n, names]}, st.integers(0, 3), keys),
        shares.map(lambda given: {"fractional": given}),
        st.builds(lambda by, given: {"fractional": [by, *given]}, rules, shares),
    )


rules = st.recursive(scalars, _extend, max_leaves=12)
targetings = _extend(rules)


@pytest.fixture(autouse=True, scope="module")
def quiet_oracle() -> Iterator[None]:
    """Keep the oracle from logging every odd value, some of which no log can hold."""
    logger = logging.getLogger("openfeature.contrib")
    logger.disabled = True
    yield
    logger.disabled = False


@contextmanager
def corrected_oracle() -> Iterator[None]:
    """Correct the two conversions that the tests at the end of this file show to be wrong."""
    original = builtins.to_string

    def to_string(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else original(value)

    def same(_data: Any = None, a: Any = None, b: Any = None, *_: Any) -> bool:
        return isinstance(a, bool) is isinstance(b, bool) and a == b

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "to_string", to_string)
        patch.setitem(OPERATORS, "===", same)
        patch.setitem(OPERATORS, "!==", lambda *args: not same(*args))
        yield


Found = tuple["str | None", str] | None


def ask_oracle(document: dict[str, Any], context: dict[str, Any]) -> Found:
    """Return variant and reason, or None when the oracle itself breaks down."""
    return oracle_of(document)(context)


def oracle_of(document: dict[str, Any]) -> Callable[[dict[str, Any]], Found]:
    core = FlagdCore()
    core.set_flags(copy.deepcopy(document))
    return lambda context: _ask(core, context)


def _ask(core: FlagdCore, context: dict[str, Any]) -> Found:
    attributes = {key: value for key, value in context.items() if key != "targetingKey"}
    try:
        who = EvaluationContext(context["targetingKey"], attributes)
        found = core.resolve_string_value("flag", "code", who)
    except OpenFeatureError:
        return None, "ERROR"
    except Exception:
        return None
    return found.variant, str(found.reason)


def ask_us(document: dict[str, Any], context: dict[str, Any]) -> Found:
    """Return variant and reason, or None for a rule that nests more loops than we allow."""
    return us_with(document)(context)


def us_with(document: dict[str, Any]) -> Callable[[dict[str, Any]], Found]:
    compiled = Document.parse(document, clock=lambda: 0)
    return lambda context: _answer(compiled, context)


def _answer(compiled: Document, context: dict[str, Any]) -> Found:
    found = compiled.evaluate("flag", context)
    if "Loops" in (found.error_message or ""):
        return None
    return found.variant, found.reason.replace("SPLIT", "TARGETING_MATCH")


def document_with(targeting: Any, default: Any = "off") -> dict[str, Any]:
    flag = {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": default, "targeting": targeting}
    return {"flags": {"flag": flag}}


@settings(max_examples=RULES, deadline=None, suppress_health_check=list(HealthCheck))
@given(targetings, st.lists(contexts, min_size=CONTEXTS, max_size=CONTEXTS))
def test_random_rules_give_the_answer_of_the_current_flagd_evaluator(targeting: Any, given: Any) -> None:
    document = document_with(targeting)
    with corrected_oracle():
        us, oracle = us_with(document), oracle_of(document)
        for context in given:
            ours, theirs = us(context), oracle(context)
            assert ours is None or theirs in (None, ours), f"{targeting!r} with {context!r}"
            asked["pairs"] += 1
            asked["decided"] += ours is not None and theirs is not None


def test_nearly_all_random_pairs_were_decided_by_both() -> None:
    print(f"{asked['pairs']:,} pairs of a rule and a context, {asked['decided']:,} decided by both")
    assert asked["decided"] >= 0.7 * asked["pairs"] > 0.7 * RULES


@settings(max_examples=500, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
        ),
    )
)
def test_any_json_value_is_hashed_over_the_same_bytes(value: Any) -> None:
    expected = mmh3.hash(cbor2.dumps(normalize_numbers(value), canonical=True), signed=False)
    assert hash_value(value) == expected


@given(st.text(max_size=40), st.text(max_size=300))
@example("salt", "x" * 300)
@example("", "")
def test_users_are_dealt_by_the_hash_of_salt_and_key_however_long_and_odd_they_are(
    salt: str, key: str
) -> None:
    shares = [["on", 1], ["off", 2], ["true", 4]]
    by = {"cat": [salt, {"var": "targetingKey"}]}
    hashed = hash_value(salt + key)
    assert hashed is not None
    bucket = hashed * 7 >> 32
    expected = "on" if bucket < 1 else "off" if bucket < 3 else "true"
    assert ask_us(document_with({"fractional": [by, *shares]}), {"targetingKey": key})[0] == expected
    in_or_out = {"fractional": [by, ["on", 3], ["true", 4]]}
    found = ask_us(document_with(in_or_out), {"targetingKey": key})[0]
    assert found == ("on" if bucket < 3 else "true")


CONTEXT = {"targetingKey": "user-1", "yes": True, "one": 1, "list": ["a"]}


def oracle_and_us(targeting: Any) -> tuple[Any, Any]:
    document = document_with(targeting)
    return ask_oracle(document, CONTEXT), ask_us(document, CONTEXT)


def test_booleans_in_texts_are_lower_case_as_in_json_unlike_the_oracle() -> None:
    # The oracle takes a boolean for a number and writes "True", which no flagd in another language does.
    theirs, ours = oracle_and_us({"if": [{"==": [{"cat": [{"var": "yes"}]}, "true"]}, "on", "off"]})
    assert (theirs, ours) == (("off", "TARGETING_MATCH"), ("on", "TARGETING_MATCH"))


def test_strict_equality_tells_true_from_one_unlike_the_oracle() -> None:
    theirs, ours = oracle_and_us({"if": [{"===": [{"var": "yes"}, 1]}, "on", "off"]})
    assert (theirs, ours) == (("on", "TARGETING_MATCH"), ("off", "TARGETING_MATCH"))


def test_the_start_of_a_reduction_may_be_computed_unlike_in_the_oracle() -> None:
    # The oracle takes the third argument literally and compares a dictionary.
    reduction = {"reduce": [{"var": "list"}, {"var": "accumulator"}, {"var": "one"}]}
    theirs, ours = oracle_and_us({"if": [{"===": [reduction, 1]}, "on", "off"]})
    assert (theirs, ours) == (("off", "TARGETING_MATCH"), ("on", "TARGETING_MATCH"))


def test_dividing_by_zero_is_an_error_answer_where_the_oracle_raises() -> None:
    assert oracle_and_us({"/": [1, 0]}) == (None, (None, "ERROR"))


def test_an_unknown_operator_is_found_when_compiling_where_the_oracle_waits_until_it_is_reached() -> None:
    theirs, ours = oracle_and_us({"if": [True, "on", {"no_such_operator": []}]})
    assert (theirs, ours) == (("on", "TARGETING_MATCH"), (None, "ERROR"))


def test_a_property_that_the_format_does_not_know_is_ignored_where_the_oracle_refuses_the_document() -> None:
    document = document_with(None)
    document["flags"]["flag"]["owner"] = "claims"
    with pytest.raises(ParseError):
        FlagdCore().set_flags(copy.deepcopy(document))
    assert ask_us(document, CONTEXT) == ("off", "STATIC")


@pytest.mark.parametrize("default", ["off", None, "", True, "absent"])
@pytest.mark.parametrize(
    "targeting", [None, {}, {"var": "absent"}, {"var": "one"}, {"var": "list"}, {"a": 1, "b": 2}]
)
def test_defaults_and_reasons_are_those_of_the_oracle(targeting: Any, default: Any) -> None:
    document = document_with(targeting, default)
    assert ask_us(document, CONTEXT) == ask_oracle(document, CONTEXT)


def test_shared_rules_and_metadata_are_those_of_the_oracle() -> None:
    document = document_with({"if": [{"$ref": "known"}, "on", "off"]})
    document["$evaluators"] = {"known": {"in": [{"var": "targetingKey"}, ["user-1"]]}}
    document["metadata"] = {"set": 1, "both": "set"}
    document["flags"]["flag"]["metadata"] = {"both": "flag"}
    core = FlagdCore()
    core.set_flags(copy.deepcopy(document))
    theirs = core.resolve_string_value("flag", "code", EvaluationContext("user-1", {}))
    ours = Document.parse(document).evaluate("flag", CONTEXT)
    assert (ours.variant, ours.metadata) == (theirs.variant, theirs.flag_metadata)


SHAPES: list[Any] = [
    {"==": [{"var": "a"}, "x"]},
    {"==": ["x", {"var": ["a"]}]},
    {"===": [{"var": "a"}, "1"]},
    {"!=": [{"var": "a"}, "x"]},
    {"!==": ["1", {"var": "a"}]},
    {"if": [{"==": [{"var": "a"}, "x"]}, "on", "off"]},
    {"if": [{"===": ["1", {"var": "a"}]}, {"fractional": [["on", 50], ["off", 50]]}]},
    {"in": [{"var": "a"}, ["x", "y"]]},
    {"in": [{"var": "a"}, "xyz"]},
    {"in": ["x", {"merge": [{"var": "a"}]}]},
    {"in": ["x", {"merge": {"var": "a"}}]},
    {"in": ["x", {"merge": [{"var": "a"}, "y"]}]},
    {"in": [1, {"merge": [{"var": "a"}]}]},
    {"in": ["x", {"var": "a"}]},
    {"in": []},
    {"==": [{"cat": ["p-", {"var": "a"}]}, "p-x"]},
    {"==": [{"cat": ["p-", {"var": ""}]}, "p-x"]},
    {"==": [{"cat": [{"var": "a"}, "-s"]}, "x-s"]},
    {"and": [{"==": [{"var": "a"}, "x"]}, True]},
    {"if": [{"and": [{"!!": [{"var": "a"}]}, {"var": "b"}]}, "on", "off"]},
    {"if": [{"and": []}, "on", "off"]},
    {"if": [{"or": [{"var": "b"}, {"==": [{"var": "a"}, "x"]}]}, "on", "off"]},
    {"if": [{"or": []}, "on", "off"]},
    {"if": [{"or": [False, None]}, "on", "off"]},
    {"if": [{"or": [True, {"var": "b"}]}, "on", "off"]},
    {"if": [{"or": [{"var": "b"}, {"var": "c"}, {"==": [{"var": "a"}, "x"]}]}, "on", "off"]},
    {"if": [{"and": [True, 1]}, "on", "off"]},
    {"if": [{"and": [{"var": "a"}, False]}, "on", "off"]},
    {"if": [{"and": [{"var": "a"}, {"!!": [{"var": "b"}]}, {"var": "targetingKey"}]}, "on", "off"]},
    {"if": [{"and": [*[{"var": "a"}] * 3, {"var": "b"}]}, "on", "off"]},
    {"if": [{"!!": []}, "on", "off"]},
    {"if": [{"!!": [{"var": ["a", True]}, 1]}, "on", "off"]},
    {"if": [{"if": [{"var": "a"}, {"var": "b"}, 0]}, "on", "off"]},
    {"if": [{"?:": [{"var": "b"}, [], {"var": "a"}]}, "on", "off"]},
    {"if": [{"some": [{"var": "a"}, {"var": "b.c"}]}, "on", "off"]},
    {"if": [True, {"var": "a"}, "off"]},
    {"if": [{"var": "b"}, "on", True, "off", {"var": "a"}]},
    {"if": [["x"], "on", "off"]},
    {"if": [False, "on", {"var": "b"}, "off", {"==": [1, 1]}, "true"]},
    {"if": [{"fractional": [{"var": "a"}, [True, 50], [False, 50]]}, "on", "off"]},
    {"fractional": [{"var": "a"}, ["on", 50], ["off", 50]]},
    {"fractional": [{"cat": ["salt", {"var": "a"}]}, ["on", 50], ["off", 50]]},
    {"fractional": [{"cat": ["salt", {"var": "a"}]}, ["on", 50], ["off", 50], ["true", 50]]},
    {"fractional": [{"cat": ["\ud800", {"var": "a"}]}, ["on", 50], ["off", 50]]},
    {"fractional": [{"cat": [{"var": "b"}, {"var": "a"}]}, ["on", 50], ["off", 50]]},
    {"fractional": [{"cat": [{"var": "a"}, "-", {"var": "b"}]}, ["on", 50], [{"var": "b"}, 50]]},
    {"fractional": [["on", 50], ["off", 50], ["true", 1]]},
    {"fractional": [["on", 50], [{"var": "a"}, 50]]},
    {"some": [["x", {"k": 1, "targetingKey": "y"}], {"fractional": [[True, 50], [False, 50]]}]},
    {"fractional": [["on", 50], ["off", 50]]},
    {"fractional": [["on", {"var": "b"}], ["off", 50]]},
    {"fractional": [["on", 50.0], ["off", 50]]},
    {"fractional": [["on", True], ["off", 50]]},
    {"fractional": [["on", 50, 1]]},
    {"fractional": [{"var": "a"}, ["on", 2**31]]},
    {"fractional": [{"var": "a"}, ["on", -5], ["off"]]},
    {"fractional": [{"var": "a"}, "on", "off"]},
    {"fractional": [{"var": "a"}, [{"if": [{"var": "b"}, "on", "off"]}, 1]]},
    {"fractional": [None, ["on", 1]]},
    {"fractional": []},
    {"some": [{"merge": [{"var": "a"}]}, {"==": [{"var": ""}, "x"]}]},
    {"some": [[{"k": 1, "l": 2}], {"==": [{"var": "k"}, 1]}]},
    {"some": [["xyz"], {"==": [{"var": 1}, "y"]}]},
    {"some": [["xyz"], {"==": [{"var": 9}, None]}]},
    {"some": [["xyz"], {"==": [{"var": 0.5}, None]}]},
    {"==": [{"var": 1}, None]},
    {"==": [{"var": {"cat": ["a", ""]}}, "x"]},
    {"==": [{"var": {"cat": ["$flagd", ".flagKey"]}}, "flag"]},
    {"==": [{"var": "$flagd.flagKey"}, "flag"]},
    {"==": [{"var": ["a.b.c", "x"]}, "x"]},
    {"<": [{"var": "$flagd.timestamp"}, 0]},
    {"missing": [["a", "c"]]},
    {"!": {"missing": ["a", "b"]}},
    {"!": {"missing_some": [1, ["a", "c"]]}},
    {"!": {"missing_some": [2, ["a", "c"]]}},
    {"!": {"missing_some": [1]}},
    {"==": [{"+": [[1]]}, {"+": ["1"]}]},
    {"==": [{"+": [[1, 2]]}, 1]},
    {"==": [{"+": ["inf", {"var": "a"}]}, 1]},
    {"==": [{"max": []}, 1]},
    {"==": [[], [[]]]},
    {"==": [{"k": 1, "l": 2}, "[object Object]"]},
    {"==": [{"substr": ["xyz", "?"]}, "xyz"]},
    {"==": [{"substr": ["xyz", 1, "?"]}, ""]},
    {"==": [{"substr": ["xyz", -9]}, "xyz"]},
    {"==": [{"substr": ["xyz", 0, -1]}, "xy"]},
    {"<": [1, {"var": "a"}, 3]},
    {"<=": ["a", {"var": "a"}, "z"]},
    {">": [{"var": "a"}, None]},
    {">=": [[], None]},
    {"map": []},
    {"filter": [1]},
    {"reduce": []},
    {"all": [1]},
    {"none": []},
    {"starts_with": [{"var": "a"}, "x"]},
    {"starts_with": ["x"]},
    {"ends_with": [{"var": "a"}, 1]},
    {"sem_ver": [{"var": "a"}, ">=", "1.2"]},
    {"sem_ver": ["1.0.0-alpha.1", "<", "1.0.0-alpha.beta"]},
    {"sem_ver": ["1.0.0-01", "<", "1.0.0"]},
    {"sem_ver": ["1.0.0-", "<", "1.0.0"]},
    {"sem_ver": ["1.0.0+", "=", "1.0.0"]},
    {"sem_ver": ["1.0.0+b-1", "=", "1"]},
    {"sem_ver": ["01", "=", "1"]},
    {"sem_ver": ["1.2.3.4", "=", "1"]},
    {"sem_ver": ["9" * 5000, "=", "1"]},
    {"sem_ver": ["1.2.9", "~", "1.2.0"]},
    {"sem_ver": ["1.9.0", "^", "1.2.0"]},
    {"sem_ver": ["1.9.0", 1, "1.2.0"]},
    {"log": [{"var": "a"}]},
    {"==": [{"max": [1, {"var": "b"}]}, {"min": [{"var": "b"}, 9]}]},
    {"if": [{"var": "b"}, "on", {"==": [1, 2]}, "off", "true"]},
    {"!": {"if": [{"var": "b"}, {"var": "a"}, 0]}},
    {"==": [{"or": [{"var": "b"}, {"var": "a"}]}, 7]},
    {"==": [{"or": []}, {"and": []}]},
    {"or": [0, "", {"var": "b"}]},
    {"!": {"filter": [{"var": "a"}, {"var": ""}]}},
    {"filter": [{"var": "b"}, True]},
    {"all": [{"var": "a"}, {"in": [{"var": ""}, "xon"]}]},
    {"none": [{"var": "a"}, {"==": [{"var": ""}, "x"]}]},
    {"some": [{"var": "a"}, {"==": [{"var": ""}, "x"]}]},
    {"==": [{"*": [{"var": "b"}, 2]}, 14]},
    {"==": [{"-": [{"/": [{"var": "b"}, 2]}]}, {"%": [{"var": "b"}, 4]}]},
    {"==": [{"var": "a.length"}, 1]},
    {"==": [{"var": "a.0"}, "x"]},
    {"==": [{"var": "a.5"}, {"var": "a.x"}]},
    {"==": [{"var": "b.c.d"}, None]},
    {"==": [{"fractional": [{"var": "a"}, ["on", 1], ["off", 1]]}, "on"]},
]
VALUES: list[Any] = ["x", "1", 1, 0.5, None, ["x"], ["on", 2], [], {"b": {"c": "y"}}, "on", "1.2.0", "\ud800"]


@pytest.mark.parametrize("targeting", SHAPES, ids=repr)
def test_every_shape_gives_the_answer_of_the_current_flagd_evaluator(targeting: Any) -> None:
    document = document_with(targeting)
    for value in VALUES:
        for other in (True, 7, ""):
            context = {"targetingKey": "user-1", "a": value, "b": other}
            with corrected_oracle():
                ours, theirs = ask_us(document, context), ask_oracle(document, context)
            assert theirs in (None, ours), context
