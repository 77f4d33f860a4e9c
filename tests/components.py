"""Real components to test against: found on the machine, started on free ports, stopped by their starter."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_S = 60.0


@dataclass(frozen=True)
class PrometheusServer:
    """A Prometheus server that is running and ready."""

    port: int

    @property
    def url(self) -> str:
        """The base address of its API."""
        return f"http://127.0.0.1:{self.port}"


def require_binary(name: str) -> str:
    """The path of a program. Without it the test is skipped, but fails in continuous integration."""
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"the program {name} is not installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def running_prometheus(directory: Path, config: str = "", samples: str = "") -> Iterator[PrometheusServer]:
    """A Prometheus server for the length of a with block, with its files in ``directory``.

    ``config`` is the text of its prometheus.yml; ``samples`` is OpenMetrics text with times that it shall
    have from the beginning.
    """
    binary = require_binary("prometheus")
    (directory / "prometheus.yml").write_text(config)
    if samples:
        _store(directory, samples)
    port = free_port()
    command = [
        binary,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=100y",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, port, directory / "log")
            yield PrometheusServer(port)
        finally:
            stop(process)


@contextlib.contextmanager
def running_alertmanager(directory: Path, config: str) -> Iterator[int]:
    """An Alertmanager for the length of a with block, with its files in ``directory``; gives its port.

    ``config`` is the text of its alertmanager.yml.
    """
    binary = require_binary("prometheus-alertmanager")
    (directory / "alertmanager.yml").write_text(config)
    port = free_port()
    command = [
        binary,
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",  # It has no peers, and listens for none.
    ]
    with (directory / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, port, directory / "alertmanager.log")
            yield port
        finally:
            stop(process)


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started, first politely."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)


def _store(directory: Path, samples: str) -> None:
    (directory / "samples.txt").write_text(samples)
    command = [
        require_binary("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(directory / "samples.txt"),
        str(directory / "data"),
    ]
    made = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    if made.returncode:
        pytest.fail(made.stdout + made.stderr)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if _answers(port, "/-/ready"):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            break
    pytest.fail(f"{process.args!r} did not become ready:\n{log.read_text()[-2000:]}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
