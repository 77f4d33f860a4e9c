from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from controller.errors import Conflict, NotFound, VersionConflict
from controller.rollouts import locate
from controller.store.database import Database
from controller.store.projects import get_environment, get_project
from controller.store.rollouts import (
    RolloutChange,
    StoredRollout,
    apply,
    exposure_from_json,
    exposure_to_json,
    rollout_by_id,
    rollouts_in,
)
from stages import Autonomy, Exposure, Mode
from tests.controller.tenant import ADA, Tenant


@pytest.fixture
def live(tenant: Tenant) -> Tenant:
    tenant.beta()
    return tenant


def stored(tenant: Tenant) -> StoredRollout:
    with tenant.parts.database.read() as tx:
        return locate(tx, tenant.where())


def off(tenant: Tenant, found: StoredRollout) -> RolloutChange:
    after = replace(found.rollout, mode=Mode.OFF, version=found.rollout.version + 1)
    return RolloutChange(
        stored=found, after=after, name="disable", actor=ADA, reason="why", at=tenant.clock()
    )


def everything(tenant: Tenant) -> list[list[tuple[object, ...]]]:
    """All that a move writes."""
    tables = ("rollouts", "environments", "changes", "outbox", "projects")
    return [tenant.ask_sql(f"SELECT * FROM {table} ORDER BY id") for table in tables]


def test_a_move_writes_the_state_the_change_the_announcement_and_the_revision(live: Tenant) -> None:
    before = stored(live)
    revision, messages = live.ask_sql("SELECT revision, (SELECT count(*) FROM outbox) FROM environments")[0]
    with live.parts.database.write() as tx:
        assert apply(tx, off(live, before)) == revision + 1
    assert stored(live).rollout == replace(before.rollout, mode=Mode.OFF, version=before.rollout.version + 1)
    change = live.changes()[-1]
    assert (change.name, change.before["mode"], change.after["mode"]) == ("disable", "live", "off")
    assert change.evidence["revision"] == revision + 1
    [(event, payload)] = live.ask_sql("SELECT event, payload FROM outbox ORDER BY id DESC LIMIT 1")
    assert event == "change.disable"
    assert '"reason": "why"' in str(payload)
    assert live.ask_sql("SELECT revision, (SELECT count(*) FROM outbox) FROM environments") == [
        (revision + 1, messages + 1)
    ]


def test_whoever_read_an_older_version_writes_nothing(live: Tenant) -> None:
    old = stored(live)
    live.move("hold", hold="person")
    before = everything(live)
    with pytest.raises(VersionConflict, match="at version 4 now"), live.parts.database.write() as tx:
        apply(tx, off(live, old))
    assert everything(live) == before


def refuse_inserts(database: Database, table: str) -> None:
    """Make the database refuse every new row, or the change of every old one, of a table."""
    events = "INSERT" if table in ("changes", "outbox") else "UPDATE"
    with database.write() as tx:
        if database.is_sqlite:
            tx.execute(
                text(f"CREATE TRIGGER t BEFORE {events} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")
            )
            return
        tx.execute(text("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$"))
        tx.execute(text(f"CREATE TRIGGER t BEFORE {events} ON {table} FOR EACH ROW EXECUTE FUNCTION no()"))


@pytest.mark.parametrize("table", ["rollouts", "environments", "projects", "changes", "outbox"])
def test_if_one_part_cannot_be_written_none_is(live: Tenant, table: str) -> None:
    refuse_inserts(live.parts.database, table)
    before = everything(live)
    with pytest.raises((Conflict, DatabaseError)), live.parts.database.write() as tx:
        apply(tx, off(live, stored(live)))
    assert everything(live) == before
    assert live.rollout().mode is Mode.LIVE


def test_an_exception_after_a_move_takes_it_back(live: Tenant) -> None:
    before = everything(live)

    def fail_late() -> None:
        with live.parts.database.write() as tx:
            apply(tx, off(live, stored(live)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert everything(live) == before


def test_an_exposure_comes_back_as_it_was() -> None:
    exposure = Exposure(
        share=5, cohorts=frozenset({"b", "a"}), tasks=frozenset({"sum"}), autonomy=Autonomy.EXECUTE
    )
    assert exposure_from_json(exposure_to_json(exposure)) == exposure


def test_rollouts_come_in_pages_and_those_of_deleted_features_not_at_all(tenant: Tenant) -> None:
    for key in ("aa", "bb", "cc"):
        tenant.feature(key)
    with tenant.parts.database.read() as tx:
        environment = get_environment(tx, get_project(tx, "acme").id, "production").id
        first, second, third = rollouts_in(tx, environment)
        assert rollouts_in(tx, environment, after=first.id, limit=1) == [second]
    tenant.parts.catalog.delete_feature("acme", "cc", "not needed", ADA)
    with tenant.parts.database.read() as tx:
        assert rollouts_in(tx, environment) == [first, second]
        assert rollout_by_id(tx, third.id) is None
    with pytest.raises(NotFound, match="no feature 'cc'"):
        tenant.rollout("cc")
