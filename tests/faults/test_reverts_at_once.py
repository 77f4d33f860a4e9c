"""Reverts, pointer moves and people at the same moment: nobody waits for anybody for good, and nothing is lost."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.errors import Conflict
from controller.services import Services
from stages import MoveStatus
from tests.conftest import Clock
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA, PLANS, Tenant, services_on
from tests.endpoint import serving

ROUNDS = 8


@pytest.fixture
def workers(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[tuple[Reverting, list[Services]]]:
    path, langfuse = tmp_path / "plans.yaml", LangfuseServer()
    path.write_text(PLANS)
    with serving(langfuse) as endpoint:
        secrets = {"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {langfuse.secret}"}
        made = [services_on(database_url, clock, plans=str(path), outbound_secrets=secrets) for _ in range(3)]
        yield Reverting(Tenant(made[0], clock).build(protected=False), langfuse, endpoint).build(), made
        for parts in made:
            parts.database.close()


def test_they_do_not_get_into_one_anothers_way(
    workers: tuple[Reverting, list[Services]], caplog: pytest.LogCaptureFixture
) -> None:
    case, processes = workers
    over, raised = threading.Event(), list[BaseException]()

    def again_and_again(does: Callable[[int], object]) -> None:
        try:
            for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
                does(number)
        except BaseException as error:
            raised.append(error)

    def work(parts: Services) -> None:
        parts.restoring.run()
        parts.verifications.run()

    def decide(number: int) -> None:
        waiting = [incident for incident in case.incidents(is_open=True) if case.moves(incident)]
        if waiting:
            act = processes[2].incidents.retry if number % 2 else processes[2].incidents.confirm
            # Somebody else may have settled it a moment ago.
            with contextlib.suppress(Conflict):
                act("acme", waiting[0].id, 1, ADA, "a person")

    threads = [
        threading.Thread(target=again_and_again, args=[lambda _, parts=parts: work(parts)])
        for parts in processes[1:]
    ]
    threads.append(threading.Thread(target=again_and_again, args=[decide]))
    with caplog.at_level(logging.ERROR):
        for thread in threads:
            thread.start()
        try:
            for number in range(ROUNDS):
                case.langfuse.move("8")
                case.try_out("8", guardrails=str(number))
                case.revert()
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert raised == []
    assert [record.getMessage() for record in caplog.records] == []
    case.work(600)
    incidents = case.incidents()
    assert len(incidents) == ROUNDS
    assert all(move.status.is_settled for incident in incidents for move in case.moves(incident))
    changes = case.tenant.changes()
    ended = [change for change in changes if change.name == "pointer.move"]
    steps = {(change.evidence["incident"], change.evidence["pointer_move"]) for change in ended}
    assert len(steps) == len(ended)
    automatic = (MoveStatus.MOVED, MoveStatus.ALREADY_THERE, MoveStatus.UNNEEDED)
    done = [move for incident in incidents for move in case.moves(incident) if move.status in automatic]
    assert len(done) == len(ended)
    assert case.tenant.bad_rows() == []
