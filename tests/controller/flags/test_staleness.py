from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.flags.staleness import StaleReport, stale_report
from controller.plain_flags import Place
from controller.rollouts import locate_environment
from controller.store.document_reads import Reader, note_reads
from controller.store.flag_counts import add_counts
from tests.controller.tenant import ADA, Tenant


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty database: the small installation of the doors is not wanted here."""
    path = tmp_path / "empty.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


HERE = Place("acme", "production")
DAY = 86_400
SWITCH: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}


def make(tenant: Tenant, *keys: str, **content: Any) -> None:
    for key in keys:
        tenant.parts.plain_flags.set(HERE, key, {**SWITCH, "owner": "web", **content}, ADA, "")


def counted(tenant: Tenant, days_ago: int, **counts: int) -> None:
    """Evaluations so many days ago, as flag__variant."""
    day = tenant.clock().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    with tenant.parts.database.write() as tx:
        id = locate_environment(tx, "acme", "production").id
        parted = {tuple(name.split("__")): count for name, count in counts.items()}
        add_counts(tx, {(id, flag, variant): count for (flag, variant), count in parted.items()}, day)


def read_all(tenant: Tenant, days_ago: int, reader: Reader) -> None:
    """Somebody reads all flags, so many days ago."""
    day = tenant.clock().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    with tenant.parts.database.write() as tx:
        note_reads(tx, {(locate_environment(tx, "acme", "production").id, "k", reader)}, day)


def report(tenant: Tenant, days: int = 30) -> StaleReport:
    with tenant.parts.database.read() as tx:
        environment = locate_environment(tx, "acme", "production")
        return stale_report(tx, environment, days, tenant.clock())


def whys(found: StaleReport) -> dict[str, str]:
    return {flag.key: flag.why.value for flag in found.flags}


def test_flags_that_nobody_asks_for_or_that_answer_everybody_alike_are_stale(small: Tenant) -> None:
    make(small, "forgotten", "constant", "useful")
    small.clock.pass_(40 * DAY)
    make(small, "new")
    counted(small, 35, forgotten__on=5, constant__off=1)
    counted(small, 3, constant__on=4, useful__on=1)
    counted(small, 0, constant__on=6, useful__off=1)
    found = report(small)
    assert found.cannot_tell == ""
    assert whys(found) == {"forgotten": "not_evaluated", "constant": "same_answer"}
    constant = found.flags[1]
    assert (constant.answer, constant.value, constant.evaluations, constant.owner) == ("on", True, 10, "web")
    assert constant.sentence == "all 10 answers since 2026-11-30 were on"
    assert constant.last_evaluated == small.clock().replace(hour=0)
    assert whys(report(small, days=39)) == {}


def test_who_changed_an_answer_lately_is_not_told_that_it_is_always_the_same(small: Tenant) -> None:
    make(small, "constant")
    small.clock.pass_(40 * DAY)
    counted(small, 35, constant__on=1)
    counted(small, 1, constant__on=1)
    assert whys(report(small)) == {"constant": "same_answer"}
    make(small, "constant", variants={"on": False, "off": True})
    assert whys(report(small)) == {}


def test_without_enough_reports_nothing_is_called_unused(small: Tenant) -> None:
    make(small, "quiet")
    small.clock.pass_(40 * DAY)
    found = report(small)
    assert (found.flags, found.cannot_tell[:37]) == ((), "nobody was seen asking for a flag: no")
    counted(small, 10, quiet__on=1)
    found = report(small)
    assert (found.flags, found.cannot_tell) == ((), "evaluations have been reported since 2026-12-20 only")
    small.clock.pass_(20 * DAY)
    found = report(small, days=9)
    assert (found.flags, found.cannot_tell) == ((), "nobody was seen asking for any flag since 2027-01-10")
    counted(small, 1, other__on=1)
    assert whys(report(small, days=9)) == {"quiet": "not_evaluated"}


def test_a_deleted_flag_that_is_still_asked_for_is_told_at_once(small: Tenant) -> None:
    make(small, "gone", "left")
    for key in ("gone", "left"):
        small.parts.plain_flags.delete(HERE, key, ADA, "done")
    counted(small, 0, left__default=2)
    small.clock.pass_(2 * DAY)
    counted(small, 1, gone__default=2)
    found = report(small)
    assert whys(found) == {"gone": "still_asked_for"}
    assert "was deleted on 2026-11-20 by user:ada" in found.flags[0].sentence


def test_features_are_stale_once_users_have_them_and_nobody_asks(small: Tenant) -> None:
    small.feature("waiting")
    for feature in ("asked", "unasked", "constant", "stopped"):
        small.beta(feature)
    small.move("disable", "stopped")
    small.move("stop", "stopped")
    small.clock.pass_(40 * DAY)
    counted(small, 35, asked__off=1)
    counted(small, 1, asked__off=1, asked__stable=1, constant__stable=3, stopped__off=9)
    counted(small, 1, **{"constant.enabled__on": 2, "waiting__off": 1})
    found = report(small)
    assert whys(found) == {
        "unasked": "not_evaluated",
        "constant": "same_answer",
        "stopped": "still_asked_for",
    }
    assert {flag.kind for flag in found.flags} == {"feature"}
    small.move("introduce", "constant", release=small.release("two", "constant"), share=100)
    assert "constant" not in whys(report(small))


def test_where_all_flags_are_read_at_once_none_is_called_stale(small: Tenant) -> None:
    make(small, "forgotten", "constant")
    small.beta("unasked")
    small.clock.pass_(40 * DAY)
    counted(small, 35, forgotten__on=5)
    counted(small, 3, constant__on=4)
    read_all(small, 31, Reader.FLAGD)
    assert set(whys(report(small)).values()) == {"not_evaluated", "same_answer"}
    read_all(small, 2, Reader.FLAGD)
    found = report(small)
    assert whys(found) == dict.fromkeys(("forgotten", "constant", "unasked"), "not_known")
    assert found.flags[0].sentence.endswith(
        "but it is read as a document by flagd with the key that is gone, last on 2026-12-28; not known"
    )


def test_pages_read_what_is_visible_to_them_alone(small: Tenant) -> None:
    make(small, "hidden")
    make(small, "shown", client_visible=True)
    small.clock.pass_(40 * DAY)
    counted(small, 35, hidden__on=5)
    counted(small, 2, other__on=1)
    read_all(small, 2, Reader.PAGES)
    assert whys(report(small)) == {"hidden": "not_evaluated", "shown": "not_known"}
