"""What happens to an evaluation when somebody else does something at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from stages import Mode, Stage
from tests.controller.tenant import ADA, BOB, Tenant
from tests.endpoint import Call, replying, serving
from triggers import Action, Phase, Rung, Scope

BY = "trigger:unsupported"


def during_read(tenant: Tenant, happens: Callable[[], object], **trigger: object) -> list[str]:
    """What becomes of an evaluation when something happens while its source is being read, for once."""
    left = [happens]
    answer = b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'

    def behave(call: Call) -> None:
        if left:
            left.pop()()
        call.reply(200, answer)

    with serving(replying(200, answer)) as endpoint:
        tenant.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        tenant.trigger(source="metrics", query={"value": "up"}, params={"limit": 0.5}, **trigger)
        tenant.evaluate()
        endpoint.behaviour = behave
        return tenant.after(10)


def test_a_reading_of_releases_that_changed_meanwhile_counts_for_nothing(tenant: Tenant) -> None:
    tenant.beta()
    other = tenant.release("two")
    happens = lambda: tenant.move("introduce", release=other, share=100)  # noqa: E731
    assert during_read(tenant, happens, scope=Scope.CANDIDATE) == ["lost"]
    assert tenant.moves() == []
    assert len(tenant.readings()) == 1
    [again] = tenant.claims()
    assert again.slot == tenant.clock()


def test_a_reading_from_before_an_acknowledgement_does_not_fire_again(tenant: Tenant) -> None:
    tenant.beta()
    edits = tenant.parts.trigger_edits
    happens = lambda: edits.acknowledge(tenant.where(), "unsupported", ADA, "seen")  # noqa: E731
    assert during_read(tenant, happens) == ["lost"]
    assert tenant.moves() == []
    assert tenant.standing().state.phase is Phase.QUIET


def test_a_trigger_that_is_removed_while_it_is_read_does_nothing(tenant: Tenant) -> None:
    tenant.beta()

    def happens() -> None:
        reviews, where = tenant.parts.trigger_reviews, tenant.where()
        proposed = reviews.propose(where, "unsupported", None, ADA, "no").proposal
        reviews.approve(where, "unsupported", proposed.id, BOB)

    assert during_read(tenant, happens) == ["lost"]
    assert tenant.moves() == []


def test_another_definition_meanwhile_makes_the_claim_void(tenant: Tenant) -> None:
    tenant.beta()
    happens = lambda: tenant.sql("UPDATE triggers SET fence = fence + 1")  # noqa: E731
    assert during_read(tenant, happens) == ["lost"]
    assert tenant.moves() == []


def test_a_feature_that_was_taken_off_meanwhile_is_judged_as_it_is_now(tenant: Tenant) -> None:
    tenant.beta()
    assert during_read(tenant, lambda: tenant.move("disable")) == ["done"]
    assert tenant.moves() == []
    assert tenant.readings()[-1].due[0]["result"].startswith("unneeded:")
    assert tenant.rollout().mode is Mode.OFF


def wait_for_lock(tenant: Tenant, working: threading.Thread) -> None:
    """Wait until the thread's transaction waits for ours."""
    mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(3000):
        if tenant.ask_sql(mine) != [(0,)]:
            return
        working.join(0.01)
    pytest.fail("nobody waits")


def test_a_move_at_the_same_moment_is_decided_once_more(make_tenant, postgres_url: str) -> None:
    """Somebody moves the rollout between the evaluation's look at it and its own move."""
    tenant = make_tenant(postgres_url)
    tenant.beta()
    tenant.trigger()
    tenant.evaluate()
    tenant.report(5, grounded=False)
    tenant.clock.pass_(10)
    [mine] = tenant.claims()
    results: list[str] = []
    working = threading.Thread(target=lambda: results.append(tenant.parts.evaluations.evaluate(mine).value))
    with tenant.parts.database.write() as tx:
        tx.execute(text("UPDATE rollouts SET version = version + 1, candidate_share = 7"))
        working.start()
        wait_for_lock(tenant, working)
    working.join(30)
    assert results == ["done"]
    assert tenant.moves() == [("review", BY)]
    rollout = tenant.rollout()
    assert (rollout.mode, rollout.candidate_share, rollout.version) == (Mode.REVIEW, 7, 5)
    assert len(tenant.readings()) == 2


def evaluation(tenant: Tenant) -> Callable[[], object]:
    """One that tells and moves."""
    tenant.trigger("tells", Rung(Action.NOTIFY), Rung(Action.HOLD))
    tenant.evaluate()
    tenant.report(5, grounded=False)
    tenant.clock.pass_(10)
    [mine] = tenant.claims()
    return lambda: tenant.parts.evaluations.evaluate(mine)


def move(tenant: Tenant) -> Callable[[], object]:
    return lambda: tenant.move("hold")


def promotion(tenant: Tenant) -> Callable[[], object]:
    return lambda: tenant.ask(Stage.PILOT)


def description(tenant: Tenant) -> Callable[[], object]:
    return lambda: tenant.parts.catalog.change_feature("acme", "claims", {"name": "x"}, ADA, None)


def new_feature(tenant: Tenant) -> Callable[[], object]:
    return lambda: tenant.feature("another")


@pytest.mark.parametrize("prepare", [evaluation, move, promotion, description, new_feature])
def test_whoever_waits_for_the_environment_does_not_hold_the_record_yet(
    make_tenant, postgres_url: str, prepare: Callable[[Tenant], Callable[[], object]]
) -> None:
    """All lock in one order, environment before record; otherwise two of them could wait for each other for ever."""
    tenant = make_tenant(postgres_url)
    tenant.beta()
    work, failed = prepare(tenant), list[BaseException]()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    working = threading.Thread(target=run)
    with tenant.parts.database.write() as tx:
        tx.execute(text("SELECT * FROM environments FOR NO KEY UPDATE"))
        working.start()
        wait_for_lock(tenant, working)
        tx.execute(text("SELECT * FROM projects FOR NO KEY UPDATE NOWAIT"))
    working.join(30)
    assert failed == []
    assert tenant.bad_rows() == []
