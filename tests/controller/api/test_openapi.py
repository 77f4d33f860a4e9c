"""The OpenAPI document is valid, lists every address, and says what goes in, what comes out and who may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from controller.delivery.plane import ADDRESSES
from controller.store.destinations import add_destination
from tests.conftest import Api
from tests.controller.api.world import FEATURE, PROJECT, ROLLOUT, World

METHODS = ("get", "post", "put", "patch", "delete")
STREAMS = ("/sdk/v1/stream", "/ofrep/v1/events")
PREFIXES = ("/api/", "/sdk/", "/ofrep/", "/flagd/")


@pytest.fixture
def spec(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    content: dict[str, Any] = answer.get_json()
    return content


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def resolved(spec: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = spec
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def test_the_document_is_valid_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(spec).iter_errors()) == []


def test_every_route_of_the_api_is_listed_and_no_other(app: Flask, spec: dict[str, Any]) -> None:
    routes = {(method.lower(), path.replace("<flag>", "{flag}")) for path, method in ADDRESSES.items()}
    routes |= {
        (method.lower(), re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIXES)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for method, path, _ in operations(spec)} == routes


def test_every_operation_has_a_summary_a_good_answer_and_the_problem_answer(spec: dict[str, Any]) -> None:
    for method, path, operation in operations(spec):
        assert operation["summary"], path
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert good, path
        for status in good:
            answer = resolved(spec, operation["responses"][status])
            contents = answer.get("content", {})
            described = [kind == "text/html" or "schema" in content for kind, content in contents.items()]
            assert status == "204" or (described and all(described)), (method, path)
        default = resolved(spec, operation["responses"]["default"])
        schema = default["content"]["application/problem+json"]["schema"]
        reference = schema["allOf"][0] if "allOf" in schema else schema
        assert reference == {"$ref": "#/components/schemas/Problem"}, path


def test_a_problem_always_says_its_code_and_what_is_wrong_with_which_field(spec: dict[str, Any]) -> None:
    problem = spec["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"type", "title", "status", "code", "detail", "errors"}
    item = resolved(spec, problem["properties"]["errors"]["items"])
    assert set(item["required"]) == {"field", "message", "remedy"}


def test_every_body_has_a_schema_and_knows_its_fields(spec: dict[str, Any]) -> None:
    without = {"/approvals", "/promotions/{id}", "/keys/{id}", "/registries/{registry}"}
    without |= {"/destinations/{key}", "/destinations/{key}/test", "/again", "/sources/{source}/test"}
    without |= {"/approve", "/proposals/{id}", "/members/{email}", "/users/{email}/password"}
    for method, path, operation in operations(spec):
        if method == "get" or (method in ("post", "delete") and any(path.endswith(end) for end in without)):
            assert "requestBody" not in operation
            continue
        assert "requestBody" in operation, (method, path)
        body = operation["requestBody"]
        assert body["required"] is True
        if path.endswith("/reports"):
            assert body["content"]["application/octet-stream"]["schema"]["format"] == "binary"
            continue
        schema = resolved(spec, body["content"]["application/json"]["schema"])
        assert path.startswith("/ofrep/") or schema["additionalProperties"] is False, path


def test_the_kind_of_key_is_told_for_every_operation(spec: dict[str, Any]) -> None:
    schemes = spec["components"]["securitySchemes"]
    assert {name: scheme["scheme"] for name, scheme in schemes.items()} == {
        "adminKey": "bearer",
        "serverKey": "bearer",
        "clientKey": "bearer",
    }
    for _, path, operation in operations(spec):
        expected = [{"adminKey": []}] if path.startswith("/api/") else [{"serverKey": []}]
        expected += [{"clientKey": []}] if path.startswith("/ofrep/") else []
        assert operation.get("security", spec["security"]) == expected, path


def headers_of(spec: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    parameters = [resolved(spec, parameter) for parameter in operation.get("parameters", ())]
    return {parameter["name"] for parameter in parameters if parameter["in"] == "header"}


def test_locking_and_repeating_are_documented_where_they_work(spec: dict[str, Any]) -> None:
    taken = {(method, path): headers_of(spec, operation) for method, path, operation in operations(spec)}
    environment = "/api/v1/projects/{project}/environments/{environment}"
    rollout = f"{environment}/rollouts/{{feature}}"
    assert {where: names for where, names in taken.items() if names} == {
        ("patch", "/api/v1/projects/{project}/features/{feature}"): {"If-Match"},
        ("put", f"{environment}/flags/{{key}}"): {"If-Match"},
        ("delete", f"{environment}/flags/{{key}}"): {"If-Match"},
        ("put", f"{rollout}/triggers/{{key}}"): {"If-Match"},
        ("post", f"{rollout}/promotions/{{id}}/approvals"): {"If-Match"},
        ("post", f"{rollout}/releases/{{release}}/approvals"): {"If-Match"},
        ("post", f"{rollout}/ramp/approvals"): {"If-Match"},
        ("post", f"{rollout}/moves"): {"If-Match", "Idempotency-Key"},
        ("get", "/sdk/v1/flags"): {"If-None-Match"},
        ("get", "/flagd/v1/flags.json"): {"If-None-Match"},
        ("post", "/ofrep/v1/evaluate/flags"): {"If-None-Match"},
        ("get", "/sdk/v1/stream"): {"Last-Event-ID"},
        ("get", "/ofrep/v1/events"): {"Last-Event-ID"},
    }


def make_one_of_each(world: World) -> None:
    """See to it that there is something with the number 1 wherever an address has a number."""
    world.api.ok("POST", f"{FEATURE}/evidence", {"requirement": "use-case-brief", "sha256": "0" * 64})
    with world.parts.database.write() as tx:
        add_destination(tx, 1, "leaks", "webhook", {}, ("*",), world.parts.now())
    world.api.ok("POST", f"{PROJECT}/environments/staging/drill/runs", {"reason": "a try"})
    world.api.ok("POST", "/users", {"email": "eve@example.com"})
    flag = {"variants": {"on": True}}
    world.api.ok("PUT", f"{PROJECT}/environments/staging/flags/leaks", flag)
    permitted = world.api.ok(
        "POST",
        f"{PROJECT}/keys",
        {"kind": "admin", "roles": ["admin"], "name": "on-call", "may_break_glass": True},
    )
    emergency = {"stage": "pilot", "minutes": 30, "reason": "the classic search is down"}
    on_call = Api(world.api.client, permitted["text"])
    on_call.ok("POST", f"{ROLLOUT}/break-glass", emergency)
    world.move("introduce", release=world.other, share=100)
    world.move("revert")
    world.parts.ticks.tick()
    assert world.parts.ticks.join(30)


def test_an_etag_is_documented_where_it_is_sent(spec: dict[str, Any], world: World) -> None:
    documented = {
        path
        for method, path, operation in operations(spec)
        if method == "get" and "ETag" in operation["responses"]["200"].get("headers", {})
    }
    values = {"project": "acme", "environment": "staging", "feature": "claims-assistant", "key": "leaks"}
    values |= {
        "release": world.stable,
        "before": world.stable,
        "after_": world.other,
        "id": "1",
        "source": "outcomes",
    }
    values |= {"email": "eve@example.com"}
    make_one_of_each(world)
    sent = set()
    for method, path, operation in operations(spec):
        if method == "get" and path not in STREAMS:
            key = None if "security" in operation else world.api.key
            query = "?stage=beta" if path.endswith("/forecast") else ""
            answer = world.ask("GET", path.format(**values) + query, key)
            assert answer.status_code == 200, path
            sent |= {path} if "ETag" in answer.headers else set()
    assert sent == documented
    assert len(sent) == 6


def test_patterns_are_those_of_json_schema_and_not_of_python(spec: dict[str, Any]) -> None:
    def patterns(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from (value for name, value in part.items() if name == "pattern" and isinstance(value, str))
            for value in part.values():
                yield from patterns(value)
        elif isinstance(part, list):
            for value in part:
                yield from patterns(value)

    found = set(patterns(spec))
    assert "^[a-z0-9][a-z0-9-]{1,62}$" in found
    assert [pattern for pattern in found if "\\Z" in pattern or "(?P" in pattern] == []
