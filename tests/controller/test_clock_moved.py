"""The machine's clock is moved while a feature misbehaves: it is looked at all the same, and acted on once."""

from __future__ import annotations

import pytest

from stages import Mode
from tests.controller.tenant import Tenant
from triggers import Action, Phase, Rung

BY = "trigger:unsupported"


@pytest.fixture
def breached(tenant: Tenant) -> Tenant:
    """A feature that a trigger has taken to review; in a quarter of an hour the trigger would switch it off."""
    tenant.beta()
    tenant.trigger("unsupported", Rung(Action.REVIEW), Rung(Action.DISABLE, 900), window_s=3600)
    tenant.tick()
    tenant.report(20, grounded=False)
    tenant.clock.pass_(10)
    tenant.tick()
    assert tenant.moves() == [("review", BY)]
    return tenant


def test_a_clock_that_is_set_back_stops_nothing_and_repeats_nothing(breached: Tenant) -> None:
    breached.clock.pass_(-3600)
    before = len(breached.readings())
    breached.tick()
    assert len(breached.readings()) == before + 1, "it does not wait until the clock has caught up"
    for _ in range(5):
        breached.clock.pass_(10)
        breached.report(20, grounded=False)
        breached.tick()
    assert breached.moves() == [("review", BY)]
    assert breached.standing().state.phase is Phase.FIRING
    for _ in range(90):
        breached.clock.pass_(10)
        breached.report(1, grounded=False)
        breached.tick()
    assert breached.moves() == [("review", BY), ("disable", BY)], "the ladder goes on by the time that passes"
    assert breached.bad_rows() == []


def test_a_clock_that_leaps_ahead_takes_one_step_and_not_all(breached: Tenant) -> None:
    breached.clock.pass_(86_400)
    breached.report(20, grounded=False)
    breached.clock.pass_(1)
    breached.tick()
    breached.tick()
    assert breached.moves() == [("review", BY), ("disable", BY)]
    assert breached.rollout().mode is Mode.OFF
    assert len({reading.slot for reading in breached.readings()}) == len(breached.readings()) == 3
