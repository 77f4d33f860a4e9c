"""Triggers that fell due together are evaluated together, and none of them is the worse for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from controller.evaluations import Result
from controller.sources.outcomes import Outcomes
from controller.store.claims import Claim
from controller.store.database import Database
from stages import Mode
from tests.controller.tenant import ADA, Tenant
from triggers import Action, Phase, Rung, Scope


@pytest.fixture
def watched(tenant: Tenant) -> Tenant:
    """Two features with triggers that have begun to watch, and some bad answers of the first."""
    for key in ("claims", "other"):
        tenant.beta(key)
        for number in range(3):
            tenant.trigger(f"calm-{number}", feature=key, params={"limit": 1})
    tenant.trigger("breach", Rung(Action.REVIEW))
    tenant.evaluate()
    tenant.report(5, grounded=False)
    tenant.clock.pass_(10)
    return tenant


def evaluated(tenant: Tenant, claims: list[Claim]) -> dict[int, str]:
    results = tenant.parts.evaluations.evaluate_all(claims)
    return {claim.trigger_id: result.value for claim, result in zip(claims, results, strict=True)}


def counted(tenant: Tenant, what: str) -> int:
    return int(str(tenant.ask_sql(f"SELECT count(*) FROM {what}")[0][0]))


def test_what_happens_to_one_of_them_happens_to_it_alone(watched: Tenant) -> None:
    claims = watched.claims()
    assert len(claims) == 7
    watched.sql("UPDATE triggers SET ladder = '{' WHERE id = 1")
    watched.sql("UPDATE triggers SET fence = fence + 1 WHERE id = 2")
    watched.sql("DELETE FROM triggers WHERE id = 3")
    watched.sql("UPDATE rollouts SET mode = 'sideways' WHERE feature_id = 2")
    assert evaluated(watched, claims) == {
        **dict.fromkeys((4, 5, 6), "broken"),
        1: "broken",
        2: "lost",
        3: "broken",
        7: "done",
    }
    assert watched.moves() == [("review", "trigger:breach")]
    assert watched.rollout().mode is Mode.REVIEW
    assert counted(watched, "readings WHERE slot = evaluated_at") == 6 + 1


def occupy_next_slot(tenant: Tenant, trigger: int) -> None:
    """Let the next reading of a trigger be there already, so that its own cannot be written."""
    columns = (
        "status, window_start, window_end, message, warnings, asked, verdict, sentence, numbers, phase, due, "
        "evaluated_at"
    )
    into = f"INSERT INTO readings (trigger_id, slot, {columns})"
    tenant.sql(
        f"{into} SELECT trigger_id, slot + 10000000, {columns} FROM readings WHERE trigger_id = {trigger}"
    )


def test_one_that_cannot_be_written_keeps_no_other_from_being_written(watched: Tenant) -> None:
    claims = watched.claims()
    occupy_next_slot(watched, 4)
    expected = {id: Result.FAILED.value if id == 4 else Result.DONE.value for id in range(1, 8)}
    assert evaluated(watched, claims) == expected
    assert watched.rollout().mode is Mode.REVIEW
    leased = watched.ask_sql("SELECT id FROM triggers WHERE lease_until IS NOT NULL")
    assert leased == [(4,)], "it is tried again when its lease has run out"


def test_releases_that_change_meanwhile_void_the_readings_about_them_alone(
    watched: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = watched.release("two", "other")
    tally = Outcomes._counted

    def meanwhile(*args: Any) -> Any:
        if watched.rollout("other").candidate is None:
            watched.move("introduce", "other", release=release, share=100)
        return tally(*args)

    monkeypatch.setattr(Outcomes, "_counted", meanwhile)
    expected = {id: "lost" if id in {4, 5, 6} else "done" for id in range(1, 8)}
    assert evaluated(watched, watched.claims()) == expected
    assert sorted(claim.trigger_id for claim in watched.claims()) == [4, 5, 6], "they are read again at once"


def test_an_acknowledgement_meanwhile_voids_the_claim(watched: Tenant) -> None:
    claims = watched.claims()
    watched.parts.trigger_edits.acknowledge(watched.where(), "breach", ADA, "seen")
    assert evaluated(watched, claims)[7] == "lost"
    assert watched.moves() == []
    assert watched.standing("breach").state.phase is Phase.QUIET
    assert [claim.trigger_id for claim in watched.claims()] == [7]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", see)
    yield seen
    event.remove(database.engine, "before_cursor_execute", see)


def test_many_triggers_take_no_more_statements_than_few(tenant: Tenant) -> None:
    tenant.beta()
    for number in range(40):
        tenant.trigger(f"trigger-{number}", scope=Scope.CANDIDATE)
    tenant.evaluate()
    tenant.report(3, grounded=True)
    took: list[int] = []
    for many in (2, 38):
        tenant.clock.pass_(10)
        claims = tenant.claims(limit=many)
        with statements(tenant.parts.database) as seen:
            assert set(evaluated(tenant, claims).values()) == {"done"}
        took.append(len(seen))
    assert took[0] == took[1]
    assert took[0] < 20


def firing(tenant: Tenant, *features: str) -> list[Claim]:
    """Features that all err, each with a trigger that is due and will find out."""
    for key in features:
        tenant.beta(key)
        tenant.trigger("breach", Rung(Action.REVIEW), feature=key)
    tenant.evaluate()
    for key in features:
        tenant.report(5, feature=key, grounded=False)
    tenant.clock.pass_(10)
    return tenant.claims()


def test_those_that_fire_at_once_are_moved_together_and_recorded_one_by_one(tenant: Tenant) -> None:
    claims = firing(tenant, "claims", "other", "third")
    before = revision(tenant)
    assert set(evaluated(tenant, claims).values()) == {"done"}
    for key in ("claims", "other", "third"):
        assert tenant.rollout(key).mode is Mode.REVIEW
    assert counted(tenant, "changes WHERE name = 'review' AND actor_kind = 'trigger'") == 3
    assert counted(tenant, "outbox WHERE event = 'trigger.fired'") == 3
    assert revision(tenant) == before + 1, "what is committed together is one snapshot"
    assert tenant.bad_rows() == []


def revision(tenant: Tenant) -> int:
    return int(str(tenant.ask_sql("SELECT max(revision) FROM environments")[0][0]))


def test_one_that_cannot_be_moved_keeps_no_other_from_being_moved(tenant: Tenant) -> None:
    claims = firing(tenant, "claims", "other", "third")
    occupy_next_slot(tenant, 2)
    assert sorted(evaluated(tenant, claims).values()) == ["done", "done", "failed"]
    modes = {key: tenant.rollout(key).mode for key in ("claims", "other", "third")}
    assert modes == {"claims": Mode.REVIEW, "other": Mode.LIVE, "third": Mode.REVIEW}
    assert counted(tenant, "changes WHERE name = 'review' AND actor_kind = 'trigger'") == 2
    assert counted(tenant, "readings WHERE verdict = 'breach'") == 2
    assert tenant.bad_rows() == []


def test_two_that_fire_over_one_feature_are_judged_one_after_the_other(tenant: Tenant) -> None:
    tenant.beta()
    for number in range(2):
        tenant.trigger(f"breach-{number}", Rung(Action.DISABLE))
    tenant.evaluate()
    tenant.report(5, grounded=False)
    tenant.clock.pass_(10)
    assert set(evaluated(tenant, tenant.claims()).values()) == {"done"}
    assert len(tenant.moves()) == 1
    told = [str(row[0]) for row in tenant.ask_sql("SELECT due FROM readings WHERE verdict = 'breach'")]
    assert sorted("unneeded" in due for due in told) == [False, True]
