"""A client in a process that forks, as gunicorn and celery do after loading the product."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest
from headgate import Client

KEY = "hg_server_1_secret"


def in_child(work: Callable[[], Any]) -> Any:
    """Return what ``work`` returns in a forked child."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn of what this is about: a fork while threads run.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def test_a_child_has_the_flags_at_once_and_follows_changes_by_itself(server: Any, document: Any) -> None:
    server.stream_document(document("live", revision=1))
    with Client(server.url, KEY) as client:
        assert client.wait_until_ready(20)
        server.wait_for(lambda: server.receipts)

        def work() -> Any:
            before = [thread.name for thread in threading.enumerate()]
            first = client.decide("feature", "user-1").mode
            seen = threading.Event()
            client.on_change(lambda revision: revision == 2 and seen.set())
            server_said = seen.wait(20)
            client.close()
            return [len(before), first, server_said, client.status]

        def change() -> None:
            server.wait_for(lambda: len({receipt["instance"] for receipt in server.receipts}) == 2)
            server.wait_for(lambda: len(server.streams) == 2)
            server.streams[1].patch(1, document("off", revision=2), "feature")

        changing = threading.Thread(target=change)
        changing.start()
        assert in_child(work) == [1, "live", True, "closed"]
        changing.join()
        assert server.streams[1].headers["last-event-id"] == "1"
        assert client.decide("feature", "user-1").mode == "live"
        server.streams[0].patch(1, document("review", revision=3), "feature")
        server.wait_for(lambda: server.receipts[-1]["revision"] == 3)


def test_a_child_does_not_wait_for_a_lock_that_the_parent_held_in_mid_update(
    server: Any, document: Any
) -> None:
    server.stream_document(document())
    with Client(server.url, KEY) as client:
        assert client.wait_until_ready(20)
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            locks = [client._current._turn, client._outcomes._changed, client._waking]
            with ExitStack() as stack:
                for lock in (*locks, *(worker._changed for worker in client._workers)):
                    stack.enter_context(lock)
                held.set()
                let_go.wait(20)

        holding = threading.Thread(target=hold)
        holding.start()
        assert held.wait(20)

        def work() -> Any:
            decision = client.decide("feature", "user-1")
            client.report(decision, error=False)
            return [decision.mode, client.wait_until_ready(20), client.flush(20)]

        answer = in_child(work)
        let_go.set()
        holding.join()
        assert answer == ["live", True, True]


def test_what_the_parent_queued_is_sent_once_and_by_the_parent(server: Any, document: Any) -> None:
    server.stream_document(document())
    with Client(server.url, KEY) as client:
        assert client.wait_until_ready(20)
        decision = client.decide("feature", "user-1")
        client._outcomes._interval_s = 60
        client.report(decision, task="parent")

        def work() -> Any:
            client.report(decision, task="child")
            return client.flush(20)

        assert in_child(work) is True
        assert client.flush(20)
        assert sorted(outcome["task"] for batch in server.batches for outcome in batch) == ["child", "parent"]


def test_a_closed_client_stays_closed_in_a_child(server: Any, document: Any) -> None:
    server.serve(document())
    client = Client(server.url, KEY)
    client.close()
    assert in_child(lambda: [client.status, client.decide("feature", "user-1").mode]) == ["closed", "off"]


def test_where_no_thread_can_be_started_flags_are_good_until_their_lease_ends(
    server: Any, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve(document("live", valid_for_s=300))
    passed = 0.0
    with Client(server.url, KEY, stream=False, monotonic=lambda: time.monotonic() + passed) as client:
        assert client.wait_until_ready(20)

        def work() -> Any:
            nonlocal passed
            with monkeypatch.context() as full:
                full.setattr(threading.Thread, "start", _no_more_threads)
                client.report(client.decide("feature", "user-1"), error=False)
                modes = [client.decide("feature", "user-1").mode for _ in range(2)]
                passed = 301.0
                modes += [client.decide("feature", "user-1").mode for _ in range(2)]
            client.decide("feature", "user-1")
            came_back = threading.Event()
            client.on_status(lambda status: status == "ready" and came_back.set())
            assert client.status == "ready" or came_back.wait(20)
            return [*modes, client.decide("feature", "user-1").mode]

        assert in_child(work) == ["live", "live", "review", "review", "live"]


def _no_more_threads(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("has_decorators", [True, False])
def test_a_fork_of_uwsgi_is_heard_of(
    server: Any,
    document: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_decorators: bool,
) -> None:
    called: list[str] = []
    uwsgi: Any = ModuleType("uwsgi")
    uwsgi.post_fork_hook = lambda: called.append("the product's own")
    uwsgi.worker_id, uwsgi.opt = lambda: 0, {"master": True}
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    if has_decorators:
        decorators: Any = ModuleType("uwsgidecorators")
        decorators.postfork_chain = []
        monkeypatch.setitem(sys.modules, "uwsgidecorators", decorators)
    server.serve(document())
    with Client(server.url, KEY, stream=False) as client, Client(server.url, KEY, stream=False) as other:
        assert client.wait_until_ready(20)
        assert other.wait_until_ready(20)
        asked = len(server.requests)
        hooks = decorators.postfork_chain if has_decorators else [uwsgi.post_fork_hook]
        assert len(hooks) == 1
        for hook in hooks:
            hook()
        assert client.decide("feature", "user-1").mode == "live"
        # The threads of the copy ask anew.
        server.wait_for(lambda: len(server.requests) > asked)
    assert "set lazy-apps or py-call-uwsgi-fork-hooks" in caplog.text
    assert called == ([] if has_decorators else ["the product's own"])
