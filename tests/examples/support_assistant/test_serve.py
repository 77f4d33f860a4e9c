"""The product as a real process, in front of a server that knows nothing but one flag document."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from examples.support_assistant.faults import HEALTHY, FaultBook, Faults
from examples.support_assistant.serve import FaultFile

_ROOT = Path(__file__).parents[3]
_RELEASE = "r-7f3a12ab34cd"
_VALUE = {
    "mode": "live",
    "stage": "pilot",
    "autonomy": "recommend",
    "release": {"id": _RELEASE, "prompt": {"ref": "answer@1"}, "model": {"id": "stand-in-small"}},
    "review": {"required": False, "sample_rate": 0.0, "below_confidence": None, "reviewers": []},
    "fallback": "classic-search",
    "limits": {},
}
_OFF = {**_VALUE, "mode": "off", "release": None}
_FLAG = {
    "state": "ENABLED",
    "variants": {"off": _OFF, "stable": _VALUE},
    "defaultVariant": "stable",
    "metadata": {"stage": "pilot", "mode": "live", "when_lost": "review", "rollout_version": 1},
}
_STAFF_ONLY = {
    **_FLAG,
    "targeting": {"if": [{"in": ["staff", {"merge": [{"var": "cohorts"}]}]}, "stable", "off"]},
}
_DOCUMENT = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "metadata": {"project": "acme", "environment": "production", "revision": 1, "valid_for_s": 300},
    "flags": {"support-assistant": _FLAG, "reply-drafts": _STAFF_ONLY},
}


class _FlagServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FlagHandler)
        self.outcomes: queue.Queue[dict[str, Any]] = queue.Queue()


class _FlagHandler(BaseHTTPRequestHandler):
    server: _FlagServer

    def do_GET(self) -> None:
        if self.path == "/sdk/v1/flags":
            self._send(200, _DOCUMENT)
        else:
            self._send(404, {"status": 404})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for outcome in body.get("outcomes", []):
            self.server.outcomes.put(outcome)
        self._send(202, {"accepted": len(body.get("outcomes", [])), "duplicates": 0})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _flag_server() -> Iterator[_FlagServer]:
    with _FlagServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def _product(headgate: str, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "examples.support_assistant", "--headgate", headgate]
    process = subprocess.Popen(
        [*command, "--key", "hg_server_test_secret", *options], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip(), process
    finally:
        process.kill()
        process.communicate()


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _post(url: str, document: object) -> Any:
    request = urllib.request.Request(url, json.dumps(document).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _sample(metrics: str, name: str, feature: str = "support-assistant") -> float:
    start = f'{name}{{feature="{feature}",release="{_RELEASE}"}} '
    [line] = [line for line in metrics.splitlines() if line.startswith(start)]
    return float(line.removeprefix(start))


def test_the_product_serves_reports_breaks_and_ends_cleanly() -> None:
    with (
        _flag_server() as flags,
        _product(f"http://127.0.0.1:{flags.server_port}", "--rate", "0") as (
            url,
            process,
        ),
    ):
        before = _get(f"{url}/metrics")
        for feature in ("support-assistant", "reply-drafts"):
            assert _sample(before, "support_answers_total", feature) == 0
            assert _sample(before, "support_answers_unsupported_total", feature) == 0

        question = {"user": "customer-1001", "question": "How high is the excess for subsidence?"}
        good = _post(f"{url}/ask", question)
        assert (good["state"], good["release"]) == ("answered", _RELEASE)
        assert good["outcome"]["grounded"] is True

        _post(f"{url}/faults", {_RELEASE: {"unsupported": 1, "leak_account": True}})
        bad = _post(f"{url}/ask", question)
        assert (bad["state"], bad["outcome"]["grounded"]) == ("withheld", False)
        assert _post(f"{url}/faults", {}) == {}
        assert _post(f"{url}/ask", question)["text"] == good["text"]

        drafted = {**question, "feature": "reply-drafts", "cohorts": ["staff"]}
        assert _post(f"{url}/ask", drafted)["text"].startswith("Dear customer")
        assert _post(f"{url}/ask", {**drafted, "cohorts": ["customers"]})["state"] == "searched"

        after = _get(f"{url}/metrics")
        assert _sample(after, "support_answers_total") == 3
        assert _sample(after, "support_answers_unsupported_total") == 1
        assert _sample(after, "support_answers_sensitive_total") == 1
        assert json.loads(_get(f"{url}/healthz")) == {"status": "ok"}

        process.terminate()
        assert process.wait(timeout=20) == 0
        reported = [flags.outcomes.get(timeout=10) for _ in range(5)]
        assert [outcome["sensitive_data"] for outcome in reported] == [False, True, False, False, None]
        assert [outcome["release"] for outcome in reported] == [*[_RELEASE] * 4, None]


def test_visitors_come_by_themselves_and_are_reported() -> None:
    faults = json.dumps({"*": {"unsupported": 1}})
    with _flag_server() as flags:
        options = ("--rate", "100", "--faults", faults)
        with _product(f"http://127.0.0.1:{flags.server_port}", *options) as (url, process):
            reported = [flags.outcomes.get(timeout=30) for _ in range(20)]
            assert _sample(_get(f"{url}/metrics"), "support_answers_unsupported_total") >= 1
            process.terminate()
            assert process.wait(timeout=20) == 0
    assert {outcome["grounded"] for outcome in reported} == {False}


def test_without_headgate_the_product_still_answers_with_search() -> None:
    with _product("http://127.0.0.1:9", "--rate", "0", "--wait", "0.1") as (url, _):
        reply = _post(f"{url}/ask", {"user": "customer-1001", "question": "When does my refund arrive?"})
    assert (reply["mode"], reply["state"]) == ("off", "searched")
    assert reply["links"]


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("faults", {"r-1": {"unsupported": 2}}, "unsupported"),
        ("ask", {"user": "u"}, "question"),
        ("ask", {"user": "u", "question": "q", "feature": "x"}, "feature"),
        ("ask", {"user": "u", "question": "q", "cohorts": "staff"}, "cohorts"),
        ("nowhere", {}, "nowhere"),
    ],
)
def test_a_wrong_request_is_refused_by_name(
    running: str, path: str, body: dict[str, object], named: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        _post(f"{running}/{path}", body)
    assert refused.value.code in (404, 422)
    assert named in refused.value.read().decode()


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    with _product("http://127.0.0.1:9", "--rate", "0", "--wait", "0") as (url, _):
        yield url


def test_a_fault_file_is_applied_when_it_changes(tmp_path: Path) -> None:
    path, book = tmp_path / "faults.json", FaultBook({"r-1": Faults(fails=1)})
    file = FaultFile(path, book)
    file.apply()
    assert book.of("r-1") == Faults(fails=1)
    path.write_text('{"r-1": {"unsupported": 0.4}}')
    file.apply()
    assert book.of("r-1") == Faults(unsupported=0.4)
    path.write_text("{ half written")
    file.apply()
    assert book.of("r-1") == Faults(unsupported=0.4)
    path.write_text("{}")
    file.apply()
    assert book.of("r-1") == HEALTHY


def test_a_fault_file_leaves_alone_what_was_set_elsewhere_until_it_changes(tmp_path: Path) -> None:
    path, book = tmp_path / "faults.json", FaultBook()
    path.write_text('{"r-1": {"unsupported": 0.4}}')
    file = FaultFile(path, book)
    file.apply()
    book.set("r-1", HEALTHY)
    file.apply()
    assert book.of("r-1") == HEALTHY
