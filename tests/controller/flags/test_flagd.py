"""The documents are such as flagd takes, and its current evaluator gives the same answers."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from headgate.evaluator import Document
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from controller.flags.document import SCHEMA, document, off_flags
from stages import WHOLE, Exposure, Mode
from tests.controller.flags.test_document import CANDIDATE, EXPOSURES, FEATURE, compiled, rollout


def every_document() -> Iterator[dict[str, Any]]:
    exposures = [
        *EXPOSURES.values(),
        replace(EXPOSURES["a cohort and a task"], share=5000),
        Exposure(share=2500),
    ]
    for mode, exposure, candidate in itertools.product(Mode, exposures, (None, CANDIDATE)):
        yield compiled(rollout(mode=mode, exposure=exposure, candidate=candidate, candidate_share=3000))
    yield document("acme", "production", 1, 300, off_flags(FEATURE, "why"))


ARITIES = {
    "if": (3, 3),
    "in": (2, 2),
    "!!": (1, 1),
    "and": (1, 99),
    "or": (1, 99),
    "merge": (1, 99),
    "cat": (1, 99),
    "starts_with": (2, 2),
}


def check_rule(rule: Any) -> None:
    """What flagd's schema asks of the operators that we use, in our own words."""
    if isinstance(rule, list):
        for part in rule:
            check_rule(part)
    if not isinstance(rule, Mapping):
        return
    [(operator, arguments)] = rule.items()
    if operator == "var":
        assert isinstance(arguments, str)
        assert not arguments.startswith("$flagd.")
    elif operator == "fractional":
        by, *buckets = arguments
        assert isinstance(by, Mapping)
        for bucket in buckets:
            outcome, weight = bucket
            assert isinstance(outcome, (str, bool))
            assert type(weight) is int
            assert 0 <= weight <= WHOLE
        assert sum(weight for _, weight in buckets) == WHOLE
        check_rule(by)
    else:
        low, high = ARITIES[operator]
        assert isinstance(arguments, list)
        assert low <= len(arguments) <= high
        check_rule(arguments)


def test_every_document_is_one_that_flagd_takes() -> None:
    for whole in every_document():
        assert whole["$schema"] == SCHEMA
        assert set(whole) == {"$schema", "metadata", "flags"}
        for flag in whole["flags"].values():
            assert flag["state"] == "ENABLED"
            assert len({type(value) for value in flag["variants"].values()}) == 1
            assert flag["defaultVariant"] in flag["variants"]
            assert all(isinstance(value, (str, int, float, bool)) for value in flag["metadata"].values())
            assert isinstance(flag.get("targeting", {}), dict)
            check_rule(flag.get("targeting"))
        FlagdCore().set_flags(copy.deepcopy(whole))


def contexts(count: int) -> Iterator[dict[str, Any]]:
    dice = random.Random(20261120)
    for number in range(count):
        context: dict[str, Any] = {"targetingKey": dice.choice([f"user-{number}", "", "Zoë", "a b", "0"])}
        if dice.random() < 0.6:
            context["cohorts"] = dice.choice([["staff"], ["beta", "staff"], [], "staff", ["staffers"]])
        if dice.random() < 0.6:
            context["task"] = dice.choice(["summarise", "summarize", ""])
        yield context


def test_the_current_flagd_evaluator_gives_the_same_answers() -> None:
    asked = list(contexts(500))
    for whole in every_document():
        ours, theirs = Document.parse(whole), FlagdCore()
        theirs.set_flags(copy.deepcopy(whole))
        for context in asked:
            rest = {name: value for name, value in context.items() if name != "targetingKey"}
            who = EvaluationContext(context["targetingKey"], rest)
            whole_value = theirs.resolve_object_value(FEATURE, {}, who)
            boolean = theirs.resolve_boolean_value(f"{FEATURE}.enabled", False, who)
            mine, mine_on = ours.evaluate(FEATURE, context), ours.evaluate(f"{FEATURE}.enabled", context)
            assert (mine.variant, mine.value) == (whole_value.variant, whole_value.value), context
            assert (mine_on.variant, mine_on.value) == (boolean.variant, boolean.value), context
            assert mine.reason.replace("SPLIT", "TARGETING_MATCH") == whole_value.reason
