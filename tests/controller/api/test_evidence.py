"""Evidence, waivers and measurements through the API."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from controller.api.parsing import MAX_FILE_BYTES
from tests.controller.api.world import FEATURE, World, nothing_came_of_it

EVIDENCE = f"{FEATURE}/evidence"
REPORTS = f"{EVIDENCE}/reports"
WAIVERS = f"{FEATURE}/waivers"
MEASUREMENTS = f"{FEATURE}/measurements"
HASH = "0" * 64
BRIEF = {"requirement": "use-case-brief", "sha256": HASH}
WAIVER = {
    "requirement": "runbook",
    "trigger": "leaks",
    "reason": "the figures come next month",
    "expires_at": "2026-12-20T12:00:00Z",
}
METRIC = {"name": "time saved", "baseline": 1, "target": 3, "window_days": 30}
REPORT = json.dumps(
    {
        "format": "headgate-evaluation/1",
        "finished_at": "2026-11-19T12:00:00Z",
        "dataset": {"name": "golden", "size": 60},
        "metrics": [{"name": "pass_rate", "kind": "pass_rate", "passed": 58, "failed": 2}],
    }
).encode()


def hand_in(world: World, query: str, data: bytes = REPORT) -> Any:
    return world.api.post(f"{REPORTS}?{query}", data=data, content_type="application/octet-stream")


def test_what_is_handed_in_is_listed_and_shown(world: World) -> None:
    told = BRIEF | {"summary": "who it is for", "uri": "https://wiki.example.com/brief"}
    answer = world.api.post(EVIDENCE, told | {"made_at": "2026-11-01T00:00:00+02:00"})
    assert answer.status_code == 201
    made = answer.get_json()
    assert {name: made[name] for name in told} == told
    assert (made["accepted_by"], made["made_at"]) == ("key:tests", "2026-10-31T22:00:00+00:00")
    assert (made["report"], made["release"], made["expires_at"]) == (None, None, None)
    assert world.api.ok("GET", EVIDENCE) == {"items": [made], "next_cursor": None}
    assert world.api.ok("GET", f"{EVIDENCE}/{made['id']}") == made


def test_a_report_file_is_read_and_shown_with_what_it_supports(world: World) -> None:
    answer = hand_in(world, f"requirement=evaluation-report&release={world.stable}&name=run.json")
    assert answer.status_code == 201, answer.get_data(as_text=True)
    made = answer.get_json()
    assert (made["sha256"], made["summary"]) == (
        hashlib.sha256(REPORT).hexdigest(),
        "generic: pass_rate 0.9667 (n=60)",
    )
    assert (made["report"]["tool"], made["report"]["dataset"]["size"]) == ("generic", 60)
    [metric] = made["report"]["metrics"]
    assert (metric["passed"], metric["n"], metric["value"]) == (58, 60, pytest.approx(58 / 60))
    assert 0.89 < metric["supports"] < 58 / 60 < metric["allows"] < 1.0
    assert world.api.ok("GET", f"{EVIDENCE}/{made['id']}") == made


@pytest.mark.parametrize(
    ("query", "data", "found"),
    [
        ("requirement=evaluation-report", REPORT, (422, "invalid_field", ["release"])),
        ("release=r-0123456789ab", REPORT, (422, "invalid_field", ["requirement"])),
        ("requirement=luck", REPORT, (422, "invalid_field", ["requirement"])),
        ("requirement=use-case-brief&release=r-1", REPORT, (422, "invalid_field", ["release"])),
        ("requirement=use-case-brief&expires_at=soon", REPORT, (422, "invalid_field", ["expires_at"])),
        ("requirement=use-case-brief&luck=1", REPORT, (422, "invalid_field", ["luck"])),
        ("requirement=use-case-brief&tool=luck", REPORT, (422, "bad_report", ["tool"])),
        ("requirement=use-case-brief", b"\xff\x00", (422, "bad_report", ["file"])),
        ("requirement=use-case-brief", b"", (422, "invalid_field", ["body"])),
    ],
)
def test_a_report_that_cannot_be_taken_is_refused_by_name(
    still: World, query: str, data: bytes, found: tuple[int, str, list[str]]
) -> None:
    kwargs = {"data": data, "content_type": "application/octet-stream"}
    assert nothing_came_of_it(still, "POST", f"{REPORTS}?{query}", **kwargs) == found


def test_a_report_may_be_larger_than_other_bodies_but_not_without_limit(world: World) -> None:
    padding = b" " * 2_000_000
    query = f"requirement=evaluation-report&release={world.stable}"
    assert hand_in(world, query, REPORT + padding).status_code == 201
    kwargs = {"data": b" " * (MAX_FILE_BYTES + 1), "content_type": "application/octet-stream"}
    found = nothing_came_of_it(world, "POST", f"{REPORTS}?{query}", **kwargs)
    assert found == (413, "body_too_large", ["body"])
    told = world.api.post(f"{REPORTS}?{query}", **kwargs).get_json()["detail"]
    assert told == f"it is larger than {MAX_FILE_BYTES} bytes"


def test_a_waiver_is_given_listed_and_ended(world: World) -> None:
    answer = world.api.post(WAIVERS, WAIVER)
    assert answer.status_code == 201
    made = answer.get_json()
    assert (made["approver"], made["trigger"], made["revoked_at"]) == ("key:tests", "leaks", None)
    assert world.api.ok("GET", WAIVERS)["items"] == [made]
    ended = world.api.ok("DELETE", f"{WAIVERS}/{made['id']}", {"reason": "it is needed after all"})
    assert ended["revoked_at"] == world.parts.now().isoformat()
    assert world.api.ok("GET", WAIVERS)["items"] == [ended]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"requirement": "luck"}, "requirement"),
        ({"requirement": "evaluation-report"}, "requirement"),
        ({"requirement": "regression-suite"}, "requirement"),
        ({"trigger": "Leaks"}, "trigger"),
        ({"trigger": None}, "trigger"),
        ({"trigger": "luck"}, "trigger"),
        ({"reason": ""}, "reason"),
        ({"expires_at": "2027-12-20T12:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-11-20T12:00:00Z"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
        ({"approver": "user:ada"}, "approver"),
    ],
)
def test_a_waiver_that_cannot_be_given_is_refused_by_name(
    still: World, change: dict[str, Any], field: str
) -> None:
    assert nothing_came_of_it(still, "POST", WAIVERS, json=WAIVER | change) == (
        422,
        "invalid_field",
        [field],
    )


def test_a_value_of_the_business_metric_is_reported_and_listed(world: World) -> None:
    world.api.ok("PATCH", FEATURE, {"business_metric": METRIC})
    answer = world.api.post(MEASUREMENTS, {"value": 2.5, "at": "2026-11-19T00:00:00Z", "note": "pilot team"})
    assert answer.status_code == 201
    made = answer.get_json()
    assert (made["value"], made["at"], made["reported_by"]) == (2.5, "2026-11-19T00:00:00+00:00", "key:tests")
    now = world.api.ok("POST", MEASUREMENTS, {"value": 3})
    assert now["at"] == world.parts.now().isoformat()
    assert world.api.ok("GET", MEASUREMENTS)["items"] == [made, now]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"value": 1}, "business_metric"),
        ({}, "value"),
        ({"value": "1"}, "value"),
        ({"value": True}, "value"),
        ({"value": 1, "at": "2026-11-19"}, "at"),
        ({"value": 1, "note": "\x00"}, "note"),
    ],
)
def test_a_value_that_cannot_be_taken_is_refused_by_name(
    still: World, content: dict[str, Any], field: str
) -> None:
    found = nothing_came_of_it(still, "POST", MEASUREMENTS, json=content)
    assert found == (422, "invalid_field", [field])


def test_a_value_from_the_future_is_refused(world: World) -> None:
    world.api.ok("PATCH", FEATURE, {"business_metric": METRIC})
    content = {"value": 1, "at": "2027-01-01T00:00:00Z"}
    assert nothing_came_of_it(world, "POST", MEASUREMENTS, json=content) == (422, "invalid_field", ["at"])


@pytest.mark.parametrize("number", ["1", "0", "9" * 18, "9" * 19, "x", "-1"])
@pytest.mark.parametrize(("method", "path"), [("GET", EVIDENCE), ("DELETE", WAIVERS)])
def test_what_is_not_there_is_not_found(still: World, method: str, path: str, number: str) -> None:
    content = {} if method == "GET" else {"json": {"reason": "x"}}
    status, code, _ = nothing_came_of_it(still, method, f"{path}/{number}", **content)
    assert (status, code) in ((404, "not_found"), (404, "no_such_address"))


@pytest.mark.parametrize("path", [EVIDENCE, WAIVERS, MEASUREMENTS])
def test_lists_come_in_pages(world: World, path: str) -> None:
    world.api.ok("PATCH", FEATURE, {"business_metric": METRIC})
    content = {EVIDENCE: BRIEF, WAIVERS: WAIVER, MEASUREMENTS: {"value": 1}}[path]
    made = [world.api.ok("POST", path, content)["id"] for _ in range(3)]
    first = world.api.ok("GET", f"{path}?limit=2")
    second = world.api.ok("GET", f"{path}?limit=2&cursor={first['next_cursor']}")
    assert [item["id"] for item in first["items"] + second["items"]] == made
    assert second["next_cursor"] is None
