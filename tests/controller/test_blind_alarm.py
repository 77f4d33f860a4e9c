"""One notice when triggers go blind, one when they see again, whoever looks and however often."""

from __future__ import annotations

import json
import threading

import pytest

from controller.blind_alarm import Watchdog
from stages import Refused, Stage
from tests.controller.tenant import ADA, PATIENCE_S, Tenant
from tests.endpoint import replying, serving
from triggers import Arming, Lack, Policy, Reaction

FINE = b'{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}'


def notices(tenant: Tenant) -> list[str]:
    events = ("source.blind", "source.sees", "evaluations.stopped", "evaluations.resumed")
    found = tenant.ask_sql("SELECT event FROM outbox ORDER BY id")
    return [str(event) for (event,) in found if event in events]


def look(tenant: Tenant) -> list[str]:
    for _ in range(2):
        tenant.parts.blind_alarm.run()
    return notices(tenant)


def test_evaluations_that_stop_are_told_once_and_hold_what_goes_up(tenant: Tenant) -> None:
    tenant.beta()
    for number in range(3):
        tenant.trigger(f"trigger-{number}")
    tenant.evaluate()
    tenant.clock.pass_(70)
    assert look(tenant) == []
    tenant.clock.pass_(1)
    assert look(tenant) == ["evaluations.stopped"]
    [(told,)] = tenant.ask_sql("SELECT payload FROM outbox WHERE event = 'evaluations.stopped'")
    assert json.loads(str(told))["source"] == "outcomes"
    assert json.loads(str(told))["sentence"].startswith(
        "3 triggers are due and not evaluated by anybody since "
    )
    with pytest.raises(Refused) as refused:
        tenant.ask(Stage.PILOT)
    assert "evaluations_stopped" in [refusal.code for refusal in refused.value.refusals]
    undelivered = tenant.ask_sql("SELECT count(*) FROM outbox WHERE delivered_at IS NULL")
    assert undelivered == [(0,)], "no worker is there to deliver it"
    tenant.evaluate()
    assert look(tenant) == ["evaluations.stopped", "evaluations.resumed"]
    tenant.ask(Stage.PILOT)
    tenant.clock.pass_(100)
    assert look(tenant)[2:] == ["evaluations.stopped"]


def test_a_silent_source_is_told_once_for_all_its_triggers(small: Tenant) -> None:
    small.beta()
    with serving(replying(500)) as endpoint:
        small.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        for number in range(3):
            small.trigger(f"trigger-{number}", source="metrics", query={"value": "up"})
        small.trigger("other")
        small.evaluate()
        for _ in range(6):
            small.after(10)
        assert look(small) == []
        small.after(10)
        assert look(small) == ["source.blind"]
        [(told,)] = small.ask_sql("SELECT payload FROM outbox WHERE event = 'source.blind'")
        assert json.loads(str(told))["sentence"].startswith("3 triggers are without anything to judge since ")
        endpoint.behaviour = replying(200, FINE)
        small.after(10)
        assert look(small) == ["source.blind", "source.sees"]


def test_what_nothing_depends_on_alarms_nobody(small: Tenant) -> None:
    small.beta()
    ignored = {Lack.SOURCE_ERROR: Policy(Reaction.IGNORE)}
    with serving(replying(500)) as endpoint:
        small.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        known = {"source": "metrics", "query": {"value": "up"}}
        small.trigger("shadow", arming=Arming.SHADOW, **known)
        small.trigger("ignored", policies=ignored, **known)
        small.evaluate()
        for _ in range(10):
            small.after(10)
        assert look(small) == []


def test_many_who_look_at_once_tell_once(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger()
    tenant.clock.pass_(3600)
    start = threading.Barrier(4)

    def run() -> None:
        start.wait(PATIENCE_S)
        tenant.parts.blind_alarm.run()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert notices(tenant) == ["evaluations.stopped"]


def test_the_watchdog_goes_on_whatever_happens_when_it_looks() -> None:
    looked = threading.Semaphore(0)

    def fail() -> None:
        looked.release()
        raise RuntimeError

    watchdog = Watchdog(fail, 0.01)
    watchdog.start()
    assert all(looked.acquire(timeout=PATIENCE_S) for _ in range(3))
    watchdog.stop()
