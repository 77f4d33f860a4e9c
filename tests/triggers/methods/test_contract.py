"""What holds for every method: a new line in the registry is tested here without a change to this file."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import MINUTE, ok_readings
from triggers import METHODS, BadParameter, Method, Reading, Verdict, parse_method

PARAMETERS = [(name, parameter.name) for name, method in METHODS.items() for parameter in fields(method)]
PLAIN: dict[Any, float] = {"int": 1, "float": 0.05}

every_method = pytest.mark.parametrize("name", METHODS)
every_parameter = pytest.mark.parametrize(("name", "parameter"), PARAMETERS)


def plain(name: str) -> dict[str, Any]:
    """Parameters for a method: its defaults, and a plain number where there is none."""
    parts = fields(METHODS[name])
    return {part.name: PLAIN[part.type] if part.default is MISSING else part.default for part in parts}


def refusal(name: str, params: dict[str, Any]) -> BadParameter:
    """The way in which parameters are refused."""
    with pytest.raises(BadParameter) as refused:
        parse_method(name, params)
    return refused.value


@every_method
def test_the_registry_knows_a_method_by_its_own_name(name: str) -> None:
    assert METHODS[name].name == name


@every_method
def test_parameters_are_numbers_or_texts_and_say_which(name: str) -> None:
    assert {part.type for part in fields(METHODS[name])} <= {"int", "float", "str"}


@every_method
def test_parameters_survive_a_round_trip(name: str) -> None:
    method = parse_method(name, plain(name))
    stored = json.loads(json.dumps(method.params(), allow_nan=False))
    assert stored == plain(name)
    assert parse_method(name, stored) == method


@every_method
def test_an_unknown_parameter_is_refused_with_the_known_ones(name: str) -> None:
    refused = refusal(name, {**plain(name), "patience": 3})
    assert refused.field == "params.patience"
    assert all(known in refused.remedy for known in plain(name))


@every_parameter
def test_a_missing_parameter_has_a_default_or_is_asked_for(name: str, parameter: str) -> None:
    given_params = plain(name)
    del given_params[parameter]
    default = {part.name: part.default for part in fields(METHODS[name])}[parameter]
    if default is not MISSING:
        assert parse_method(name, given_params).params()[parameter] == default
        return
    refused = refusal(name, given_params)
    assert (refused.field, refused.message) == (f"params.{parameter}", f"{name} needs it")
    assert refused.remedy


@every_parameter
@pytest.mark.parametrize("wrong", ["1", None, [], {}, True, False, math.nan, math.inf, -math.inf], ids=repr)
def test_what_is_no_finite_number_is_refused(name: str, parameter: str, wrong: Any) -> None:
    refused = refusal(name, {**plain(name), parameter: wrong})
    assert refused.field == f"params.{parameter}"
    assert str(wrong) in refused.message
    assert refused.remedy.startswith("give ")


@every_parameter
@given(number=st.one_of(st.integers(), st.floats(), st.just(10**400), st.just(-(10**400))))
def test_any_number_is_either_taken_or_refused_by_name(name: str, parameter: str, number: float) -> None:
    params = {**plain(name), parameter: number}
    try:
        method = parse_method(name, params)
    except BadParameter:
        refused = refusal(name, params)
        assert refused.field.startswith("params.")
        assert refused.message
        assert refused.remedy
    else:
        assert method.params()[parameter] == number


def judged_in_turn(method: Method, readings: list[Reading]) -> list[Any]:
    """All judgements of a sequence."""
    memory: tuple[int, ...] = ()
    judgements = []
    for reading in readings:
        spans = method.spans(60, MINUTE.end)
        judgements.append(method.judge(memory, *(reading for _ in spans)))
        memory = judgements[-1].memory
    return judgements


@every_method
@given(readings=st.lists(ok_readings()))
def test_judging_is_deterministic(name: str, readings: list[Reading]) -> None:
    one, other = (judged_in_turn(parse_method(name, plain(name)), readings) for _ in range(2))
    assert one == other


@every_method
@given(readings=st.lists(ok_readings()))
def test_memory_is_whole_numbers_and_numbers_are_finite(name: str, readings: list[Reading]) -> None:
    for judged in judged_in_turn(parse_method(name, plain(name)), readings):
        assert isinstance(judged.memory, tuple)
        assert all(type(number) is int for number in judged.memory)
        assert all(math.isfinite(number) for number in judged.numbers.values())
        assert judged.sentence
        json.dumps(dict(judged.numbers), allow_nan=False)


@every_method
@given(readings=st.lists(ok_readings()))
def test_a_verdict_shows_how_far_it_is_and_how_far_it_may_be(name: str, readings: list[Reading]) -> None:
    for judged in judged_in_turn(parse_method(name, plain(name)), readings):
        if judged.verdict in (Verdict.OK, Verdict.BREACH):
            assert set(METHODS[name].shown) <= set(judged.numbers)


@every_method
@given(readings=st.lists(ok_readings()))
def test_what_could_not_be_judged_leaves_the_memory_alone(name: str, readings: list[Reading]) -> None:
    memory: tuple[int, ...] = ()
    for judged in judged_in_turn(parse_method(name, plain(name)), readings):
        if judged.verdict not in (Verdict.OK, Verdict.BREACH):
            assert judged.memory == memory
        memory = judged.memory


def test_methods_that_add_windows_up_or_ask_for_several_need_the_very_windows_they_ask_for() -> None:
    needing = {name for name, method in METHODS.items() if method.needs_the_window()}
    assert needing == set(METHODS) - {"threshold"}
