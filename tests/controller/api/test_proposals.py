from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Api
from tests.controller.api.world import FEATURE, PROJECT, TRIGGER, World, nothing_came_of_it
from tests.endpoint import closed_port

LIVE = f"{PROJECT}/environments/production/rollouts/claims-assistant/triggers"
SOURCE = f"{PROJECT}/sources/metrics"
ALERT = {
    "key": "alerts",
    "source": "metrics",
    "query": {"count": "sum(increase(alerts_total[${window}]))"},
    "arming": "act",
}


@pytest.fixture
def live(world: World) -> World:
    """The same with a trigger that is armed in production, on a source of its own that nobody answers for."""
    settings = {"url": f"http://127.0.0.1:{closed_port()}"}
    world.api.ok("POST", f"{PROJECT}/sources", {"key": "metrics", "kind": "prometheus", "settings": settings})
    world.api.ok("POST", LIVE, TRIGGER | ALERT)
    return world


def moved(world: World) -> dict[str, Any]:
    return {"settings": {"url": f"http://127.0.0.1:{closed_port()}", "lag_s": 60}}


def test_settings_of_a_source_are_proposed_listed_and_approved_by_somebody_else(live: World) -> None:
    new = moved(live)
    refused = nothing_came_of_it(live, "PUT", SOURCE, json=new)
    assert refused == (409, "refused", ["settings.lag_s", "settings.url"])
    made = live.api.ok("POST", f"{SOURCE}/proposals", new | {"reason": "the server moves"})
    assert (made["status"], made["wanted"]) == ("open", new["settings"])
    assert [each["code"] for each in made["looser"]] == ["loosening_unreviewed"] * 2
    assert live.api.ok("GET", f"{SOURCE}/proposals")["items"] == [made]
    [waiting] = live.api.ok("GET", f"{PROJECT}/proposals")["items"]
    assert [waiting[name] for name in ("id", "about", "environment", "feature", "key")] == [
        made["id"],
        "source",
        "",
        "",
        "metrics",
    ]
    path = f"{SOURCE}/proposals/{made['id']}"
    assert nothing_came_of_it(live, "POST", f"{path}/approve")[:2] == (409, "refused")
    other = Api(live.api.client, live.make_key(name="bob"))
    assert other.call("POST", f"{path}/approve").status_code == 204
    assert live.api.ok("GET", f"{PROJECT}/sources")["items"][-1]["settings"] == new["settings"]
    assert nothing_came_of_it(live, "DELETE", path)[:2] == (409, "proposal_decided")


def test_limits_of_a_feature_are_proposed_too(live: World) -> None:
    higher = {"automatic_moves_per_day": 100}
    assert nothing_came_of_it(live, "PATCH", FEATURE, json=higher)[2] == ["automatic_moves_per_day"]
    made = live.api.ok("POST", f"{FEATURE}/proposals", {"limits": higher, "reason": "a noisy week"})
    [waiting] = live.api.ok("GET", f"{PROJECT}/proposals")["items"]
    assert (waiting["about"], waiting["feature"]) == ("feature", "claims-assistant")
    other = Api(live.api.client, live.make_key(name="bob"))
    assert other.call("POST", f"{FEATURE}/proposals/{made['id']}/approve").status_code == 204
    assert live.api.ok("GET", FEATURE)["automatic_moves_per_day"] == 100
    again = live.api.ok("POST", f"{FEATURE}/proposals", {"limits": higher, "reason": "more"})
    assert live.api.call("DELETE", f"{FEATURE}/proposals/{again['id']}").status_code == 204
    assert [each["status"] for each in live.api.ok("GET", f"{FEATURE}/proposals")["items"]] == [
        "withdrawn",
        "applied",
    ]


def test_what_waits_about_triggers_is_among_it(live: World) -> None:
    live.api.ok("POST", f"{LIVE}/alerts/proposals", {"definition": None, "reason": "not needed"})
    [waiting] = live.api.ok("GET", f"{PROJECT}/proposals")["items"]
    assert [waiting[name] for name in ("about", "environment", "feature", "key")] == [
        "trigger",
        "production",
        "claims-assistant",
        "alerts",
    ]


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        (SOURCE, {"reason": "x"}, "settings"),
        (SOURCE, {"settings": {"url": "ftp://x"}, "reason": "x"}, "settings.url"),
        (FEATURE, {"limits": {}, "reason": "x"}, "limits"),
        (FEATURE, {"limits": {"owner": "me"}, "reason": "x"}, "limits.owner"),
    ],
)
def test_what_cannot_be_proposed_is_named(
    live: World, path: str, content: dict[str, Any], field: str
) -> None:
    assert nothing_came_of_it(live, "POST", f"{path}/proposals", json=content)[0::2] == (422, [field])
