"""OFREP: every answer has what stock clients need, and every error says it in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from headgate.evaluator import Document
from openfeature.flag_evaluation import Reason

from controller.delivery.doorkeeper import Doorkeeper
from controller.flags.compiled import CompiledFlags
from controller.store.database import Database, DatabaseUnavailable
from tests.conftest import Api
from tests.controller.api.world import World, refusal
from tests.planes import both_planes

ONE = "/ofrep/v1/evaluate/flags/claims-assistant"
ALL = "/ofrep/v1/evaluate/flags"
CODES = {"PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"}
SOMEBODY = {"context": {"targetingKey": "user-1"}}


def check_success(answer: dict[str, Any]) -> None:
    assert set(answer) == {"key", "value", "variant", "reason", "metadata"}
    assert answer["reason"] in Reason.__members__
    assert isinstance(answer["variant"], str)
    assert all(isinstance(value, (str, int, float, bool)) for value in answer["metadata"].values())


def check_failure(answer: dict[str, Any]) -> None:
    assert answer["errorCode"] in CODES
    assert isinstance(answer["errorDetails"], str)
    assert answer["errorDetails"]


BODIES: list[Any] = [
    SOMEBODY,
    {},
    {"context": {}},
    {"context": None},
    {"context": {"targetingKey": ""}},
    {"x": 1},
]
BODIES += [{"context": {"targetingKey": "u", "nested": {"a": [1, None]}, "cohorts": "staff", "task": 1}}]


@pytest.mark.parametrize("body", BODIES, ids=repr)
@pytest.mark.parametrize("move", [None, "review", "disable"])
def test_every_answer_has_key_value_variant_reason_and_metadata(
    world: World, move: str | None, body: Any
) -> None:
    if move:
        world.move(move)
    answer = world.ask("POST", ONE, json=body)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    check_success(answer.get_json())
    everything = world.ask("POST", ALL, json=body).get_json()
    assert [flag["key"] for flag in everything["flags"]] == ["claims-assistant", "claims-assistant.enabled"]
    assert everything["metadata"]["revision"] == world.flags()["metadata"]["revision"]
    for flag in everything["flags"]:
        check_success(flag)
        assert flag == world.ask("POST", f"{ALL}/{flag['key']}", json=body).get_json()


def test_an_answer_is_that_of_our_own_evaluator_on_the_document(world: World) -> None:
    world.move("narrow", exposure={"share": 5000, "cohorts": ["staff"], "autonomy": "draft"})
    world.move("introduce", release=world.other, share=3000)
    document = Document.parse(world.flags())
    seen = set()
    for number in range(60):
        context = {"targetingKey": f"user-{number}", "cohorts": ["staff"] if number % 3 else []}
        for flag in document.keys():  # noqa: SIM118 - it is no mapping
            answer = world.ask("POST", f"{ALL}/{flag}", json={"context": context}).get_json()
            ours = document.evaluate(flag, context)
            assert (answer["value"], answer["variant"], answer["reason"]) == (
                ours.value,
                ours.variant,
                ours.reason,
            )
            seen.add((flag, ours.variant))
    assert {("claims-assistant", name) for name in ("off", "stable", "candidate")} <= seen


def test_numbers_with_a_fraction_keep_their_point(world: World) -> None:
    assert b'"sample_rate":0.0' in world.ask("POST", ONE, json={}).get_data()


@pytest.mark.parametrize(
    "flag",
    [
        "nobody",
        "claims-assistant.enable",
        "a/b",
        "..",
        "%00",
        "a" * 5000,
        "%F0%9F%92%A9",
    ],
)
def test_a_flag_that_is_not_there_is_told_as_such(world: World, flag: str) -> None:
    answer = world.ask("POST", f"{ALL}/{flag}", json=SOMEBODY)
    assert refusal(answer) == (404, "not_found", ["flag"])
    check_failure(answer.get_json())
    assert answer.get_json()["errorCode"] == "FLAG_NOT_FOUND"
    assert answer.get_json()["key"]


@pytest.mark.parametrize("path", [ONE, ALL])
def test_every_error_is_told_in_both_languages(
    app: Flask, world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_database: Database) -> object:
        raise DatabaseUnavailable("OperationalError")

    def fail(*_: object) -> object:
        raise RuntimeError("the secret plan")

    json_type = {"Content-Type": "application/json"}
    asked: list[tuple[int, str, dict[str, Any]]] = [
        (400, "PARSE_ERROR", {"data": b"{", "headers": json_type}),
        (400, "PARSE_ERROR", {"data": b"", "headers": json_type}),
        (400, "INVALID_CONTEXT", {"json": []}),
        (400, "INVALID_CONTEXT", {"json": {"context": []}}),
        (400, "INVALID_CONTEXT", {"json": {"context": {"targetingKey": 1}}}),
        (401, "GENERAL", {"json": SOMEBODY, "key": "nothing"}),
        (403, "GENERAL", {"json": SOMEBODY, "key": world.api.key}),
        (413, "PARSE_ERROR", {"data": b" " * 1_000_001, "headers": json_type}),
        (415, "PARSE_ERROR", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
    ]
    for status, code, request in asked:
        answer = world.ask("POST", path, **request)
        assert answer.status_code == status
        refusal(answer)
        check_failure(answer.get_json())
        assert answer.get_json()["errorCode"] == code
        assert answer.get_json().get("key") == ("claims-assistant" if path == ONE else None)
    with monkeypatch.context() as patch:
        patch.setattr(Doorkeeper, "served", fail)
        answer = world.ask("POST", path, json=SOMEBODY)
        assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
        check_failure(answer.get_json())
        assert b"secret" not in answer.get_data()
    monkeypatch.setattr(Database, "read", away)
    cold = Api(both_planes(app), world.server_key, "")
    answer = cold.post(path, json=SOMEBODY)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "database_unavailable")
    assert answer.headers["Retry-After"].isdecimal()
    check_failure(answer.get_json())


def test_a_flag_that_cannot_be_worked_out_is_an_error_and_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"claims-assistant": {"state": "ENABLED", "variants": {}}}
    monkeypatch.setattr(CompiledFlags, "compile", lambda *_: broken)
    world.move("hold")
    answer = world.ask("POST", ONE, json=SOMEBODY)
    assert refusal(answer) == (400, "flag_unusable", ["flag"])
    assert answer.get_json()["errorCode"] == "PARSE_ERROR"
    [item] = world.ask("POST", ALL, json=SOMEBODY).get_json()["flags"]
    check_failure(item)


def test_who_has_all_answers_already_is_told_so(world: World) -> None:
    first = world.ask("POST", ALL, json=SOMEBODY)
    etag = first.headers["ETag"]
    for known in (etag, f"W/{etag}"):
        again = world.ask("POST", ALL, json=SOMEBODY, headers={"If-None-Match": known})
        assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", etag)
    world.move("narrow", exposure={"share": 0, "autonomy": "draft"})
    changed = world.ask("POST", ALL, json=SOMEBODY, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_the_tag_is_about_the_answers_and_not_about_the_user_alone(world: World) -> None:
    world.move("narrow", exposure={"share": 5000, "autonomy": "draft"})
    tags: dict[str, set[str]] = {}
    for number in range(20):
        answer = world.ask("POST", ALL, json={"context": {"targetingKey": f"user-{number}"}})
        tags.setdefault(answer.get_json()["flags"][0]["variant"], set()).add(answer.headers["ETag"])
    assert set(tags) == {"off", "stable"}
    assert all(len(found) == 1 for found in tags.values())
    assert tags["off"] != tags["stable"]


def test_without_a_targeting_key_only_what_needs_one_is_off(world: World) -> None:
    answer = world.ask("POST", f"{ONE}.enabled", json={"context": {}}).get_json()
    assert answer["value"] is True
    world.move("narrow", exposure={"share": 9999, "autonomy": "draft"})
    answer = world.ask("POST", f"{ONE}.enabled", json={"context": {}}).get_json()
    assert (answer["value"], answer["variant"]) == (False, "off")
