"""The loop with a real Prometheus: it scrapes the product, the product breaks, and a lookup changes.

Every part is a process of its own, as it would be in production; the test only watches from outside.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import headgate
import pytest

from examples.demo.controller import Api
from tests.components import free_port, running_prometheus
from tests.flows.conftest import eventually

ROLLOUT = "/projects/acme/environments/production/rollouts/support-assistant"
ADMIN_KEY = "hg_admin_0123456789ab_" + "k" * 43
REPOSITORY = Path(__file__).parents[2]
USERS = [f"customer-{n}" for n in range(1001, 1041)]

TRIGGER = {
    "key": "unsupported",
    "source": "metrics",
    "query": {
        "bad": 'sum(increase(support_answers_unsupported_total{feature="${feature}"}[${window}]))',
        "total": 'sum(increase(support_answers_judged_total{feature="${feature}"}[${window}]))',
    },
    "method": "threshold",
    "params": {"limit": 0.2, "min_samples": 20, "m": 2, "k": 3},
    "window_s": 10,
    "interval_s": 1,
    "arming": "act",
    "ladder": [{"do": "review"}, {"do": "disable", "after_s": 3}],
}


@contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield started
    finally:
        started.terminate()
        started.communicate(timeout=20)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "HEADGATE_DATABASE_URL": f"sqlite:///{tmp_path}/headgate.db",
        "HEADGATE_ADMIN_KEY": ADMIN_KEY,
        "HEADGATE_ADMIN_PASSWORD": "not-needed-here",
        "HEADGATE_TICK_SECONDS": "0.2",
    }
    command = (str(Path(sys.executable).with_name("headgate")), "serve", "--port", str(port))
    with process(*command, **settings):
        assert eventually(lambda: _answers(f"{url}/readyz"))
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _set_up(api: Api, prometheus_url: str) -> str:
    """A feature that everybody has, in an environment without gates; returns a server key."""
    api.post("/projects", {"key": "acme"})
    api.post("/projects/acme/environments", {"key": "production", "protected": False})
    api.post("/projects/acme/features", {"key": "support-assistant", "owner": "support", "risk_tier": "T1"})
    api.post(
        "/projects/acme/sources",
        {"key": "metrics", "kind": "prometheus", "settings": {"url": prometheus_url}},
    )
    bundle = {"prompt": {"ref": "git:answer@1"}, "model": {"provider": "stand-in", "id": "stand-in-small"}}
    release = api.post("/projects/acme/features/support-assistant/releases", {"bundle": bundle})["id"]
    api.post(f"{ROLLOUT}/moves", {"move": "introduce", "reason": "first", "release": release})
    api.post(f"{ROLLOUT}/triggers", TRIGGER)
    assert eventually(lambda: _trigger(api)["verdict"] is not None)
    api.post(f"{ROLLOUT}/promotions", {"stage": "beta", "reason": "go"})
    asked = {"kind": "server", "name": "product", "environment": "production"}
    return str(api.post("/projects/acme/keys", asked)["text"])


def _trigger(api: Api) -> dict[str, Any]:
    return dict(api.get(f"{ROLLOUT}/triggers/unsupported"))


def _break(product_url: str) -> None:
    faults = json.dumps({"*": {"unsupported": 0.7}}).encode()
    request = urllib.request.Request(f"{product_url}/faults", faults, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=5).close()


def _modes(client: headgate.Client) -> set[str]:
    return {client.decide("support-assistant", user, task="answer").mode for user in USERS}


def test_a_broken_product_is_taken_down_by_its_own_metrics(controller: str, tmp_path: Path) -> None:
    prometheus_port_file = tmp_path / "prometheus"
    prometheus_port_file.mkdir()
    product_port = free_port()
    config = f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: product
    static_configs: [{{targets: ["127.0.0.1:{product_port}"]}}]
"""
    with running_prometheus(prometheus_port_file, config) as prometheus:
        api = Api(controller, ADMIN_KEY)
        key = _set_up(api, prometheus.url)
        command = (sys.executable, "-m", "examples.support_assistant", "--headgate", controller, "--key", key)
        options = ("--port", str(product_port), "--rate", "40", "--poll", "0.2")
        with (
            process(*command, *options) as product,
            headgate.Client(controller, key, poll_interval_s=0.1) as client,
        ):
            assert product.stdout is not None
            assert re.search(r"listening on (\S+)", product.stdout.readline())
            assert eventually(lambda: _modes(client) == {"live"})
            assert eventually(lambda: _trigger(api)["verdict"] == "ok"), _trigger(api)
            _break(f"http://127.0.0.1:{product_port}")
            assert eventually(lambda: _modes(client) == {"review"}), _trigger(api)
            assert eventually(lambda: _modes(client) == {"off"}), _trigger(api)
        changes = api.get("/projects/acme/changes")["items"]
        assert [change["name"] for change in changes[:2]] == ["disable", "review"]
        assert {change["actor"] for change in changes[:2]} == {"trigger:unsupported"}
        reading = api.get(f"{ROLLOUT}/triggers/unsupported/readings?limit=1")["items"][0]
        assert 'feature="support-assistant"' in reading["asked"]["bad"]
