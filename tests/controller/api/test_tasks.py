from __future__ import annotations

from controller.rollouts import Where, locate
from controller.store.tasks import add_task
from tests.controller.api.world import PROJECT, World, nothing_came_of_it

TASKS = f"{PROJECT}/tasks"


def test_tasks_are_listed_chosen_among_and_closed(world: World) -> None:
    with world.parts.database.write() as tx:
        stored = locate(tx, Where("acme", "staging", "claims-assistant"))
        for kind in ("refresh_data", "update_eval_set"):
            add_task(tx, stored.id, kind, "claims", "too old", "trigger:drift", world.parts.now())
    newest, oldest = world.api.ok("GET", TASKS)["items"]
    assert (newest["kind"], oldest["kind"]) == ("update_eval_set", "refresh_data")
    closed = world.api.ok("POST", f"{TASKS}/{oldest['id']}/close", {"resolution": "rebuilt"})
    assert (closed["resolution"], closed["closed_by"]) == ("rebuilt", "key:tests")
    assert world.api.ok("GET", f"{TASKS}?status=open&feature=claims-assistant")["items"] == [newest]
    assert world.api.ok("GET", f"{TASKS}?status=closed")["items"] == [closed]
    first = world.api.ok("GET", f"{TASKS}?limit=1")
    assert world.api.ok("GET", f"{TASKS}?cursor={first['next_cursor']}")["items"] == [closed]
    path = f"{TASKS}/{oldest['id']}/close"
    assert nothing_came_of_it(world, "POST", path, json={"resolution": "x"})[:2] == (409, "task_closed")
