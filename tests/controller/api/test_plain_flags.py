from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from tests.controller.api.world import PROJECT, World, nothing_came_of_it, refusal

ENVIRONMENT = f"{PROJECT}/environments/staging"
FLAGS = f"{ENVIRONMENT}/flags"
FILE = f"{ENVIRONMENT}/flag-file"
BANNER: dict[str, Any] = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}


def test_a_flag_is_made_read_changed_deleted_and_revived(world: World) -> None:
    made = world.api.call("PUT", f"{FLAGS}/banner", json=BANNER | {"owner": "web", "reason": "new"})
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert (
        made.get_json() | {"key": "banner", "type": "boolean", "state": "ENABLED", "owner": "web"}
        == made.get_json()
    )
    assert world.api.ok("GET", f"{FLAGS}/banner") == made.get_json()
    off = BANNER | {"state": "DISABLED"}
    changed = world.api.call("PUT", f"{FLAGS}/banner", json=off, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    stale = world.api.call("PUT", f"{FLAGS}/banner", json=off, headers={"If-Match": '"1"'})
    assert refusal(stale) == (412, "version_conflict", ["If-Match"])
    assert world.flags()["flags"]["banner"]["state"] == "DISABLED"
    assert world.api.call("DELETE", f"{FLAGS}/banner", json={"reason": "done"}).status_code == 204
    assert world.api.ok("GET", FLAGS) == {"items": [], "next_cursor": None}
    again = nothing_came_of_it(world, "PUT", f"{FLAGS}/banner", json=BANNER)
    assert again == (409, "key_retired", ["key"])
    revived = world.api.ok("POST", f"{FLAGS}/banner/revive", {"type": "boolean", "reason": "needed again"})
    assert (revived["version"], revived["state"]) == (4, "DISABLED")
    twice = world.api.post(f"{FLAGS}/banner/revive", {"type": "boolean", "reason": "x"})
    assert refusal(twice) == (409, "not_deleted", ["flag"])


def test_ofrep_answers_a_plain_flag(world: World) -> None:
    world.api.ok("PUT", f"{FLAGS}/limit", {"variants": {"low": 1, "high": 5}, "defaultVariant": "high"})
    answer = world.ask("POST", "/ofrep/v1/evaluate/flags/limit", json={"context": {"targetingKey": "u"}})
    assert answer.get_json() | {"value": 5, "variant": "high", "reason": "STATIC"} == answer.get_json()


def test_lists_come_in_pages(world: World) -> None:
    world.api.ok("POST", FILE, {"flags": {f"f{n}": BANNER | {"state": "ENABLED"} for n in range(5)}})
    first = world.api.ok("GET", f"{FLAGS}?limit=3")
    rest = world.api.ok("GET", f"{FLAGS}?limit=3&cursor={first['next_cursor']}")
    assert [flag["key"] for flag in first["items"] + rest["items"]] == ["f0", "f1", "f2", "f3", "f4"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "variants"),
        (BANNER | {"variants": []}, "variants"),
        (BANNER | {"variants": {"on": 1, "off": "x"}}, "variants"),
        (BANNER | {"type": "bool"}, "type"),
        (BANNER | {"type": "string"}, "type"),
        (BANNER | {"state": "on"}, "state"),
        (BANNER | {"targeting": []}, "targeting"),
        (BANNER | {"targeting": {"regex": ["a"]}}, "targeting.regex"),
        (BANNER | {"tags": ["a,b"]}, "tags"),
        (BANNER | {"client_visible": 1}, "client_visible"),
        (BANNER | {"rules": 1}, "rules"),
        (BANNER | {"owner": "a\x00"}, "owner"),
        (BANNER | {"variants": {"on\ud800": True}}, "body"),
    ],
)
def test_what_is_sent_wrong_is_refused_by_its_field(still: World, content: Any, field: str) -> None:
    body = {"data": json.dumps(content), "content_type": "application/json"}
    status, _, found = nothing_came_of_it(still, "PUT", f"{FLAGS}/banner", **body)
    assert (status, found[0]) == (400 if field == "body" else 422, field)


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        (b"", 422, "invalid_field"),
        (b"{", 400, "invalid_json"),
        (b'{"flags": {"a": {}, "a": {}}}', 400, "invalid_json"),
        (b'{"flags": {"a": {"state": "ENABLED", "variants": {"x": NaN}}}}', 400, "invalid_json"),
        (b'{"flags": {"a": {"state": "ENABLED", "variants": {"x": 1e999}}}}', 400, "invalid_json"),
        (b'{"flags": {"a": ' + b'{"!":' * 70 + b"1" + b"}" * 70 + b"}}", 400, "invalid_json"),
        (b'{"flags": {"a": {"state": "ENABLED"}}}', 422, "bad_flag_file"),
        (b"[]", 422, "bad_flag_file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(
    still: World, file: bytes, status: int, code: str
) -> None:
    found = nothing_came_of_it(still, "POST", FILE, data=file, content_type="application/json")
    assert found[:2] == (status, code)


def test_a_file_is_tried_taken_over_and_given_back(world: World) -> None:
    file = {"flags": {"a": BANNER | {"state": "ENABLED"}}, "metadata": {"flagSetId": "web"}}
    tried = world.api.ok("POST", f"{FILE}?dry_run=true&replace=true", file)
    assert tried == {
        "created": ["a"],
        "changed": [],
        "deleted": [],
        "shared": [],
        "unchanged": 0,
        "dry_run": True,
    }
    assert world.api.ok("GET", FLAGS)["items"] == []
    assert world.api.ok("POST", FILE, file)["created"] == ["a"]
    out = world.api.ok("GET", FILE)
    assert out == {"$schema": "https://flagd.dev/schema/v0/flags.json", **file}
    assert world.api.ok("POST", f"{FILE}?replace=true", out)["unchanged"] == 1
    asked = nothing_came_of_it(world, "POST", f"{FILE}?replace=yes", json=file)
    assert asked == (422, "invalid_field", ["replace"])


def test_a_large_file_is_taken_and_a_huge_one_is_not(world: World) -> None:
    flag = BANNER | {"state": "ENABLED", "metadata": {"note": "x" * 1000}}
    large = json.dumps({"flags": {f"f{n}": flag for n in range(1500)}}).encode()
    assert len(large) > 1_500_000
    assert len(world.api.ok("POST", FILE, data=large)["created"]) == 1500
    found = nothing_came_of_it(world, "POST", FILE, data=b" " * 20_000_001)
    assert found == (413, "body_too_large", ["body"])


def test_stale_flags_are_told_with_the_reason(world: World) -> None:
    world.api.ok("PUT", f"{FLAGS}/gone", BANNER)
    found = world.api.ok("GET", f"{ENVIRONMENT}/stale-flags?days=7")
    assert (found["days"], found["since"], found["flags"]) == (7, "2026-11-13T00:00:00+00:00", [])
    assert found["cannot_tell"].startswith("nobody was seen asking for a flag")
    for days in ("0", "366", "x"):
        refused = nothing_came_of_it(world, "GET", f"{ENVIRONMENT}/stale-flags?days={days}")
        assert refused == (422, "invalid_field", ["days"])


def test_a_file_is_not_written_without_the_flags_that_cannot_be_read(world: World) -> None:
    for key in ("banner", "other"):
        world.api.ok("PUT", f"{FLAGS}/{key}", BANNER)
    with world.parts.database.write() as tx:
        tx.execute(text("UPDATE plain_flags SET definition = '[' WHERE key = 'banner'"))
    refused = world.api.get(FILE)
    assert refusal(refused) == (409, "broken", ["flags"])
    assert "banner cannot be read" in refused.get_json()["detail"]
    [banner, other] = world.api.ok("GET", FLAGS)["items"]
    assert (banner["broken"], banner["variants"], other["broken"]) == (
        "its definition cannot be read",
        None,
        None,
    )
    world.api.ok("PUT", f"{FLAGS}/banner", BANNER)
    assert sorted(world.api.ok("GET", FILE)["flags"]) == ["banner", "other"]
