"""The eight classes that every team names, with a real Prometheus: each ready-made trigger fires and does what it says.

One feature for each class, all served well at first. Then every answer goes wrong in the way of its class. One more
feature has no trigger over metrics: a rule in Prometheus and a real Alertmanager tell Headgate of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from examples.demo.controller import Api
from tests.components import running_alertmanager, running_prometheus
from tests.flows.conftest import eventually
from tests.flows.test_real_prometheus import ADMIN_KEY, controller

__all__ = ["controller"]

ENVIRONMENT = "/projects/acme/environments/production"
FAST_S = 2
"""The times of the ladders are made this short; what they do stays as it comes."""
NAMED = {
    "unsupported-answers": "review",
    "reviewer-rejection": "review",
    "hallucinated-citations": "review",
    "sensitive-data": "disable",
    "latency": "narrow",
    "cost-spike": "narrow",
    "abandonment": "narrow",
    "escalation": "review",
}
COUNTED = {
    "unsupported-answers": ("genai_evaluations_total", 'evaluation="supported",label="{}"', "fail", "pass"),
    "reviewer-rejection": ("genai_reviews_total", 'decision="{}"', "rejected", "accepted"),
    "hallucinated-citations": ("genai_citations_total", 'valid="{}"', "false", "true"),
    "abandonment": ("genai_workflows_total", 'outcome="{}"', "abandoned", "completed"),
}


ALERTED = "alerted"
SECRET = "only-alertmanager-knows-this"
ALERT = {
    "key": "alert",
    "source": "alerts",
    "query": {"alert": "AnswersLeak"},
    "method": "threshold",
    "params": {"limit": 0},
    "window_s": 60,
    "interval_s": FAST_S,
    "arming": "act",
    "ladder": [{"do": "disable"}],
}


@dataclass
class Product:
    """What a product with one feature for each class exposes; answers come as fast as it is scraped."""

    releases: Mapping[str, str]
    broken: bool = False
    good: int = 0
    bad: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def metrics(self) -> str:
        """The counters, after some more answers."""
        with self.lock:
            self.good, self.bad = (self.good, self.bad + 10) if self.broken else (self.good + 10, self.bad)
            return "".join(f"{line}\n" for feature in self.releases for line in self._lines(feature))

    def _lines(self, feature: str) -> Iterator[str]:
        of = f'feature="{feature}",release="{self.releases[feature]}"'
        total = self.good + self.bad
        if feature in COUNTED:
            name, label, bad, good = COUNTED[feature]
            yield f"{name}{{{of},{label.format(bad)}}} {self.bad}"
            yield f"{name}{{{of},{label.format(good)}}} {self.good}"
        elif feature == "sensitive-data":
            yield f'genai_sensitive_data_exposures_total{{feature="{feature}"}} {self.bad}'
        elif feature == "escalation":
            yield f"genai_escalations_total{{{of}}} {self.bad}"
            yield f"genai_answers_total{{{of}}} {total}"
        elif feature == "latency":
            name = "gen_ai_client_operation_duration_seconds"
            yield f'{name}_bucket{{{of},le="10.24"}} {self.good}'
            yield f"{name}_count{{{of}}} {total}"
        else:
            name, of = "gen_ai_client_token_usage", f'{of},gen_ai_token_type="output"'
            yield f'{name}_bucket{{{of},le="4096"}} {self.good}'
            yield f"{name}_count{{{of}}} {total}"


@pytest.fixture
def product() -> Iterator[tuple[Product, int]]:
    served = Product({})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.metrics().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served, server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def set_up(api: Api, prometheus: str) -> dict[str, str]:
    """A live feature for each class with its trigger; returns their releases."""
    api.post("/projects", {"key": "acme"})
    api.post("/projects/acme/environments", {"key": "production", "protected": False})
    settings = {"url": prometheus}
    api.post("/projects/acme/sources", {"key": "metrics", "kind": "prometheus", "settings": settings})
    catalogue = api.get("/ready-made-triggers?tier=T2&telemetry=otel&source=metrics")["items"]
    bodies = {each["key"]: each["trigger"] for each in catalogue}
    sender = {"sender": "alertmanager", "secret": SECRET}
    api.post("/projects/acme/sources", {"key": "alerts", "kind": "inbound", "settings": sender})
    live(api, ALERTED, ALERT)
    return {feature: live(api, feature, bodies[feature]) for feature in NAMED}


def live(api: Api, feature: str, trigger: dict[str, Any]) -> str:
    """A feature that half of the users have."""
    rollout = f"{ENVIRONMENT}/rollouts/{feature}"
    api.post("/projects/acme/features", {"key": feature, "owner": "support", "risk_tier": "T2"})
    bundle = {
        "prompt": {"ref": "git:answer@1"},
        "model": {"provider": "stand-in", "id": "stand-in-2026-01-01"},
    }
    release = str(api.post(f"/projects/acme/features/{feature}/releases", {"bundle": bundle})["id"])
    api.post(f"{rollout}/moves", {"move": "introduce", "reason": "first", "release": release})
    api.post(f"{rollout}/promotions", {"stage": "beta", "reason": "go", "exposure": {"share": 5000}})
    short = [
        {**rung, "after_s": FAST_S if rung.get("after_s") else 0}
        for rung in trigger["ladder"]
        if rung["do"] in ("notify", "update_eval_set", NAMED.get(feature, "disable"))
    ]
    api.post(f"{rollout}/triggers", {**trigger, "interval_s": FAST_S, "ladder": short, "arming": "act"})
    return release


def done(api: Api, feature: str) -> str:
    """What became of a feature."""
    rollout = api.get(f"{ENVIRONMENT}/rollouts/{feature}")
    if rollout["mode"] == "off":
        return "disable"
    if rollout["mode"] == "review":
        return "review"
    return "narrow" if rollout["exposure"]["share"] < 5000 else ""


def verdicts(api: Api) -> dict[str, str | None]:
    return {each: api.get(f"{ENVIRONMENT}/rollouts/{each}/triggers/{each}")["verdict"] for each in NAMED}


def alerting(directory: Path, product: int, alertmanager: int) -> str:
    """A Prometheus that scrapes the product, and alerts when one of its counters rises."""
    labels = f"{{feature: {ALERTED}, environment: production}}"
    rule = 'genai_sensitive_data_exposures_total{feature="sensitive-data"} > 0'
    (directory / "rules.yml").write_text(f"""
groups:
  - name: product
    rules: [{{alert: AnswersLeak, expr: '{rule}', labels: {labels}}}]
""")
    return f"""
global: {{scrape_interval: 250ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: product
    static_configs: [{{targets: ["127.0.0.1:{product}"]}}]
"""


def telling(headgate: str) -> str:
    """An Alertmanager that tells Headgate of every alert at once."""
    return f"""
route: {{receiver: headgate, group_wait: 0s, group_interval: 1s}}
receivers:
  - name: headgate
    webhook_configs:
      - url: {headgate}/hooks/v1/acme/alerts
        http_config: {{authorization: {{credentials: {SECRET}}}}}
"""


def test_each_of_the_eight_named_triggers_fires_and_does_what_its_ladder_says(
    controller: str, product: tuple[Product, int], tmp_path: Path
) -> None:
    served, port = product
    with (
        running_alertmanager(tmp_path, telling(controller)) as alertmanager,
        running_prometheus(tmp_path, alerting(tmp_path, port, alertmanager)) as prometheus,
    ):
        api = Api(controller, ADMIN_KEY)
        served.releases = set_up(api, prometheus.url)
        assert eventually(lambda: set(verdicts(api).values()) == {"ok"}), verdicts(api)
        assert {feature: done(api, feature) for feature in NAMED} == dict.fromkeys(NAMED, "")
        assert done(api, ALERTED) == ""
        served.broken = True
        for feature, expected in {**NAMED, ALERTED: "disable"}.items():
            assert eventually(lambda feature=feature: done(api, feature) != ""), verdicts(api)
            assert done(api, feature) == expected, feature
        actors = {change["actor"] for change in api.get("/projects/acme/changes?limit=100")["items"]}
        assert {"trigger:alert", *(f"trigger:{feature}" for feature in NAMED)} <= actors
