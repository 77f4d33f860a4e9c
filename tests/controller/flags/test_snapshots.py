"""Snapshots: one for each revision, built once, and nothing that is broken in them but what is broken itself."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controller.flags import snapshots
from controller.flags.snapshots import Snapshots
from controller.store.projects import get_environment, get_project
from tests.controller.api.world import FEATURES, PROJECT, ROLLOUTS, World

OTHER = "summaries"


@pytest.fixture
def two(world: World) -> World:
    """A second feature beside the first, live for everybody as well."""
    world.api.ok("POST", FEATURES, {"key": OTHER, "owner": "x", "risk_tier": "T1"})
    bundle = {"prompt": {"ref": "x"}, "model": {"provider": "p", "id": "m"}}
    release = world.api.ok("POST", f"{FEATURES}/{OTHER}/releases", {"bundle": bundle})["id"]
    move = {"move": "introduce", "release": release, "reason": "x"}
    world.api.ok("POST", f"{ROLLOUTS}/{OTHER}/moves", move)
    world.api.ok("POST", f"{ROLLOUTS}/{OTHER}/promotions", {"stage": "beta", "reason": "x"})
    return world


def environment(world: World, key: str = "staging") -> int:
    with world.parts.database.read() as tx:
        return get_environment(tx, get_project(tx, "acme").id, key).id


def poison(world: World, column: str, value: object) -> None:
    """Write something into the row of the first rollout past all checks, and let it be seen."""
    path = world.parts.settings.database_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    table = "features" if column in ("when_lost", "fallback") else "rollouts"
    try:
        changed = connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = 1", (value,))
        assert changed.rowcount == 1
        connection.execute("UPDATE environments SET revision = revision + 1")
        connection.commit()
    finally:
        connection.close()


POISONS: dict[str, tuple[str, object]] = {
    "an exposure that is no JSON": ("exposure", "{"),
    "an exposure that is null": ("exposure", "null"),
    "an empty exposure": ("exposure", "{}"),
    "a share above all": ("exposure", '{"share": 10001, "cohorts": [], "tasks": [], "autonomy": "draft"}'),
    "a share that is a fraction": (
        "exposure",
        '{"share": 0.5, "cohorts": [], "tasks": [], "autonomy": "draft"}',
    ),
    "a share that is a text": (
        "exposure",
        '{"share": "5000", "cohorts": [], "tasks": [], "autonomy": "draft"}',
    ),
    "a share that is null": ("exposure", '{"share": null, "cohorts": [], "tasks": [], "autonomy": "draft"}'),
    "no cohorts": ("exposure", '{"share": 1, "cohorts": null, "tasks": [], "autonomy": "draft"}'),
    "an autonomy nobody knows": ("exposure", '{"share": 1, "cohorts": [], "tasks": [], "autonomy": "all"}'),
    "a stage nobody knows": ("stage", "gamma"),
    "an empty stage": ("stage", ""),
    "a mode nobody knows": ("mode", "LIVE"),
    "a review that is null": ("review", "null"),
    "a review with a word for a number": (
        "review",
        '{"sample": "all", "below_confidence": null, "reviewers": []}',
    ),
    "reviewers that are null": ("review", '{"sample": 0, "below_confidence": null, "reviewers": null}'),
    "a release that is not there": ("stable", "r-999999999999"),
    "a candidate that is not there": ("candidate", "r-999999999999"),
    "holds that are null": ("holds", "null"),
    "a time that is a word": ("stage_since", "yesterday"),
    "a version that is a word": ("version", "x"),
}


@pytest.mark.parametrize(("column", "value"), POISONS.values(), ids=POISONS.keys())
def test_a_rollout_that_cannot_be_read_is_off_with_its_reason_and_the_others_are_untouched(
    two: World, column: str, value: object
) -> None:
    before = two.flags()["flags"]
    poison(two, column, value)
    after = two.flags()["flags"]
    assert after[OTHER] == before[OTHER]
    assert after[f"{OTHER}.enabled"] == before[f"{OTHER}.enabled"]
    broken = after["claims-assistant"]
    if column == "version":
        assert set(after) == set(before)
        return
    assert broken["metadata"]["broken"]
    assert set(broken["variants"]) == {"off"}
    assert "targeting" not in broken
    for flag, expected in (
        ("claims-assistant", "off"),
        ("claims-assistant.enabled", "off"),
        (OTHER, "stable"),
    ):
        answer = two.ask("POST", f"/ofrep/v1/evaluate/flags/{flag}", json={"context": {"targetingKey": "u"}})
        assert (answer.status_code, answer.get_json()["variant"]) == (200, expected)
    shown = two.api.ok("GET", f"{ROLLOUTS}?limit=200")["items"]
    assert [item["feature"] for item in shown] == ["claims-assistant", OTHER]


def test_a_candidate_share_that_is_none_is_served_as_off(two: World) -> None:
    two.move("introduce", release=two.other, share=100)
    poison(two, "candidate_share", 20_000)
    assert "share" in two.flags()["flags"]["claims-assistant"]["metadata"]["broken"]


def test_a_bundle_that_is_none_is_served_as_off(two: World) -> None:
    path = two.parts.settings.database_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE releases SET bundle = '[1]' WHERE public_id = ?", (two.stable,))
    connection.execute("UPDATE environments SET revision = revision + 1")
    connection.commit()
    connection.close()
    flags = two.flags()["flags"]
    assert flags["claims-assistant"]["metadata"]["broken"]
    assert "broken" not in flags[OTHER]["metadata"]


def test_a_snapshot_is_built_once_for_each_revision(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    original = snapshots._built

    def counted(*arguments: Any) -> Any:
        snapshot = original(*arguments)
        built.append(snapshot.revision)
        return snapshot

    monkeypatch.setattr(snapshots, "_built", counted)
    fresh, id = Snapshots(world.parts.database, 300), environment(world)
    first = fresh.current(id)
    assert all(fresh.current(id) is first for _ in range(5))
    world.move("hold")
    second = fresh.current(id)
    assert fresh.current(id) is second
    assert second.revision > first.revision
    assert built == [first.revision, second.revision]


def test_those_who_come_at_once_build_one_snapshot_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []
    original, together = snapshots._built, threading.Barrier(6)

    def counted(*arguments: Any) -> Any:
        built.append(1)
        return original(*arguments)

    monkeypatch.setattr(snapshots, "_built", counted)
    fresh, id = Snapshots(world.parts.database, 300), environment(world)

    def ask(_: int) -> object:
        together.wait(30)
        return fresh.current(id)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, range(6)))
    assert len(set(map(id_of, found))) == 1
    assert len(built) == 1


def id_of(thing: object) -> int:
    return id(thing)


def test_when_no_new_snapshot_can_be_built_the_old_one_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = world.flags()
    original = snapshots._built

    def failing(*_: Any) -> Any:
        raise RuntimeError("no memory")

    monkeypatch.setattr(snapshots, "_built", failing)
    world.move("disable")
    assert world.flags() == before
    assert "the old one keeps serving" in caplog.text
    monkeypatch.setattr(snapshots, "_built", original)
    assert world.flags()["metadata"]["revision"] == before["metadata"]["revision"] + 1


def test_every_move_raises_the_revision_of_its_environment_alone(world: World) -> None:
    def revisions() -> dict[str, int]:
        found = world.api.ok("GET", f"{PROJECT}/environments")["items"]
        return {item["key"]: item["revision"] for item in found}

    before = revisions()
    world.move("hold")
    after = revisions()
    assert after == before | {"staging": before["staging"] + 1}
    assert world.flags()["metadata"]["revision"] == after["staging"]


def test_a_description_that_stands_in_flags_is_seen_at_once(world: World) -> None:
    world.api.ok("PATCH", f"{FEATURES}/claims-assistant", {"fallback": "nothing", "when_lost": "off"})
    flag = world.flags()["flags"]["claims-assistant"]
    assert flag["variants"]["stable"]["fallback"] == "nothing"
    assert flag["metadata"]["when_lost"] == "off"


def test_a_deleted_feature_leaves_the_flags(two: World) -> None:
    two.api.ok("POST", f"{ROLLOUTS}/{OTHER}/moves", {"move": "stop", "reason": "x"})
    assert two.api.call("DELETE", f"{FEATURES}/{OTHER}", json={"reason": "x"}).status_code == 204
    assert set(two.flags()["flags"]) == {"claims-assistant", "claims-assistant.enabled"}


def test_each_environment_has_its_own_flags(world: World) -> None:
    production = world.ask("GET", "/sdk/v1/flags", world.environment_key("production")).get_json()
    assert production["metadata"]["environment"] == "production"
    assert set(production["flags"]["claims-assistant"]["variants"]) == {"off"}
    assert set(world.flags()["flags"]["claims-assistant"]["variants"]) == {"off", "stable"}


@pytest.mark.parametrize("path", ["/sdk/v1/flags", "/flagd/v1/flags.json"])
def test_who_has_the_document_already_is_told_so(world: World, path: str) -> None:
    first = world.ask("GET", path)
    etag = first.headers["ETag"]
    assert first.mimetype == "application/json"
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert json.loads(first.get_data())["metadata"]["revision"] == int(etag.strip('"').split("-")[0])
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = world.ask("GET", path, headers={"If-None-Match": known})
        assert (again.status_code, again.get_data()) == (304, b"")
        assert again.headers["ETag"] == etag
        assert "Content-Length" not in again.headers
    for unknown in ('"x"', "", etag.strip('"')[:-1], "garbage"):
        assert world.ask("GET", path, headers={"If-None-Match": unknown}).status_code == 200
    assert world.ask("GET", path, headers={"If-Match": '"x"'}).status_code == 200
    assert world.ask("GET", path, headers={"Range": "bytes=0-1"}).status_code == 200
    world.move("disable")
    changed = world.ask("GET", path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_flagd_reads_the_same_document_as_our_sdk(world: World) -> None:
    ours, theirs = (world.ask("GET", path) for path in ("/sdk/v1/flags", "/flagd/v1/flags.json"))
    assert ours.get_data() == theirs.get_data()
    assert ours.headers["ETag"] == theirs.headers["ETag"]
