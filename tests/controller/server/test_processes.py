"""``headgate serve`` as processes: who ends, who is replaced, and who keeps a port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.server.processes import take
from tests.components import free_port
from tests.conftest import SECRET
from tests.contract.headgate_process import eventually

ROOT = Path(__file__).parents[3]


class Served:
    """A server with several delivery processes."""

    def __init__(self, url: str) -> None:
        self.port = free_port()
        environment = {name: text for name, text in os.environ.items() if not name.startswith("HEADGATE_")}
        environment |= {
            "HEADGATE_DATABASE_URL": url,
            "HEADGATE_SECRET_KEY": SECRET,
            "HEADGATE_ROLE": "delivery",
            "HEADGATE_WORKERS": "2",
        }
        command = [str(Path(sys.executable).with_name("headgate")), "serve", "--port", str(self.port)]
        self.first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def others(self) -> set[int]:
        """The processes that serve."""
        children = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().split()
        return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False

    def is_gone(self) -> bool:
        try:
            take("127.0.0.1", self.port).close()
        except OSError:
            return False
        return True


@pytest.fixture
def served(postgres_url: str) -> Iterator[Served]:
    made = Served(postgres_url)
    yield made
    for pid in (made.first.pid, *made.others()) if made.first.poll() is None else ():
        os.kill(pid, signal.SIGKILL)
    made.first.wait()


def test_a_process_that_dies_is_replaced_and_all_end_when_they_are_told_to(served: Served) -> None:
    eventually(lambda: len(served.others()) == 2 and served.is_ready())
    doomed = min(served.others())
    os.kill(doomed, signal.SIGKILL)
    eventually(lambda: len(served.others() - {doomed}) == 2 and served.is_ready())
    served.first.terminate()
    assert served.first.wait(30) == 0
    assert served.is_gone()


def test_nobody_keeps_the_port_of_a_server_whose_first_process_was_killed(served: Served) -> None:
    eventually(lambda: len(served.others()) == 2 and served.is_ready())
    served.first.kill()
    eventually(served.is_gone)


def test_clients_are_refused_until_there_is_somebody_to_answer_them() -> None:
    with take("127.0.0.1", 0) as place, pytest.raises(ConnectionRefusedError):
        socket.create_connection(place.getsockname(), 5)


def serve(tmp_path: Path, *lines: str, workers: int = 1) -> subprocess.Popen[str]:
    """A server of an application that is made by these lines."""
    made = "\n    ".join(("def make():", "time.sleep(0)", *lines))
    start = "from controller.server import processes as p\np._LEAVE_S, p._CLEAN_UP_S = 0.2, 0.2\n"
    start += f"p.run('made:make', p.take('127.0.0.1', 0), workers={workers}, streams=1)"
    (tmp_path / "made.py").write_text(f"import sys, threading, time\n{made}\n")
    (tmp_path / "start.py").write_text(
        f"if __name__ == '__main__':\n    {start.replace(chr(10), chr(10) + '    ')}\n"
    )
    where = {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "start.py")],
        env=os.environ | where,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_ends_in_time_and_without_a_word_whatever_its_threads_are_at(
    tmp_path: Path, number: signal.Signals
) -> None:
    busy = "threading.Thread(target=time.sleep, args=(60,)).start()"
    lines = ("from controller.bridge import Bridge", busy, "print('up', file=sys.stderr, flush=True)")
    with serve(tmp_path, *lines, "return Bridge(None, 1)") as server:
        assert server.stderr is not None
        assert server.stderr.readline() == "up\n"
        server.send_signal(number)
        assert server.wait(20) == 0
        assert server.stderr.read() == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_cannot_start_says_why_on_one_line(tmp_path: Path, workers: int) -> None:
    lines = ("from controller.server.processes import give_up", "give_up('no\\n  database')")
    with serve(tmp_path, *lines, workers=workers) as server:
        assert server.stderr is not None
        told = server.stderr.read().splitlines()
        assert server.wait(20) != 0
    assert "Headgate cannot start: no database" in told
    assert not any("Traceback" in line for line in told)
