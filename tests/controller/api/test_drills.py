from __future__ import annotations

from tests.controller.api.world import PROJECT, World, nothing_came_of_it, refusal

DRILL = f"{PROJECT}/environments/staging/drill"


def test_a_drill_is_configured_run_and_looked_at(world: World) -> None:
    usual = world.api.ok("GET", DRILL)
    assert (usual["enabled"], usual["limit_s"], usual["requirement"]) == (False, 30, "rollback-drill")
    said = world.api.ok("PATCH", DRILL, {"limit_s": 5, "requirement": None, "reason": "x"})
    assert (said["limit_s"], said["requirement"], said["canary_on"]) == (5, None, True)
    begun = world.api.post(f"{DRILL}/runs", {"reason": "a try"})
    assert (begun.status_code, begun.get_json()["state"]) == (202, "running")
    assert world.flags()["flags"]["headgate-canary"]["defaultVariant"] == "off"
    assert refusal(world.api.post(f"{DRILL}/runs", {"reason": "x"})) == (409, "drill_running", ["drill"])
    id = begun.get_json()["id"]
    assert world.api.ok("GET", f"{DRILL}/runs/{id}") == begun.get_json()
    assert world.api.ok("GET", f"{DRILL}/runs")["items"] == [begun.get_json()]
    assert refusal(world.api.get(f"{DRILL}/runs/99")) == (404, "not_found", ["drill"])


def test_what_is_said_wrong_of_drills_is_refused(still: World) -> None:
    for content, field in (
        ({"limit_s": 0}, "limit_s"),
        ({"every_hours": 8761}, "every_hours"),
        ({"enabled": "yes"}, "enabled"),
        ({"requirement": "luck"}, "requirement"),
        ({"requirement": "runbook"}, "requirement"),
        ({"canary_on": False}, "canary_on"),
    ):
        found = nothing_came_of_it(still, "PATCH", DRILL, json=content)
        assert found == (422, "invalid_field", [field])
    assert nothing_came_of_it(still, "POST", f"{DRILL}/runs", json={})[2] == ["reason"]
