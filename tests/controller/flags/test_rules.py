from __future__ import annotations

from typing import Any

import pytest
from headgate.evaluator import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.flags.rules import MAX_DEPTH, MAX_NODES, Rules

VARIANTS = {"on": True, "off": False}


def places(rule: Any, shared: dict[str, Any] | None = None, variants: Any = None) -> list[str]:
    return [
        problem.field for problem in Rules(shared or {}).problems(rule, "targeting", variants or VARIANTS)
    ]


def nested(depth: int) -> Any:
    rule: Any = True
    for _ in range(depth):
        rule = {"!": [rule]}
    return rule


GOOD: dict[str, Any] = {
    "nothing": None,
    "an empty object": {},
    "a shorthand": {"in": [{"var": "email"}, ["a@example.com"]]},
    "an if without an else": {"if": [{"==": [{"var": "a"}, 1]}, "on"]},
    "null for the default": {"if": [{"var": "a"}, "on", None]},
    "a share": {"fractional": [["on", 25], ["off", 75]]},
    "a share by an attribute": {"fractional": [{"var": "team"}, ["on", 25], ["off"]]},
    "a weight that is worked out": {"fractional": [["on", {"var": "w"}], ["off", 75]]},
    "a share in a share": {"fractional": [[{"fractional": [["on"], ["off"]]}, 1], ["off", 1]]},
    "versions": {"if": [{"sem_ver": [{"var": "v"}, ">=", "1.2"]}, "on", "off"]},
    "a list for arguments of one": {"!!": [{"var": "a"}]},
    "a loop": {"if": [{"some": [{"var": "groups"}, {"==": [{"var": ""}, "a"]}]}, "on", "off"]},
    "as deep as allowed": {"if": [nested((MAX_DEPTH - 2) // 2), "on", "off"]},
}


@pytest.mark.parametrize("rule", GOOD.values(), ids=GOOD.keys())
def test_a_rule_that_the_evaluator_can_use_is_taken(rule: Any) -> None:
    variants = {"on": True, "off": False, "true": True, "false": False}
    assert places(rule, variants=variants) == []
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "off", "targeting": rule}
    answer = Document.parse({"flags": {"a": flag}}).evaluate("a", {"targetingKey": "u", "v": "2.0.0", "w": 5})
    assert answer.error_code is None


BAD: dict[str, tuple[Any, list[str]]] = {
    "a list": ([], ["targeting"]),
    "a text": ("on", ["targeting"]),
    "an unknown operator": ({"if": [{"near": [1]}, "on", "off"]}, ["targeting.if.0.near"]),
    "a pattern": ({"if": [{"regex_match": [{"var": "a"}, "(a+)+$"]}, "on"]}, ["targeting.if.0.regex_match"]),
    "two operators in one object": ({"if": [{"==": [1, 1], "!=": [1, 2]}, "on"]}, ["targeting.if.0"]),
    "an empty object inside": ({"if": [{}, "on"]}, ["targeting.if.0"]),
    "a variant that is not there": ({"if": [{"var": "a"}, "on", "of"]}, ["targeting.if.2"]),
    "a boolean that is no variant": ({"if": [{"var": "a"}, True, "off"]}, ["targeting.if.1"]),
    "a variant in a share": ({"fractional": [["on", 1], ["blue", 1]]}, ["targeting.fractional.1.0"]),
    "true or false for on or off": ({"==": [{"var": "a"}, 1]}, ["targeting.=="]),
    "true or false for an outcome": ({"if": [{"var": "a"}, {"!": [1]}, "off"]}, ["targeting.if.1.!"]),
    "a comparison with nothing": ({"if": [{"==": [{"var": "a"}]}, "on"]}, ["targeting.if.0.=="]),
    "a comparison of three": ({"if": [{"===": [1, 1, 2]}, "on"]}, ["targeting.if.0.==="]),
    "a list that is not there": ({"if": [{"in": "a"}, "on"]}, ["targeting.if.0.in"]),
    "a loop without a body": ({"if": [{"some": [[1, 2]]}, "on"]}, ["targeting.if.0.some"]),
    "a range of four": ({"if": [{"<": [1, 2, 3, 4]}, "on"]}, ["targeting.if.0.<"]),
    "a start that is no text": (
        {"if": [{"starts_with": [{"var": "a"}, 3]}, "on"]},
        ["targeting.if.0.starts_with.1"],
    ),
    "a starts_with of one": ({"if": [{"starts_with": ["a"]}, "on"]}, ["targeting.if.0.starts_with"]),
    "no such comparison": ({"if": [{"sem_ver": ["1.0", "=>", "1"]}, "on"]}, ["targeting.if.0.sem_ver.1"]),
    "no version": ({"if": [{"sem_ver": [{"var": "v"}, ">", "new"]}, "on"]}, ["targeting.if.0.sem_ver.2"]),
    "a share without a share": ({"fractional": [{"var": "a"}]}, ["targeting.fractional"]),
    "a negative weight": ({"fractional": [["on", -1], ["off", 2]]}, ["targeting.fractional.0"]),
    "a broken weight": ({"fractional": [["on", 0.5], ["off", 2]]}, ["targeting.fractional.0"]),
    "true for a weight": ({"fractional": [["on", True], ["off", 2]]}, ["targeting.fractional.0"]),
    "weights of nothing": ({"fractional": [["on", 0], ["off", 0]]}, ["targeting.fractional"]),
    "weights beyond counting": ({"fractional": [["on", 2**31], ["off", 1]]}, ["targeting.fractional"]),
    "a share of nothing": ({"fractional": [[], ["off", 1]]}, ["targeting.fractional.0"]),
    "a huge text": ({"if": [{"==": [{"var": "a"}, "x" * 10_001]}, "on"]}, ["targeting.if.0.==.1"]),
    "a huge number": ({"if": [{"==": [{"var": "a"}, 2**53]}, "on"]}, ["targeting.if.0.==.1"]),
    "NaN": ({"if": [{"==": [{"var": "a"}, float("nan")]}, "on"]}, ["targeting.if.0.==.1"]),
    "no JSON": ({"if": [{"==": [{"var": "a"}, {1}]}, "on"]}, ["targeting.if.0.==.1"]),
    "too deep": ({"if": [nested(MAX_DEPTH), "on"]}, ["targeting"]),
    "too many values": ({"if": [{"in": [{"var": "a"}, ["x"] * MAX_NODES]}, "on"]}, ["targeting"]),
    "a shared rule that is not there": ({"if": [{"$ref": "staff"}, "on"]}, ["targeting.if.0.$ref"]),
    "a reference to a number": ({"if": [{"$ref": 1}, "on"]}, ["targeting.if.0.$ref"]),
}


@pytest.mark.parametrize(("rule", "where"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_with_a_rule_is_named_by_its_place(rule: Any, where: list[str]) -> None:
    assert places(rule) == where
    assert all(problem.message and problem.remedy for problem in Rules({}).problems(rule, "t", VARIANTS))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    rule = {"if": [{"near": [{"far": [1]}]}, {"regex": ["a"]}, {"fractional": []}]}
    assert places(rule) == ["targeting.if.0.near", "targeting.if.1.regex", "targeting.if.2.fractional"]


def test_a_rule_that_decides_needs_variants_for_both_ways() -> None:
    rule, flags = {"==": [{"var": "a"}, 1]}, {"true": "b", "on": "a"}
    assert places(rule, variants=flags) == ["targeting.=="]
    [problem] = Rules({}).problems(rule, "targeting", flags)
    assert problem.message == "yields true or false, and there is no variant false"
    assert places(rule, variants=flags | {"false": "c"}) == []


def test_somebody_who_wanted_a_pattern_is_told_what_to_use() -> None:
    [problem] = Rules({}).problems({"matches": ["a"]}, "targeting", VARIANTS)
    assert "starts_with" in problem.remedy


SHARED: dict[str, Any] = {
    "staff": {"in": ["staff", {"var": "cohorts"}]},
    "a": {"!": [{"$ref": "b"}]},
    "b": {"or": [{"$ref": "staff"}, {"$ref": "a"}]},
    "self": {"$ref": "self"},
    "leads in": {"$ref": "a"},
    "choice": {"if": [{"$ref": "staff"}, "on", "grey"]},
}


def test_shared_rules_that_refer_to_themselves_are_named_with_the_way_around() -> None:
    found = {problem.field: problem.message for problem in Rules(SHARED).shared_problems(SHARED)}
    assert set(found) == {"$evaluators.a", "$evaluators.b", "$evaluators.self", "$evaluators.leads in"}
    assert found["$evaluators.a"] == "refers to itself: a → b → a"
    assert found["$evaluators.self"] == "refers to itself: self → self"
    assert found["$evaluators.leads in"] == "leads into a circle: a → b → a"


def test_a_rule_that_refers_to_a_circle_is_refused() -> None:
    assert places({"if": [{"$ref": "a"}, "on"]}, SHARED) == ["targeting.if.0.$ref"]
    assert places({"if": [{"$ref": "staff"}, "on"]}, SHARED) == []


def test_the_results_of_a_shared_rule_are_those_of_the_flag() -> None:
    assert places({"$ref": "choice"}, SHARED) == ["targeting.$ref"]
    assert places({"$ref": "choice"}, SHARED, {"on": 1, "grey": 2}) == []


def test_shared_rules_that_grow_when_written_out_are_refused_without_writing_them_out() -> None:
    shared: dict[str, Any] = {f"r{n}": {"or": [{"$ref": f"r{n + 1}"}] * 10} for n in range(30)}
    shared["r30"] = {"var": "a"}
    rules = Rules(shared)
    assert list(rules.shared_problems(shared)) == []
    found = list(rules.problems({"if": [{"$ref": "r0"}, "on"]}, "targeting", VARIANTS))
    assert [problem.field for problem in found] == ["targeting", "targeting"]


def test_a_long_chain_of_shared_rules_is_judged_and_not_followed_down() -> None:
    shared: dict[str, Any] = {f"r{n}": {"!": [{"$ref": f"r{n + 1}"}]} for n in range(1000)}
    open_end, around = shared | {"r1000": True}, shared | {"r1000": {"$ref": "r0"}}
    assert list(Rules(open_end).shared_problems(open_end)) == []
    assert places({"if": [{"$ref": "r0"}, "on"]}, open_end) == ["targeting"]
    assert places({"if": [{"$ref": "r990"}, "on"]}, open_end) == []
    assert len(list(Rules(around).shared_problems(around))) == 1001


def test_a_rule_written_out_stands_on_its_own() -> None:
    rules = Rules(SHARED)
    out = rules.written_out({"if": [{"$ref": "staff"}, "on", None]})
    assert out == {"if": [SHARED["staff"], "on", None]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["if", "fractional", "sem_ver", "$ref", "var", "x", "==", "cat", ""]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=15,
)


@given(rule=JSON, shared=st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_is_called_a_rule_is_judged_and_what_is_taken_can_be_used(
    rule: Any, shared: dict[str, Any]
) -> None:
    rules = Rules(shared)
    bad = [*rules.shared_problems(shared), *rules.problems(rule, "targeting", VARIANTS)]
    if not bad:
        flag = {"state": "ENABLED", "variants": VARIANTS, "targeting": rules.written_out(rule)}
        answer = Document.parse({"flags": {"a": flag}}).evaluate("a", {"targetingKey": "u"})
        assert answer.error_code != "PARSE_ERROR"
