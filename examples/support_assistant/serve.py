"""Runs the product with simulated visitors and serves it over HTTP."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import headgate

from examples.support_assistant.assistant import Assistant
from examples.support_assistant.customers import Person, people, visits
from examples.support_assistant.faults import FaultBook, FaultsError, parse_faults
from examples.support_assistant.metrics import Metrics
from examples.support_assistant.model import StandInModel
from examples.support_assistant.retrieval import Retriever, load_passages
from examples.support_assistant.traffic import Desk, Traffic, announce_releases
from examples.support_assistant.web import WebServer

_log = logging.getLogger(__name__)
_FILE_CHECK_S = 0.25


class FaultFile:
    """Keeps a fault book equal to a JSON file. A file that cannot be read leaves the faults as they are."""

    def __init__(self, path: Path, faults: FaultBook) -> None:
        """Name the file and the book; nothing is read yet."""
        self._path = path
        self._faults = faults
        self._applied: bytes | None = None

    def follow(self, stopping: threading.Event) -> None:
        """Look at the file four times a second until told to stop."""
        while not stopping.wait(_FILE_CHECK_S):
            self.apply()

    def apply(self) -> None:
        """Read the file, and put its faults in force if its content is new."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return
        if content != self._applied:
            self._applied = content
            self._replace(content)

    def _replace(self, content: bytes) -> None:
        try:
            self._faults.replace(parse_faults(content))
        except FaultsError as error:
            _log.warning("%s is ignored: %s", self._path, error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    faults = FaultBook(options.faults)
    if options.fault_file:
        file = FaultFile(options.fault_file, faults)
        file.apply()
        threading.Thread(target=file.follow, args=(stopping,), name="fault-file", daemon=True).start()
    with headgate.Client(options.headgate, options.key, poll_interval_s=options.poll) as client:
        _serve(client, options, faults, stopping)
    return 0


def build_desk(client: headgate.Client, faults: FaultBook) -> Desk:
    """The whole product around one Headgate client."""
    assistant = Assistant(client, StandInModel(faults), Retriever(load_passages()))
    return Desk(assistant, Metrics())


def _serve(
    client: headgate.Client, options: argparse.Namespace, faults: FaultBook, stopping: threading.Event
) -> None:
    desk, everyone = build_desk(client, faults), people(options.customers, options.staff)
    client.on_change(lambda *_: announce_releases(client, desk.metrics, everyone))
    # Without Headgate the product still serves: every decision is then the fallback.
    client.wait_until_ready(options.wait)
    announce_releases(client, desk.metrics, everyone)
    with WebServer(options.port, desk, faults) as server:
        _run(server, _traffic(desk, everyone, options), stopping)
    client.flush()


def _run(server: WebServer, traffic: Traffic, stopping: threading.Event) -> None:
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    traffic.start()
    print(f"listening on {server.address}", flush=True)
    stopping.wait()
    traffic.stop()
    server.shutdown()


def _traffic(desk: Desk, everyone: Sequence[Person], options: argparse.Namespace) -> Traffic:
    return Traffic(desk, visits(options.seed, everyone), options.rate)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.support_assistant", description=__doc__)
    parser.add_argument("--headgate", required=True, metavar="URL", help="where the controller answers")
    parser.add_argument(
        "--key", default=os.environ.get("HEADGATE_KEY"), help="server key; default: $HEADGATE_KEY"
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--rate", type=float, default=20.0, help="visits per second, 0 for none")
    parser.add_argument("--seed", type=int, default=0, help="order of the visits")
    parser.add_argument("--customers", type=int, default=32, help="how many customers visit")
    parser.add_argument("--staff", type=int, default=8, help="how many members of staff visit")
    parser.add_argument("--poll", type=float, default=1.0, help="seconds between two questions for new flags")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds to wait for the first flags")
    parser.add_argument("--faults", type=_faults, default={}, metavar="JSON", help="faults by release id")
    parser.add_argument("--fault-file", type=Path, metavar="PATH", help="a file with the same, followed")
    options = parser.parse_args(arguments)
    if not options.key:
        parser.error("--key or $HEADGATE_KEY is needed")
    return options


def _faults(text: str) -> object:
    try:
        return parse_faults(text)
    except FaultsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
