"""The processes of a server: one that serves, or one that watches over several."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from controller.server.connection import Connection

log = logging.getLogger(__name__)

_BACKLOG: Final = 2048
"""Connections that may wait to be taken."""
_BESIDE_STREAMS: Final = 20_000
"""Connections that are no streams: most wait for their client's next poll."""
_FILES_OF_OUR_OWN: Final = 256
"""What a process opens besides connections, its database above all."""
_IDLE_S: Final = 75
"""For the next request of a client; longer than the minute for which load balancers keep their connections."""
_LEAVE_S: Final = 10
"""For what is still being answered, when the server ends."""
_CLEAN_UP_S: Final = 1
"""For the rest of a process after that."""


def take(address: str, port: int) -> socket.socket:
    """Take the place where clients are to connect. They are refused until there is somebody to answer them.

    Raises:
        OSError: Somebody else has it, or there is none.
    """
    place = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((address, port))
    except OSError:
        place.close()
        raise
    return place


def run(factory: str, place: socket.socket, *, workers: int, streams: int) -> None:
    """Serve the ASGI application that ``factory`` (module:function) makes, until the process is told to end.

    ``streams``: as many of the connections of one process may be streams.
    """
    config = Config(
        factory,
        factory=True,
        http=Connection,
        loop="uvloop",
        lifespan="on",
        ws="none",
        workers=workers,
        backlog=_BACKLOG,
        limit_concurrency=min(streams + _BESIDE_STREAMS, _files() - _FILES_OF_OUR_OWN),
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_LEAVE_S,
        log_config=None,
        log_level="error",
        access_log=False,
        # What a proxy says of its client is not needed, and would have to be trusted.
        proxy_headers=False,
        server_header=False,
    )
    if workers > 1:
        _serve_several(config, place)
    else:
        _serve(config, place)


def end_with_the_first() -> None:
    """Let a process that another watches over end with it, even if that is killed: else it would keep its port."""
    first = multiprocessing.parent_process()
    if first is not None:

        def outlived() -> None:
            first.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=outlived, name="first-process", daemon=True).start()


def give_up(why: str) -> NoReturn:
    """End a process that cannot start, and with it those beside it, which could not either; told on one line."""
    log.critical("Headgate cannot start: %s", " ".join(why.split()))
    sys.exit(STARTUP_FAILURE)


def _files() -> int:
    """How many files a process may open, having asked for as many as the system grants."""
    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        granted = most
    return granted


class _InTime(Server):
    """A server that ends when it is told to, and in time, whatever its threads are still at."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Take leave of the clients, or of nobody when somebody at a terminal asks again."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(0)
        if not self.should_exit:
            last = threading.Timer(_LEAVE_S + _CLEAN_UP_S, os._exit, (0,))
            last.daemon = True
            last.start()
        self.should_exit = True


class _Several(Multiprocess):
    """Several processes, none of which is waited for without end."""

    def join_all(self) -> None:
        """Wait for all of them, and kill what does not end."""
        until = time.monotonic() + _LEAVE_S + _CLEAN_UP_S
        for process in self.processes:
            process.process.join(max(0, until - time.monotonic()))
            process.process.kill()
            process.process.join()


def _serve_several(config: Config, place: socket.socket) -> None:
    several = _Several(config, sockets=[place])
    several.run()
    if any(process.exitcode == STARTUP_FAILURE for process in several.processes):
        sys.exit(1)


def _serve(config: Config, place: socket.socket) -> None:
    server = _InTime(config)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # The terminal is gone, and with it who would end the server.
        signal.signal(signal.SIGHUP, server.handle_exit)
    server.run(sockets=[place])
    if not server.started and not server.should_exit:
        sys.exit(1)
