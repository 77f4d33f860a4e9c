"""What is asked for in an address is there and is meant, or is refused by name."""

from __future__ import annotations

import pytest

from app import services_of
from controller.store.keys import KeyKind, add_key, new_secret
from tests.conftest import SECRET, MakeApp
from tests.controller.api.world import (
    FEATURE,
    FEATURES,
    PROJECT,
    PROMOTIONS,
    ROLLOUTS,
    TRIGGERS,
    World,
    nothing_came_of_it,
    refusal,
)

LISTS = [FEATURES, f"{FEATURE}/releases", f"{FEATURE}/evidence", f"{PROJECT}/sources", f"{PROJECT}/changes"]
LISTS += [f"{FEATURE}/waivers", f"{FEATURE}/measurements", f"{ROLLOUTS}/claims-assistant/break-glass"]
LISTS += [ROLLOUTS, PROMOTIONS, f"{TRIGGERS}/leaks/readings"]


@pytest.mark.parametrize("path", LISTS)
def test_a_limit_is_a_whole_number_from_1_to_200(still: World, path: str) -> None:
    for limit in (
        "0",
        "201",
        "-1",
        "1.0",
        "1e2",
        "ten",
        "",
        "%20",
        "+5",
        "5%20",
        "1_0",
        "%D9%A5",
        "9" * 400,
        "%00",
        "true",
    ):
        found = nothing_came_of_it(still, "GET", f"{path}?limit={limit}")
        assert found == (422, "invalid_field", ["limit"]), limit


CURSORS = [
    "",
    "x",
    "MQ==",
    "LTE",
    "KzE",
    "MV8w",
    "IDE",
    "MS4w",
    "MeKCrA",
    "w6Q",
    "%F0%9F%92%A9",
    "%00",
    "MQ%0A",
    "%ED%A0%80",
]
CURSORS += ["OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "A" * 4000, "MA.MA", "MQ%27--", "==", "2aE"]


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_is_one_that_was_given(still: World, path: str) -> None:
    for cursor in CURSORS:
        found = nothing_came_of_it(still, "GET", f"{path}?cursor={cursor}")
        assert found == (422, "invalid_field", ["cursor"]), cursor


@pytest.mark.parametrize("path", LISTS)
def test_what_nobody_knows_is_no_filter_that_lets_everything_through(still: World, path: str) -> None:
    found = nothing_came_of_it(still, "GET", f"{path}?fature=claims-assistant")
    assert found == (422, "invalid_field", ["fature"])


def test_the_record_of_changes_is_sought_by_what_was_done_to_what_by_whom_and_when(still: World) -> None:
    def sought(query: str) -> list[int]:
        return [
            change["seq"] for change in still.api.ok("GET", f"{PROJECT}/changes?limit=200&{query}")["items"]
        ]

    all_of_it = still.api.ok("GET", f"{PROJECT}/changes?limit=200")["items"]
    mine = [change for change in all_of_it if change["feature"] == "claims-assistant"]
    assert len(all_of_it) > len(mine) > 0
    assert sought("feature=claims-assistant") == [change["seq"] for change in mine]
    made = [change["seq"] for change in mine if change["name"] == "feature.create"]
    assert sought("feature=claims-assistant&name=feature.create") == made
    assert sought("actor_kind=trigger") == []
    assert sought("until=1970-01-02T00:00:00Z") == []
    assert sought("since=1970-01-02T00:00:00Z&text=claims-assistant") != []
    found = nothing_came_of_it(still, "GET", f"{PROJECT}/changes?actor_kind=robot")
    assert found == (422, "invalid_field", ["actor_kind"])


NUMBERS = [
    "9" * 18,
    "9" * 19,
    str(2**63),
    str(2**64),
    "9" * 400,
    "9" * 5000,
    "0",
    "-1",
    "1.0",
    "x",
    "%D9%A1",
    "1%0A",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_promotion_with_a_number_that_is_none_is_not_found(still: World, number: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/approvals")):
        status, code, fields = nothing_came_of_it(still, method, f"{PROMOTIONS}/{number}{path}")
        assert status == 404
        assert (code, fields) in (("not_found", ["promotion"]), ("no_such_address", ["address"]))


NAMES = [
    "nobody",
    "%00",
    "a%00b",
    "%0A",
    "claims-assistant%0A",
    "%FF",
    "%ED%A0%80",
    "a" * 5000,
    "CLAIMS-ASSISTANT",
    "%25",
    "'",
    "...",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "path",
    [
        "/projects/{}",
        "/projects/{}/features",
        f"{PROJECT}/environments/{{}}",
        f"{FEATURES}/{{}}",
        f"{FEATURE}/releases/{{}}",
        f"{ROLLOUTS}/{{}}",
        f"{PROJECT}/environments/{{}}/rollouts",
        f"{TRIGGERS}/{{}}",
    ],
)
def test_what_is_not_there_is_not_found_and_named(still: World, path: str, name: str) -> None:
    status, code, fields = nothing_came_of_it(still, "GET", path.format(name))
    assert (status, code) == (404, "not_found")
    assert fields[0] in ("project", "environment", "feature", "release", "trigger", "key")


@pytest.mark.parametrize("name", ["nobody", "%00"])
def test_a_key_that_is_not_there_is_not_revoked(still: World, name: str) -> None:
    status, code, _ = nothing_came_of_it(still, "DELETE", f"{PROJECT}/keys/{name}")
    assert (status, code) == (404, "not_found")


def test_an_unknown_address_and_a_wrong_method_are_told_apart(still: World) -> None:
    assert nothing_came_of_it(still, "GET", "/nowhere") == (404, "no_such_address", ["address"])
    assert nothing_came_of_it(still, "PUT", "/projects") == (405, "method_not_allowed", ["method"])
    assert "POST" in still.api.call("PUT", "/projects").headers["Allow"]


def test_a_name_that_no_database_can_be_asked_for_is_not_there(make_app: MakeApp, database_url: str) -> None:
    app = make_app(database_url)
    parts, text = services_of(app), new_secret(KeyKind.ADMIN)
    with parts.database.write() as tx:
        add_key(tx, text, SECRET, name="tests", by="tests", now=parts.now())
    for path in ("/api/v1/projects/a%00b", "/api/v1/projects/a%00b/features", "/api/v1/projects/%ED%A0%80"):
        answer = app.test_client().get(path, headers={"X-API-Key": text})
        assert refusal(answer) == (404, "not_found", ["project"])
    answer = app.test_client().get("/api/v1/projects", headers={"X-API-Key": "hg_admin_a\x00"})
    assert refusal(answer) == (401, "unauthenticated", ["Authorization"])
