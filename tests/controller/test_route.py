from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from controller.egress import PrivateHosts
from controller.http import Outbound, Refused, TimedOut, Unreachable
from tests.endpoint import closed_port, replying, serving

PATIENT_S = 20.0
SHORT_S = 0.4
MARGIN_S = 10.0
OUTBOUND = Outbound()


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of waiting connections is full: whoever connects gets no answer at all."""
    with contextlib.ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = open_sockets.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_an_address_that_does_not_answer_is_given_up(full_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match="no answer"):
        Outbound(connect_s=SHORT_S).send("GET", f"http://127.0.0.1:{full_port}", deadline_s=PATIENT_S)
    assert time.monotonic() - began < MARGIN_S


def test_an_address_that_does_not_answer_is_given_up_at_the_deadline(full_port: int) -> None:
    began = time.monotonic()
    with pytest.raises((Unreachable, TimedOut)):
        Outbound(connect_s=PATIENT_S).send("GET", f"http://127.0.0.1:{full_port}", deadline_s=SHORT_S)
    assert time.monotonic() - began < MARGIN_S


def test_a_name_look_up_that_never_ends_is_cut_off() -> None:
    released = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        released.wait(60)
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(TimedOut):
        Outbound(resolve=resolve).send("GET", "http://slow.example", deadline_s=SHORT_S)
    assert time.monotonic() - began < MARGIN_S
    released.set()


def test_a_closed_port_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        OUTBOUND.send("GET", f"http://127.0.0.1:{closed_port()}", deadline_s=PATIENT_S)


def test_an_unknown_name_is_unreachable() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Unreachable, match="not known"):
        Outbound(resolve=resolve).send("GET", "http://nowhere.example", deadline_s=PATIENT_S)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata",
    ],
)
def test_addresses_that_are_never_called_are_refused_when_saved_and_when_called(host: str) -> None:
    for port in ("", ":8080"):
        with pytest.raises(Refused):
            OUTBOUND.check(f"http://{host}{port}/latest")
        with pytest.raises(Refused):
            OUTBOUND.send("GET", f"http://{host}{port}/latest", deadline_s=PATIENT_S)


@pytest.mark.parametrize(
    "host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0", "0x0"]
)
def test_unusual_spellings_of_such_addresses_are_refused_when_connecting(host: str) -> None:
    with pytest.raises((Refused, Unreachable)) as stopped:
        OUTBOUND.send("GET", f"http://{host}/", deadline_s=PATIENT_S)
    assert "never called" in str(stopped.value) or "not known" in str(stopped.value)


def test_a_name_is_judged_by_the_address_it_has_when_connecting() -> None:
    """It leads to a harmless address when it is looked at first, and to another one afterwards."""
    addresses = iter([["127.0.0.1"], ["169.254.169.254"]])
    with serving(replying(200)) as endpoint:
        outbound = Outbound(resolve=lambda host, port: next(addresses))
        url = f"http://rebinding.example:{endpoint.port}/"
        assert outbound.send("GET", url, deadline_s=PATIENT_S).status == 200
        with pytest.raises(Refused, match="leads to an address that is never called"):
            outbound.send("GET", url, deadline_s=PATIENT_S)


def test_of_several_addresses_the_first_that_may_be_called_and_answers_is_used() -> None:
    with serving(replying(200)) as endpoint:
        outbound = Outbound(resolve=lambda host, port: ["fe80::1", "127.0.0.2", "127.0.0.1"])
        url = f"http://many.example:{endpoint.port}/"
        assert outbound.send("GET", url, deadline_s=PATIENT_S).status == 200
        assert endpoint.calls[0].headers["host"] == f"many.example:{endpoint.port}"


def test_without_private_addresses_a_local_server_is_not_reached() -> None:
    with serving(replying(200)) as endpoint:
        outbound = Outbound(private=PrivateHosts(), resolve=lambda host, port: ["127.0.0.1"])
        for url in (endpoint.url, f"http://innocent.example:{endpoint.port}/"):
            with pytest.raises(Refused):
                outbound.send("GET", url, deadline_s=PATIENT_S)
        assert endpoint.calls == []


def test_where_a_name_leads_is_found_out_before_it_is_stored() -> None:
    def resolve(host: str, port: int) -> list[str]:
        if host == "unknown.example":
            raise OSError
        return ["10.0.0.7"] if host == "inside.example" else ["93.184.216.34"]

    outbound = Outbound(private=PrivateHosts(), resolve=resolve)
    outbound.check_leads("https://outside.example")
    outbound.check_leads("https://unknown.example")
    with pytest.raises(Refused, match="HEADGATE_OUTBOUND_PRIVATE"):
        outbound.check_leads("https://inside.example")


def test_addresses_for_another_protocol_pass_the_same_guard() -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.7", "10.0.0.8", "169.254.169.254"]

    allowed = Outbound(private=PrivateHosts.parse("10.0.0.8:5432"), resolve=resolve)
    assert allowed.addresses("db.example", 5432, 1.0) == ["10.0.0.8"]
    with pytest.raises(Refused):
        allowed.addresses("db.example", 5433, 1.0)
    with pytest.raises(Refused):
        allowed.addresses("metadata.google.internal", 5432, 1.0)
