"""A change makes anew what it changed, and nothing else."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from controller.delivery.served import patch_between
from controller.flags.snapshots import Snapshot, Snapshots
from controller.plain_flags import Place
from controller.rollouts import locate_environment
from tests.controller.tenant import ADA, Tenant

HERE = Place("acme", "production")
SWITCH: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NEVER: dict[str, Any] = {**SWITCH, "targeting": {"if": [{"==": [{"var": "n"}, 1]}, "on", "off"]}}


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty database: the small installation of the doors is not wanted here."""
    path = tmp_path / "empty.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


class Environment:
    """An environment with two features and two plain flags, and its snapshots."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        tenant.beta("claims")
        tenant.beta("summaries")
        for key in ("one", "two"):
            self.set(key, NEVER)
        with tenant.parts.database.read() as tx:
            self.id = locate_environment(tx, "acme", "production").id
        self._snapshots = Snapshots(tenant.parts.database, 300)

    def set(self, key: str, content: dict[str, Any]) -> None:
        self.tenant.parts.plain_flags.set(HERE, key, content, ADA, "")

    def now(self) -> Snapshot:
        return self._snapshots.current(self.id)

    def afresh(self) -> Snapshot:
        return Snapshots(self.tenant.parts.database, 300).current(self.id)

    def poison(self, definition: str) -> None:
        path = self.tenant.parts.settings.database_url.removeprefix("sqlite:///")
        connection = sqlite3.connect(path)
        connection.execute("UPDATE plain_flags SET definition = ? WHERE key = 'one'", (definition,))
        connection.execute("UPDATE environments SET revision = revision + 1")
        connection.commit()
        connection.close()


@pytest.fixture
def environment(small: Tenant) -> Environment:
    return Environment(small)


def made_anew(before: Snapshot, after: Snapshot) -> set[str]:
    """The flags that are other objects than before, be they alike."""
    old, new = before.content["flags"], after.content["flags"]
    return {key for key, flag in new.items() if old.get(key) is not flag}


def answered(snapshot: Snapshot) -> dict[str, Any]:
    asked = [{}, {"targetingKey": "user-1", "n": 1}, {"targetingKey": "user-2", "n": True}]
    return {
        f"{key} {context}": (found.variant, found.value, found.reason, found.metadata)
        for key in snapshot.content["flags"]
        for context in asked
        for found in [snapshot.flags.evaluate(key, context)]
    }


def test_of_ten_thousand_flags_one_change_makes_one_anew(environment: Environment) -> None:
    before = environment.now()
    answered(before)
    environment.set("one", {**NEVER, "metadata": {"team": "web"}})
    after = environment.now()
    assert made_anew(before, after) == {"one"}
    kept = {key for key, rule in after.flags.rules.items() if before.flags.rules[key] is rule}
    assert kept == set(before.content["flags"]) - {"one"}
    environment.tenant.move("hold", "claims")
    assert made_anew(after, environment.now()) == {"claims", "claims.enabled"}


def test_what_was_kept_is_what_would_be_made(environment: Environment) -> None:
    for step in (
        lambda: environment.set("two", {**NEVER, "targeting": {"if": [{"var": "n"}, "on", "off"]}}),
        lambda: environment.tenant.move("narrow", "claims", exposure={"share": 1000}),
        lambda: environment.tenant.parts.plain_flags.delete(HERE, "two", ADA, ""),
        lambda: environment.set("three", SWITCH),
        lambda: environment.poison("{"),
        lambda: environment.poison("7"),
        lambda: environment.set("four", SWITCH),
    ):
        answered(environment.now())
        step()
        kept, fresh = environment.now(), environment.afresh()
        assert kept.body == fresh.body
        assert kept.etag == fresh.etag
        assert answered(kept) == answered(fresh)


def test_a_change_that_python_takes_for_none_is_one(environment: Environment) -> None:
    before = environment.now()
    environment.set("one", {**NEVER, "targeting": {"if": [{"==": [{"var": "n"}, True]}, "on", "off"]}})
    after = environment.now()
    assert made_anew(before, after) == {"one"}
    patch = patch_between(before, after)
    assert patch is not None
    assert patch["set"].keys() == {"one"}


def test_shared_rules_and_metadata_that_change_reach_the_flags_that_stay(environment: Environment) -> None:
    file = {"flags": {"one": {**NEVER, "targeting": {"$ref": "rule"}}}, "metadata": {"team": 1}}
    for rule, metadata in (("on", {"team": 1}), ("off", {"team": 1}), ("off", {"team": True})):
        whole = {**file, "$evaluators": {"rule": {"if": [True, rule]}}, "metadata": metadata}
        environment.tenant.parts.plain_flags.read_in(HERE, whole, ADA, "", replace=False, dry_run=False)
        kept = environment.now()
        assert kept.body == environment.afresh().body
        assert kept.flags.evaluate("one", {}).variant == rule
        assert kept.content["flags"]["two"]["metadata"]["team"] is metadata["team"]
