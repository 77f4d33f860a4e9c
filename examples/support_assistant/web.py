"""The HTTP face of the product: metrics, questions, faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from examples.support_assistant.faults import FaultBook, FaultsError, parse_faults
from examples.support_assistant.outcome import FEATURES, SUPPORT_ASSISTANT
from examples.support_assistant.traffic import Desk

_LONGEST_BODY = 65_536
Answer = tuple[int, str, bytes]


class RequestError(ValueError):
    """A request that cannot be served; the message says why."""


class WebServer(ThreadingHTTPServer):
    """Serves one desk on 127.0.0.1; port 0 takes any free port, see `address`."""

    daemon_threads = True

    def __init__(self, port: int, desk: Desk, faults: FaultBook) -> None:
        """Bind the port; requests are answered once `serve_forever` runs."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.desk = desk
        self.faults = faults

    @property
    def address(self) -> str:
        """Where it listens, e.g. `http://127.0.0.1:43121`."""
        return f"http://127.0.0.1:{self.server_port}"


def metrics(server: WebServer) -> Answer:
    """`GET /metrics`: the Prometheus text format."""
    return 200, CONTENT_TYPE_LATEST, server.desk.metrics.render()


def healthz(_server: WebServer) -> Answer:
    """`GET /healthz`: 200 while the process serves."""
    return _json(200, {"status": "ok"})


def show_faults(server: WebServer) -> Answer:
    """`GET /faults`: the faults in force, by release id."""
    return _json(200, server.faults.described())


def put_faults(server: WebServer, body: bytes) -> Answer:
    """`POST /faults`: put these faults in force instead of the present ones; `{}` mends everything."""
    server.faults.replace(parse_faults(body))
    return show_faults(server)


def ask(server: WebServer, body: bytes) -> Answer:
    """`POST /ask` with `user` and `question`, and if wanted `feature` and `cohorts`: the reply."""
    wanted = _fields(body)
    feature = FEATURES.get(wanted.get("feature", SUPPORT_ASSISTANT.key))
    if feature is None:
        raise RequestError(f"feature is one of {', '.join(FEATURES)}")
    cohorts = wanted.get("cohorts", [])
    if not isinstance(cohorts, list) or not all(isinstance(cohort, str) for cohort in cohorts):
        raise RequestError("cohorts is a list of strings")
    reply = server.desk.ask(feature, _text(wanted, "user"), _text(wanted, "question"), cohorts)
    return _json(200, reply.as_json())


_GET: dict[str, Callable[[WebServer], Answer]] = {
    "/metrics": metrics,
    "/healthz": healthz,
    "/faults": show_faults,
}
_POST: dict[str, Callable[[WebServer, bytes], Answer]] = {"/faults": put_faults, "/ask": ask}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: WebServer

    def do_GET(self) -> None:
        route = _GET.get(self.path.split("?")[0])
        self._send(route(self.server) if route else _problem(404, f"there is no GET {self.path}"))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            self._send(_problem(413, f"a body needs a length of at most {_LONGEST_BODY} bytes"))
            return
        self._send(self._accept(self.rfile.read(int(length))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a scrape every few seconds is not news."""

    def _accept(self, body: bytes) -> Answer:
        route = _POST.get(self.path.split("?")[0])
        if route is None:
            return _problem(404, f"there is no POST {self.path}")
        try:
            return route(self.server, body)
        except (FaultsError, RequestError) as error:
            return _problem(422, str(error))

    def _send(self, answer: Answer) -> None:
        status, content_type, body = answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise RequestError("the body is a JSON object")
    return found


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{name} is a text that is not empty")
    return value


def _json(status: int, document: object) -> Answer:
    return status, "application/json", json.dumps(document).encode()


def _problem(status: int, detail: str) -> Answer:
    return _json(status, {"status": status, "detail": detail})
