"""What a source's own settings make of the questions of its triggers."""

from __future__ import annotations

import json

import pytest

from controller.explanations import explanation
from stages import Mode
from tests.controller.tenant import ADA, Tenant
from tests.endpoint import Call, serving
from triggers import Action, Rung


def sampled(seconds_ago: float, tenant: Tenant) -> object:
    """A Prometheus whose newest sample is so old, and everything else is 0."""

    def answer(call: Call) -> None:
        newest = tenant.clock().timestamp() - seconds_ago
        result = [
            {"metric": {"headgate_q": str(place)}, "value": [0, value]}
            for place, value in enumerate(("0", str(newest)))
        ]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        call.reply(200, json.dumps(body).encode())

    return answer


@pytest.mark.parametrize(
    ("own", "of_source", "verdict"),
    [
        (0, 0, "ok"),
        (0, 60, "stale"),
        (600, 60, "stale"),
        (60, 0, "stale"),
        (60, 600, "stale"),
        (0, 600, "ok"),
    ],
)
def test_the_narrower_bound_on_the_age_of_samples_counts(
    simple: Tenant, own: int, of_source: int, verdict: str
) -> None:
    with serving(sampled(120, simple)) as endpoint:  # type: ignore[arg-type]
        settings = {"url": endpoint.url, "max_staleness_s": of_source, "lag_s": 30}
        simple.parts.sources.connect("acme", "metrics", "prometheus", settings, ADA)
        simple.trigger(
            source="metrics",
            query={"value": "up", "newest": "max(timestamp(up))"},
            params={"limit": 0.5},
            max_staleness_s=own,
        )
        simple.evaluate()
        simple.after(60)
        assert simple.standing().verdict == verdict
        # Judged again by that bound, whatever the source allows by then.
        simple.sql("UPDATE sources SET settings = '{}' WHERE key = 'metrics'")
        with simple.parts.database.read() as tx:
            told = explanation(tx, simple.standing(), simple.readings()[-1]).told
        assert told == f"judged again, it is the same: {verdict}"
        asked_about = float(endpoint.calls[-1].form["time"])
        assert asked_about == simple.clock().timestamp() - 30


def test_a_release_is_judged_from_its_first_answer_on(simple: Tenant) -> None:
    simple.trigger("leak", Rung(Action.DISABLE), query={"measure": "error"}, method="any_event", params={})
    simple.after()
    simple.move("introduce", release=simple.release("two"), share=500)
    simple.clock.pass_(1)
    simple.report(1, error=True)
    simple.after(20)
    assert simple.rollout().mode is Mode.OFF


def test_answers_that_a_person_has_acknowledged_do_not_come_back_with_a_new_release(simple: Tenant) -> None:
    simple.trigger("leak", Rung(Action.NOTIFY), query={"measure": "error"}, method="any_event", params={})
    simple.after()
    simple.move("introduce", release=simple.release("two"), share=500)
    simple.clock.pass_(1)
    simple.report(1, error=True)
    simple.clock.pass_(1)
    simple.parts.trigger_edits.acknowledge(simple.where(), "leak", ADA, "it was a test")
    simple.after(20)
    assert simple.standing("leak").verdict != "breach"
