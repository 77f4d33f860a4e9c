from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.store.changes import Change, record
from controller.store.projects import add_project, get_project
from tests.conftest import SECRET
from tests.controller.tenant import ADA, Tenant

COLUMNS = {
    "seq": 77,
    "at": 1,
    "name": "'promote'",
    "feature": "'other'",
    "environment": "'staging'",
    "actor": "'user:eve'",
    "actor_kind": "'schedule'",
    "reason": "'nothing happened'",
    "before": "'{}'",
    "after": '\'{"mode": "live"}\'',
    "evidence": '\'{"approved_by": ["user:eve"]}\'',
    "previous_hash": "'0'",
    "hash": "'0'",
}


def write(tenant: Tenant, count: int) -> None:
    with tenant.parts.database.write() as tx:
        project = get_project(tx, "acme").id
        for number in range(count):
            told = {"before": {"n": number, "é": None}, "after": {"n": number + 1}, "evidence": {"x": [1.5]}}
            change = Change(
                project_id=project, name="note", actor=ADA, at=tenant.clock(), reason=f"{number}", **told
            )
            record(tx, change)


@pytest.fixture
def audited(tenant: Tenant) -> Tenant:
    """A record of eight rows: two of the project and its environment, and six notes."""
    write(tenant, 6)
    assert [change.seq for change in tenant.changes()] == list(range(1, 9))
    return tenant


def bad(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The first bad row, as `verify` and as the command say it."""
    [row] = tenant.bad_rows()
    monkeypatch.setenv("HEADGATE_DATABASE_URL", tenant.parts.settings.database_url)
    monkeypatch.setenv("HEADGATE_SECRET_KEY", SECRET)
    said = CliRunner().invoke(main, ["verify-audit"])
    assert said.exit_code == 1
    assert said.output == f"project {row.project}: change {row.seq} is bad: {row.why}\n"
    return row.project, row.seq


def test_an_untouched_record_is_whole(audited: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    audited.beta()
    assert audited.bad_rows() == []
    monkeypatch.setenv("HEADGATE_DATABASE_URL", audited.parts.settings.database_url)
    monkeypatch.setenv("HEADGATE_SECRET_KEY", SECRET)
    said = CliRunner().invoke(main, ["verify-audit"])
    assert (said.exit_code, said.output) == (0, "The record of changes is whole.\n")


@pytest.mark.parametrize("column", COLUMNS)
def test_an_edited_row_is_named(audited: Tenant, monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    assert audited.sql(f"UPDATE changes SET {column} = {COLUMNS[column]} WHERE seq = 4")
    assert bad(audited, monkeypatch) == ("acme", 4)


def test_every_column_but_the_row_number_of_the_database_is_covered() -> None:
    from controller.store.tables import changes

    assert {*COLUMNS, "id", "project_id"} == {column.name for column in changes.c}


def test_a_row_given_to_another_project_is_missed_in_its_own(
    audited: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with audited.parts.database.write() as tx:
        other = add_project(tx, "other", "", "", audited.clock()).id
    audited.sql("UPDATE changes SET project_id = :other WHERE seq = 4", other=other)
    assert [(row.project, row.seq) for row in audited.bad_rows()] == [("acme", 4), ("other", 1)]


@pytest.mark.parametrize("gone", [1, 4, 8])
def test_a_deleted_row_is_named(audited: Tenant, monkeypatch: pytest.MonkeyPatch, gone: int) -> None:
    audited.sql("DELETE FROM changes WHERE seq = :gone", gone=gone)
    assert bad(audited, monkeypatch) == ("acme", gone)


def test_a_record_whose_end_was_cut_off_is_bad_from_there(
    audited: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited.sql("DELETE FROM changes WHERE seq > 5")
    assert bad(audited, monkeypatch) == ("acme", 6)


def test_swapped_rows_are_bad_from_the_first_of_them(
    audited: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for old, new in ((4, 1000), (6, 4), (1000, 6)):
        audited.sql("UPDATE changes SET seq = :new WHERE seq = :old", old=old, new=new)
    assert bad(audited, monkeypatch) == ("acme", 4)


COPY = """
INSERT INTO changes (project_id, seq, at, name, feature, environment, actor, actor_kind, reason,
                     before, after, evidence, previous_hash, hash)
SELECT project_id, :seq, at, name, feature, environment, actor, actor_kind, reason,
       before, after, evidence, previous_hash, hash FROM changes WHERE seq = :of
"""


def test_an_inserted_row_is_named(audited: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    for seq in range(8, 4, -1):
        audited.sql("UPDATE changes SET seq = :new WHERE seq = :seq", seq=seq, new=seq + 1)
    audited.sql(COPY, seq=5, of=4)
    assert bad(audited, monkeypatch) == ("acme", 5)


def test_a_row_added_at_the_end_is_named_even_if_its_hash_is_right(
    audited: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = audited.ask_sql("SELECT head_seq, head_hash FROM projects")[0]
    write(audited, 1)
    audited.sql("UPDATE projects SET head_seq = :seq, head_hash = :hash", seq=head[0], hash=head[1])
    assert bad(audited, monkeypatch) == ("acme", 9)


def test_a_last_row_written_anew_with_a_right_hash_is_named(
    audited: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = audited.ask_sql("SELECT head_hash FROM projects")[0][0]
    audited.sql("DELETE FROM changes WHERE seq = 8")
    before = audited.ask_sql("SELECT hash FROM changes WHERE seq = 7")[0][0]
    audited.sql("UPDATE projects SET head_seq = 7, head_hash = :hash", hash=before)
    write(audited, 1)
    audited.sql("UPDATE projects SET head_hash = :hash", hash=head)
    assert bad(audited, monkeypatch) == ("acme", 8)


@pytest.mark.parametrize(
    "damage", ["before = '{'", "before = 'NaN'", "evidence = ''", "at = 9223372036854775807"]
)
def test_a_row_that_cannot_be_read_is_named(
    audited: Tenant, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    audited.sql(f"UPDATE changes SET {damage} WHERE seq = 3")
    assert bad(audited, monkeypatch) == ("acme", 3)


def test_one_bad_project_does_not_hide_another(audited: Tenant) -> None:
    for key in ("fine", "worse"):
        audited.parts.catalog.make_project(key, "", "", ADA)
    audited.sql("UPDATE changes SET reason = 'x' WHERE seq = 1 AND project_id IN (1, 3)")
    assert [(row.project, row.seq) for row in audited.bad_rows()] == [("acme", 1), ("worse", 1)]


def together(count: int, work: Callable[[], None]) -> None:
    """Let threads do the same at the same time; what one raises is raised here."""
    start, failed = threading.Barrier(count), list[BaseException]()

    def run() -> None:
        start.wait(30)
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_writers_at_the_same_time_never_fork_the_record(tenant: Tenant) -> None:
    def work() -> None:
        for _ in range(5):
            write(tenant, 2)

    together(6, work)
    assert [change.seq for change in tenant.changes()] == list(range(1, 63))
    assert tenant.bad_rows() == []
