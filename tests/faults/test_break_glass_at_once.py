"""Two workers see at the same moment that the time of a break-glass is over: it ends once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.break_glass import Emergency
from controller.services import Services
from stages import Refused, Stage
from tests.conftest import Clock
from tests.controller.tenant import ADA, PLANS, Tenant, services_on

AT_ONCE = 4
ROUNDS = 5


@pytest.fixture
def workers(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[list[Services]]:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    made = [services_on(database_url, clock, plans=str(path)) for _ in range(2)]
    yield made
    for parts in made:
        parts.database.close()


def at_once(does: Callable[[int], object]) -> list[BaseException]:
    """Do something in several threads at the same moment; gives what was raised."""
    start, raised = threading.Barrier(AT_ONCE), list[BaseException]()

    def run(number: int) -> None:
        start.wait(30)
        try:
            does(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def counted(tenant: Tenant, what: str) -> int:
    return int(str(tenant.ask_sql(f"SELECT count(*) FROM {what}")[0][0]))


def test_it_is_entered_once_and_ends_once(workers: list[Services], clock: Clock) -> None:
    tenant = Tenant(workers[0], clock).build()
    tenant.beta(share=1000)
    asked = Emergency(
        stage=Stage.PILOT, exposure={"share": 9000}, minutes=5, reason="everything else is down"
    )
    for number in range(1, ROUNDS + 1):
        raised = at_once(lambda n: workers[n % 2].break_glass.enter(tenant.where(), asked, ADA))
        assert [type(error) for error in raised] == [Refused] * (AT_ONCE - 1)
        clock.time += timedelta(minutes=5)
        assert at_once(lambda n: workers[n % 2].break_glass.end_overdue()) == []
        rollout = tenant.rollout()
        assert (rollout.stage, rollout.exposure.share) == (Stage.BETA, 1000)
        assert counted(tenant, "break_glasses WHERE ended_how = 'expired'") == number
        for move in ("demote", "narrow", "break_glass.enter"):
            assert counted(tenant, f"changes WHERE name = '{move}'") == number
        assert counted(tenant, "outbox WHERE event = 'break_glass.entered'") == number
        assert counted(tenant, "outbox WHERE event = 'break_glass.ended'") == number
        tenant.sql("UPDATE break_glasses SET reviewed_at = 1, reviewed_by = 'user:bob'")
    assert tenant.bad_rows() == []
