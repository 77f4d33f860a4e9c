"""The door to back-tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import ROLLOUT, World, refusal

BACKTEST = f"{ROLLOUT}/backtest"
CSV = "time,count\n" + "".join(f"{1_790_000_000 + 60 * i},{int(i == 5)}\n" for i in range(20))
DEFINITION: dict[str, Any] = {
    "key": "new",
    "source": "outcomes",
    "query": {"measure": "unsupported"},
    "method": "any_event",
    "ladder": [{"do": "review"}],
}
REPLAYED = {"definition": DEFINITION, "history": "csv", "csv": CSV}


def test_a_definition_is_tried_before_it_is_saved(world: World) -> None:
    told = world.api.ok(
        "POST",
        BACKTEST,
        json={
            **REPLAYED,
            "beside": {**DEFINITION, "params": {"count": 2}},
            "plant": {"at": "2026-09-21T14:16:00Z", "times": 1},
        },
    )
    first, beside = told["settings"]
    assert (first["key"], first["method"], first["params"], first["evaluations"]) == (
        "new",
        "any_event",
        {"count": 1},
        20,
    )
    (fired,) = first["fired"]
    assert fired["sentence"] == "1 since the last acknowledgement; 1 is enough"
    assert [each["action"] for each in fired["actions"]] == ["review"]
    assert beside["fired"] == []
    assert len(first["chart"]) == 20
    assert first["chart"][-1]["line"] == 1
    assert first["noticed_after_s"] == 140
    assert len(first["planted_fired"]) == 1


def test_a_trigger_that_is_there_is_tried_by_its_key(world: World) -> None:
    told = world.api.ok("POST", BACKTEST, json={"trigger": "leaks", "history": "csv", "csv": CSV})
    assert told["settings"][0]["key"] == "leaks"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "trigger"),
        ({**REPLAYED, "trigger": "leaks"}, "trigger"),
        ({**REPLAYED, "history": "memory"}, "history"),
        ({**REPLAYED, "csv": "time\n"}, "csv"),
        ({**REPLAYED, "plant": {"at": "2026-09-21T15:00:00Z", "share": 2}}, "plant.share"),
        (
            {**REPLAYED, "troubles": [{"from": "2026-09-21T15:00:00Z", "to": "2026-09-21T14:00:00Z"}]},
            "troubles.0.from",
        ),
        ({**REPLAYED, "plant": {"at": "2026-09-22T15:00:00Z"}}, "plant.at"),
        ({**REPLAYED, "from": "yesterday"}, "from"),
        ({**REPLAYED, "definition": {**DEFINITION, "method": "guess"}}, "method"),
    ],
)
def test_what_cannot_be_replayed_is_refused_by_its_field(
    world: World, body: dict[str, Any], field: str
) -> None:
    status, _, fields = refusal(world.api.post(BACKTEST, json=body))
    assert (status, fields) == (422, [field])


def test_a_month_of_minutes_may_be_sent(world: World) -> None:
    month = "time,count\n" + "".join(
        f"2026-09-01T00:00:{i % 60:02d}.{i:06d}+00:00,0\n" for i in range(43_200)
    )
    assert len(month) > 1_000_000
    body = {**REPLAYED, "csv": month}
    assert world.api.ok("POST", BACKTEST, json=body)["settings"][0]["fired"] == []
