from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from app import services_of
from controller.rollouts import Where, locate
from controller.store.destinations import add_destination
from controller.store.shared_incidents import join_shared_incident, open_shared_incident
from controller.store.tasks import add_task
from stages import Trouble
from tests.conftest import MakeApp
from tests.controller.cli.conftest import FEATURE, Installation, Shell


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


def test_a_destination_is_connected_looked_at_and_disconnected(
    make_app: MakeApp, installation: Installation, tmp_path: Path
) -> None:
    file, shell = tmp_path / "pager.json", installation.ada
    settings = {"url": "https://example.com/hook", "secret": "env:HOOK"}
    file.write_text(json.dumps({"kind": "webhook", "settings": settings, "events": ["task.opened"]}))
    assert "HEADGATE_SECRET_HOOK" in shell.refused("destination", "connect", "pager", str(file))
    with services_of(installation.app).database.write() as tx:
        written = json.dumps(settings)
        add_destination(tx, 1, "pager", "webhook", json.loads(written), ("task.opened",), datetime.now(UTC))
    assert shell.ok("destination", "list").split() == ["pager", "webhook", "task.opened"]
    assert "HEADGATE_SECRET_HOOK" in shell.ok("destination", "test", "pager")
    assert shell.refused("destination", "change", "pager", str(file))
    assert shell.ok("destination", "deliveries", "pager", "--status", "given_up") == ""
    assert "there is no delivery" in shell.refused("destination", "again", "pager", "7")
    assert shell.ok("destination", "disconnect", "pager") == "pager: is disconnected\n"


def test_shared_incidents_are_listed_and_closed(installation: Installation) -> None:
    installation.live()
    with services_of(installation.app).database.write() as tx:
        stored = locate(tx, Where("acme", "staging", FEATURE))
        trouble, now = Trouble("openai", "", "it is down"), datetime.now(UTC)
        id = open_shared_incident(tx, stored.project_id, trouble, "trigger:slow", now)
        join_shared_incident(tx, id, stored.id, "slow", now)
    assert installation.ada.ok("incident", "shared").split()[:4] == [str(id), "open", "openai", FEATURE]
    said = installation.ada.ok("incident", "close-shared", str(id), "--text", "it is back")
    assert said == f"shared incident {id}: closed\n"


def test_a_trigger_is_muted_and_loosened_by_two(installation: Installation, tmp_path: Path) -> None:
    installation.live()
    address = f"/projects/acme/environments/staging/rollouts/{FEATURE}/triggers"
    leaks = {
        "key": "leaks",
        "source": "outcomes",
        "query": {"measure": "sensitive_data"},
        "method": "any_event",
        "ladder": [{"do": "disable"}],
    }
    installation.api.ok("POST", address, leaks)
    ada, bob = installation.free, Shell(installation.bob.url, installation.bob.key, "staging")
    assert ada.ok("trigger", "record", FEATURE, "leaks").startswith("leaks: shadow, watching since ")
    said = ada.ok("trigger", "mute", FEATURE, "leaks", "--minutes", "60", "--reason", "x")
    assert said.startswith("leaks: muted until ")
    assert ada.ok("trigger", "unmute", FEATURE, "leaks", "--reason", "x") == "leaks: not muted\n"
    file = tmp_path / "leaks.json"
    file.write_text(json.dumps({**leaks, "params": {"count": 5}}))
    said = ada.ok("trigger", "propose", FEATURE, "leaks", str(file), "--reason", "too nervous")
    assert said == "proposal 1 (open): another rule, by key:ada: too nervous\n"
    assert ada.ok("trigger", "proposals", FEATURE, "leaks") == said
    assert bob.ok("trigger", "approve", FEATURE, "leaks", "1") == "leaks: proposal 1 is carried out\n"
    ada.ok("trigger", "propose", FEATURE, "leaks", "--remove", "--reason", "not needed")
    assert ada.ok("trigger", "withdraw", FEATURE, "leaks", "2") == "leaks: proposal 2 is withdrawn\n"
    assert "either a FILE or --remove" in ada.misused("trigger", "propose", FEATURE, "leaks", "--reason", "x")
