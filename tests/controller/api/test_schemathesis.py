"""The API against its own document: random requests find no fault, no status and no content that is not documented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.controller.api.world import World
from tests.planes import on_one_port

EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def bounded(test: Any) -> Any:
    """The same random requests at every run, and few enough of them."""
    test = settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)
    return seed(20261120)(test)


def check_against(there: dict[str, str], key: str) -> Callable[[Case, bool], None]:
    """A test of one request; most of them name what is there, so that they get further than what is missing."""

    def answered_as_documented(case: Case, goes_on: bool) -> None:
        names = case.path_parameters or {}
        if goes_on:
            case.path_parameters = names | {name: there[name] for name in names if name in there}
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)

    return answered_as_documented


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_random_requests_are_answered_as_documented(app: Flask, world: World, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", on_one_port(app))
    # A stream is no answer that ends: the tests of the delivery plane look at what is in it.
    schema = schema.exclude(path_regex="/(stream|events)$")
    there = {"project": "acme", "environment": "staging", "feature": "claims-assistant", "key": "leaks"}
    there |= {"release": world.stable, "flag": "claims-assistant"}
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        check = check_against(
            there, world.api.key if operation.path.startswith("/api/") else world.server_key
        )
        strategy = operation.as_strategy(generation_mode=mode)
        bounded(given(case=strategy, goes_on=st.sampled_from([True, True, False]))(check))()
        asked += 1
    assert asked > 40


def test_without_a_key_random_requests_open_nothing(app: Flask) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", on_one_port(app))
    for result in schema.get_all_operations():

        def closed(case: Case) -> None:
            assert case.call().status_code in (401, 404, 405)

        bounded(given(case=result.ok().as_strategy())(closed))()
