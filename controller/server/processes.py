"""The processes of a server: one that serves, or one that watches over several."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import Final

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from controller.server.connection import Connection

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
        Multiprocess(config, sockets=[place]).run()
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


def _files() -> int:
    """How many files a process may open, having asked for as many as the system grants."""
    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        granted = most
    return granted


def _serve(config: Config, place: socket.socket) -> None:
    # uvicorn sends itself the signal again that ended it; having ended as one was told to is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = Server(config)
    try:
        server.run(sockets=[place])
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(1)
