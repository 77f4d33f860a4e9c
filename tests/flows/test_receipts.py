"""A stop is seen to have arrived: real clients say what they run, and a drill measures them."""

from __future__ import annotations

import headgate
import pytest

from tests.flows.conftest import PATIENCE_S, ROLLOUT, Installation, eventually

ENVIRONMENT = "/projects/acme/environments/production"
DRILL = f"{ENVIRONMENT}/drill"


def spread(installation: Installation) -> tuple[int, int]:
    """How many live instances have the newest revision, of how many."""
    found = installation.owner.ok("GET", f"{ENVIRONMENT}/instances/summary")
    return found["reached"], found["live"]


def test_a_stop_and_a_drill_are_seen_to_reach_every_instance(
    installation: Installation, product: headgate.Client
) -> None:
    key = installation.server_key()
    with headgate.Client(installation.url, key, poll_interval_s=0.02, app="shop") as other:
        assert other.wait_until_ready(PATIENCE_S)
        assert eventually(lambda: spread(installation) == (2, 2))
        installation.owner.ok("PUT", f"{ENVIRONMENT}/flags/banner", {"variants": {"on": True}})
        assert eventually(lambda: spread(installation) == (2, 2))
        assert other.decide("claims-assistant", "user-1").mode == "off"
        begun = installation.owner.ok("POST", f"{DRILL}/runs", {"reason": "before the release"})

        def is_over() -> bool:
            installation.evaluate()
            installation.clock.pass_(1)
            return bool(installation.owner.ok("GET", f"{DRILL}/runs/{begun['id']}")["state"] != "running")

        assert eventually(is_over)
    run = installation.owner.ok("GET", f"{DRILL}/runs/{begun['id']}")
    assert (run["state"], run["reached"], run["live"]) == ("passed", 2, 2)
    assert run["took_ms"] is not None
    assert installation.owner.ok("GET", ROLLOUT)["mode"] == "off"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database will do: what differs between the two is tested where it is written."""
    return sqlite_url
