from __future__ import annotations

from app import services_of
from controller.rollouts import Where, locate
from controller.store.tasks import add_task
from tests.controller.cli.conftest import FEATURE, Installation


def test_narrowings_are_set_listed_and_removed(installation: Installation) -> None:
    installation.live()
    shell = installation.free
    said = shell.ok(
        "narrowing", "set", FEATURE, "staff", "--cohort", "staff", "--language", "de", "--reason", "x"
    )
    assert said == "staff: 100 %, cohorts staff, languages de, may execute\n"
    assert shell.ok("narrowing", "list", FEATURE).split() == ["staff", *said.split()[1:]]
    assert shell.ok("narrowing", "remove", FEATURE, "staff", "--reason", "x") == "staff: removed\n"
    assert shell.ok("narrowing", "list", FEATURE) == ""
    assert "takes nothing away" in shell.refused(
        "narrowing", "set", FEATURE, "all", "--share", "100%", "--reason", "x"
    )


def test_what_a_revert_would_bring_back_is_shown(installation: Installation) -> None:
    installation.live()
    said = installation.free.ok("revert-target", FEATURE)
    assert said.startswith(f"{FEATURE}: nothing would not help\n  revert_target_missing  move  ")


def test_tasks_are_listed_and_closed(installation: Installation) -> None:
    installation.live()
    with services_of(installation.app).database.write() as tx:
        stored = locate(tx, Where("acme", installation.free.environment, FEATURE))
        id = add_task(
            tx,
            stored.id,
            "refresh_data",
            "claims",
            "too old",
            "trigger:drift",
            services_of(installation.app).now(),
        )
    assert installation.free.ok("task", "list").split()[:3] == [str(id), "open", "refresh_data"]
    assert installation.free.ok("task", "close", str(id), "--text", "rebuilt") == f"task {id}: closed\n"
    assert installation.free.ok("task", "list", "--status", "open") == ""
