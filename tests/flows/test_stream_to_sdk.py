"""A stop on its way through a real ``headgate serve``: move, stream, lookup, receipt."""

from __future__ import annotations

import threading
from pathlib import Path

import headgate

from bench.installation import running_controller
from tests.flows.conftest import PATIENCE_S, eventually


def test_a_stop_reaches_a_client_by_its_stream_and_the_receipt_comes_back(tmp_path: Path) -> None:
    with running_controller(tmp_path) as controller:
        key = controller.begin()
        controller.launch("claims-assistant")
        with headgate.Client(
            controller.url, key, poll_interval_s=3600, app="claims", cache_dir=tmp_path / "cache"
        ) as client:
            assert client.wait_until_ready(PATIENCE_S)
            assert eventually(lambda: client._streamer.is_live is True)
            assert client.decide("claims-assistant", "user-1").mode == "live"
            stopped = threading.Event()
            client.on_change(lambda _: stopped.set())
            controller.move("claims-assistant", "disable")
            assert stopped.wait(PATIENCE_S)
            assert client.decide("claims-assistant", "user-1").mode == "off"
            environment = f"{controller.url}/api/v1/projects/acme/environments/production"

            def is_known() -> bool:
                instances = controller.session.get(f"{environment}/instances", timeout=30).json()["items"]
                return [(one["app"], one["revision"]) for one in instances] == [("claims", client.revision)]

            assert eventually(is_known)
        # What was kept on disk is asked about by its name, and confirmed by the stream without being sent again.
        with headgate.Client(
            controller.url, key, poll_interval_s=3600, cache_dir=tmp_path / "cache"
        ) as client:
            assert client.wait_until_ready(PATIENCE_S)
            assert client.decide("claims-assistant", "user-1").mode == "off"
