"""What must not be published, and what it is called."""

from __future__ import annotations

from typing import Any

import pytest
from headgate.evaluator import DocumentError, FlagError, check
from headgate.evaluator.limits import MAX_DEPTH

GOOD = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}


def nested(rule: Any, times: int) -> Any:
    for _ in range(times):
        rule = {"!": [rule]}
    return rule


@pytest.mark.parametrize(
    "flag",
    [
        GOOD,
        {**GOOD, "state": "DISABLED"},
        {**GOOD, "defaultVariant": None},
        {**GOOD, "defaultVariant": ""},
        {"state": "ENABLED", "variants": {"a": 1, "b": 1.5}},
        {"state": "ENABLED", "variants": {"a": {}, "b": []}, "defaultVariant": "a"},
        {**GOOD, "targeting": {"if": [{"$ref": "known"}, "on", None]}},
        {**GOOD, "targeting": {"fractional": [["on", 1], ["off", {"var": "weight"}]]}},
        {**GOOD, "targeting": {"var": "variant"}},
    ],
)
def test_what_clients_can_use_may_be_published(flag: Any) -> None:
    check({"flags": {"flag": flag}, "$evaluators": {"known": {"!!": [{"var": "targetingKey"}]}}})


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (None, "not an object"),
        ({**GOOD, "state": "MAYBE"}, "state"),
        ({**GOOD, "targeting": {"no_such_operator": 1}}, "no_such_operator"),
        ({**GOOD, "targeting": {"$ref": "itself"}}, "refers to itself"),
        ({**GOOD, "targeting": {"$ref": "absent"}}, "does not exist"),
        ({**GOOD, "targeting": nested({"var": "a"}, MAX_DEPTH)}, "nested"),
        ({**GOOD, "targeting": nested({"var": "a"}, 100_000)}, "nested"),
        ({**GOOD, "variants": {"on": nested(1, 100_000)}, "defaultVariant": "on"}, "JSON"),
        ({**GOOD, "targeting": {"if": [{"var": "a"}, "typo", "off"]}}, "names no variant"),
        ({**GOOD, "targeting": {"fractional": [["on", 1], ["typo", 1]]}}, "names no variant"),
        ({**GOOD, "targeting": {"if": [{"var": "a"}, "on"]}, "defaultVariant": "typo"}, "default variant"),
        ({**GOOD, "targeting": {"var": "a"}, "defaultVariant": "typo"}, "'typo'"),
        ({**GOOD, "defaultVariant": "typo"}, "default variant"),
        ({**GOOD, "variants": {"on": True, "off": "off"}}, "all boolean"),
        ({**GOOD, "variants": {"on": 1, "off": False}}, "all boolean"),
        ({**GOOD, "variants": {"on": True, "off": False, "none": None}}, "all boolean"),
        ({**GOOD, "variants": {"on": float("nan"), "off": 1}}, "JSON"),
        ({**GOOD, "variants": {"on": "x" * 16_777_216, "off": ""}}, "bytes"),
    ],
)
def test_what_clients_cannot_use_is_refused_by_name(flag: Any, message: str) -> None:
    with pytest.raises(FlagError, match=message) as caught:
        check({"flags": {"good": GOOD, "bad flag": flag}, "$evaluators": {"itself": {"$ref": "itself"}}})
    assert caught.value.flag == "bad flag"
    assert "bad flag" in str(caught.value)


@pytest.mark.parametrize("given", [None, {"flags": []}, {"flags": {"": GOOD}}, {"flags": {1: GOOD}}])
def test_what_is_no_document_is_refused(given: Any) -> None:
    with pytest.raises(DocumentError):
        check(given)
