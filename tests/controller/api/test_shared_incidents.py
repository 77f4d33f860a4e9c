from __future__ import annotations

from controller.rollouts import Where, locate
from controller.store.shared_incidents import join_shared_incident, open_shared_incident
from stages import Trouble
from tests.controller.api.world import PROJECT, World, nothing_came_of_it

SHARED = f"{PROJECT}/shared-incidents"


def test_shared_incidents_are_listed_and_closed(world: World) -> None:
    with world.parts.database.write() as tx:
        stored = locate(tx, Where("acme", "staging", "claims-assistant"))
        trouble, now = Trouble("openai", "", "it is down"), world.parts.now()
        ids = [open_shared_incident(tx, stored.project_id, trouble, "trigger:slow", now) for _ in range(2)]
        join_shared_incident(tx, ids[0], stored.id, "slow", now)
    newest, oldest = world.api.ok("GET", SHARED)["items"]
    assert (oldest["provider"], oldest["members"][0]["feature"]) == ("openai", "claims-assistant")
    first = world.api.ok("GET", f"{SHARED}?limit=1")
    assert world.api.ok("GET", f"{SHARED}?cursor={first['next_cursor']}")["items"] == [oldest]
    closed = world.api.ok("POST", f"{SHARED}/{newest['id']}/close", {"resolution": "it is back"})
    assert (closed["closed_by"], closed["resolution"]) == ("key:tests", "it is back")
    path = f"{SHARED}/{newest['id']}/close"
    assert nothing_came_of_it(world, "POST", path, json={"resolution": "x"})[:2] == (409, "incident_closed")
    assert nothing_came_of_it(world, "POST", f"{SHARED}/99/close", json={"resolution": "x"})[0] == 404
