from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import TRIGGER, TRIGGERS, World

HOLD = {"do": "hold", "after_s": 60}


def test_policies_are_kept_as_they_were_given_and_shown_with_those_of_the_tier(world: World) -> None:
    asked = TRIGGER | {"key": "own", "on_no_data": HOLD, "on_stale": {"do": "act"}, "use_partial": True}
    made = world.api.ok("POST", TRIGGERS, asked)
    assert (made["on_no_data"], made["on_stale"], made["on_partial"]) == (
        HOLD,
        {"do": "act", "after_s": None},
        None,
    )
    assert made["use_partial"] is True
    assert made["policies"]["no_data"] == HOLD
    assert set(made["policies"]) == {"no_data", "partial", "source_error", "stale"}
    assert made["policies"]["source_error"]["do"] in {"hold", "notify"}
    assert (made["lack"], made["lack_since"], made["seen_at"]) == (None, None, None)
    sent = {name: made[name] for name in asked}
    again = world.api.ok("PUT", f"{TRIGGERS}/own", sent)
    assert again["policies"] == made["policies"]


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"do": "explode"}, "on_no_data.do"),
        ({"after_s": 5}, "on_no_data.do"),
        ({"do": "hold", "after_s": -1}, "on_no_data.after_s"),
        ({"do": "hold", "after_s": 10**9}, "on_no_data.after_s"),
        ({"do": "hold", "why": "x"}, "on_no_data.why"),
        ("hold", "on_no_data"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(world: World, policy: Any, field: str) -> None:
    answer = world.api.call("POST", TRIGGERS, json=TRIGGER | {"key": "own", "on_no_data": policy})
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.get_json()["errors"]]
