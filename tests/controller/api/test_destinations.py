from __future__ import annotations

from typing import Any

import pytest

from controller.notices.webhook import signature
from controller.services import Services
from controller.store.destinations import get_destination
from controller.store.projects import get_project
from tests.conftest import MakeApp
from tests.controller.api.world import PROJECT, World, nothing_came_of_it
from tests.endpoint import replying, serving

DESTINATIONS = f"{PROJECT}/destinations"
GOOD = {
    "key": "pager",
    "kind": "webhook",
    "settings": {"url": "http://127.0.0.1:9/hook", "secret": "env:HOOK"},
    "events": ["incident.*", "task.opened"],
}


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Any:
    return make_app(sqlite_url, outbound_secrets={"HEADGATE_SECRET_HOOK": "http://127.0.0.1:9 a-secret-here"})


def test_a_destination_is_connected_changed_tried_and_disconnected(world: World, services: Services) -> None:
    made = world.api.ok("POST", DESTINATIONS, GOOD)
    assert {name: made[name] for name in GOOD} == GOOD
    changed = world.api.ok("PUT", f"{DESTINATIONS}/pager", {"settings": GOOD["settings"]})
    assert changed["events"] == ["*"]
    assert world.api.ok("GET", DESTINATIONS)["items"] == [changed]
    tried = world.api.ok("POST", f"{DESTINATIONS}/pager/test")
    assert tried["sent"] is False
    assert tried["message"]
    assert world.api.ok("GET", f"{DESTINATIONS}/pager/deliveries")["items"] == []
    assert world.api.call("DELETE", f"{DESTINATIONS}/pager").status_code == 204
    assert world.api.ok("GET", DESTINATIONS)["items"] == []
    recorded = [change["name"] for change in world.api.ok("GET", f"{PROJECT}/changes")["items"]]
    assert recorded[:3] == ["destination.disconnect", "destination.change", "destination.connect"]


def test_what_became_of_notices_is_listed_and_one_is_sent_again(world: World, services: Services) -> None:
    from controller.notices import deliver

    world.api.ok("POST", DESTINATIONS, {**GOOD, "events": ["change.destination.connect"]})
    deliver(services.database, services.now())
    services.deliveries.run()
    assert services.deliveries.join(30)
    [one] = world.api.ok("GET", f"{DESTINATIONS}/pager/deliveries?status=waiting")["items"]
    assert (one["event"], one["attempts"]) == ("change.destination.connect", 1)
    assert one["message"]
    again = f"{DESTINATIONS}/pager/deliveries/{one['id']}/again"
    assert world.api.call("POST", again).status_code == 204
    assert world.api.ok("GET", f"{DESTINATIONS}/pager/deliveries")["items"][0]["attempts"] == 0
    assert world.api.ok("GET", f"{DESTINATIONS}/pager/deliveries?status=given_up")["items"] == []
    assert nothing_came_of_it(world, "POST", f"{DESTINATIONS}/pager/deliveries/99/again")[0] == 404


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"key": "-"}, "key"),
        ({"kind": "pigeon"}, "kind"),
        ({"settings": {**GOOD["settings"], "secret": "short"}}, "settings.secret"),  # type: ignore[dict-item]
        ({"settings": {"url": "http://metadata.google.internal", "secret": "env:HOOK"}}, "settings.url"),
        ({"events": []}, "events"),
        ({"events": ["trigger.fired", "trigger.exploded"]}, "events.1"),
    ],
)
def test_what_cannot_be_connected_is_named(world: World, content: dict[str, Any], field: str) -> None:
    found = nothing_came_of_it(world, "POST", DESTINATIONS, json={**GOOD, **content})
    assert found == (422, "invalid_field", [field])


def test_a_key_is_given_once_and_a_missing_one_is_not_found(world: World) -> None:
    world.api.ok("POST", DESTINATIONS, GOOD)
    assert nothing_came_of_it(world, "POST", DESTINATIONS, json=GOOD)[:2] == (409, "key_taken")
    assert nothing_came_of_it(world, "POST", f"{DESTINATIONS}/other/test")[0] == 404


def test_a_secret_that_is_entered_is_sealed_for_its_address_and_never_shown(
    world: World, services: Services
) -> None:
    with serving(replying(204, b"")) as endpoint, serving(replying(204, b"")) as other:
        entered = {"url": endpoint.url, "secret": "the-secret-itself"}
        made = world.api.ok("POST", DESTINATIONS, {**GOOD, "settings": entered})
        assert made["settings"] == {"url": endpoint.url, "secret": "***"}
        assert world.api.ok("POST", f"{DESTINATIONS}/pager/test")["sent"] is True
        [call] = endpoint.calls
        signed = signature(
            b"the-secret-itself", call.headers["webhook-id"], call.headers["webhook-timestamp"], call.body
        )
        assert call.headers["webhook-signature"] == f"v1,{signed}"
        hidden = {"settings": {"url": f"{endpoint.url}/other", "secret": "***"}}
        assert world.api.ok("PUT", f"{DESTINATIONS}/pager", hidden)["settings"]["secret"] == "***"
        assert world.api.ok("POST", f"{DESTINATIONS}/pager/test")["sent"] is True
        moved = {"settings": {"url": other.url, "secret": "***"}}
        refused = nothing_came_of_it(world, "PUT", f"{DESTINATIONS}/pager", json=moved)
        assert refused == (422, "invalid_field", ["settings.secret"])
        assert other.calls == []
    with services.database.read() as tx:
        stored = get_destination(tx, get_project(tx, "acme").id, "pager").settings
    assert str(stored["secret"]).startswith("sealed:v1.")
    assert "the-secret-itself" not in str(world.api.ok("GET", f"{PROJECT}/changes"))


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]"])
def test_no_spelling_of_an_address_leads_to_metadata(world: World, host: str) -> None:
    settings = {"url": f"http://{host}/hook", "secret": "the-secret-itself"}
    found = nothing_came_of_it(world, "POST", DESTINATIONS, json={**GOOD, "settings": settings})
    assert found == (422, "invalid_field", ["settings.url"])
    read = {"url": f"http://{host}/${{name}}", "path": "$.version"}
    write = {"method": "PUT", "url": "http://127.0.0.1:9/${name}", "body": {}}
    registry = {"key": "prompts", "kind": "http", "settings": {"auth": "none", "read": read, "write": write}}
    found = nothing_came_of_it(world, "POST", f"{PROJECT}/registries", json=registry)
    assert found == (422, "invalid_field", ["settings.read.url"])
