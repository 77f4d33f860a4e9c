from __future__ import annotations

import uuid

from app import services_of
from controller.rollouts import locate_environment
from tests.controller.cli.conftest import Installation


def test_it_is_shown_who_runs_which_revision(installation: Installation) -> None:
    parts, shell = services_of(installation.app), installation.ada
    assert shell.ok("instances") == "no instance has reported lately\n"
    with parts.database.read() as tx:
        environment = locate_environment(tx, "acme", "production")
    for _ in range(2):
        said = {"sdk": "headgate-python/1", "app": "shop", "app_version": "7", "etag": "", "evaluations": {}}
        said |= {"instance": str(uuid.uuid4()), "applied_at": parts.now(), "revision": environment.revision}
        parts.receipts.take(environment.id, said)
    assert shell.ok("instances").splitlines() == [
        f"2 of 2 instances on revision {environment.revision}",
        "  INSTANCES  APP   VERSION  SDK",
        "  2 of 2     shop  7        headgate-python/1",
    ]
    assert shell.read("instances", "--revision", str(environment.revision + 1))["reached"] == 0
    assert len(shell.ok("instances", "--all").splitlines()) == 3
