from __future__ import annotations

import gzip
import os
import socket
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.http import Answer, Outbound, OutboundError, Refused, TimedOut, TooLarge, Unreachable
from tests.contract.mail_server import make_certificate
from tests.endpoint import (
    SLOW_BODY,
    SLOW_CHUNKS,
    SLOW_HEADER,
    Behaviour,
    Call,
    Endpoint,
    closed_port,
    flooding,
    hanging,
    replying,
    serving,
)

PATIENT_S = 20.0
SHORT_S = 0.4
MARGIN_S = 10.0
"""Much longer than a short deadline, much shorter than the servers that never end."""

SECRET = "hunter2-secret"
OUTBOUND = Outbound()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file, made for this run."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


def serving_tls(behaviour: Behaviour, certificate: Path) -> Iterator[Endpoint]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(
        behaviour, scheme="https", wrap=lambda raw: context.wrap_socket(raw, server_side=True)
    ) as endpoint:
        yield endpoint


@pytest.fixture
def tls_endpoint(certificate: Path) -> Iterator[Endpoint]:
    yield from serving_tls(replying(200, b"hello"), certificate)


@pytest.fixture
def tls_dripping(certificate: Path) -> Iterator[Endpoint]:
    yield from serving_tls(SLOW_BODY, certificate)


def test_the_answer_holds_status_body_and_headers() -> None:
    with serving(replying(418, b'{"a": 1}', {"Retry-After": "7"})) as endpoint:
        answer = OUTBOUND.send("GET", endpoint.url + "/tea?q=1", deadline_s=PATIENT_S)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (418, b'{"a": 1}', "7")
    assert (answer.wait_s, answer.wait_told) == (7, " (asks to wait 7 s)")
    assert (endpoint.calls[0].method, endpoint.calls[0].path) == ("GET", "/tea?q=1")


NOON = datetime(2026, 11, 20, 12, 0, 0, 500_000, tzinfo=UTC)
YEAR_S = 366 * 86_400


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("30", 30),
        (" 30 ", 30),
        ("0", 0),
        ("0000000000030", 30),
        ("1" * 5000, YEAR_S),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60),
        ("Friday, 20-Nov-26 12:01:00 GMT", 60),
        ("Fri Nov 20 12:01:00 2026", 60),
        ("Fri, 20 Nov 2026 12:01:00", 60),
        ("Fri, 20 Nov 2026 11:59:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR_S),
        ("Fri, 20 Nov 2026 12:01:00 +" + "9" * 20, None),
        ("Fri, 20 Nov 2026 12:01:00 +" + "9" * 5000, None),
        ("Fri, 20 Nov 99999 12:01:00 GMT", None),
        ("Fri, 32 Nov 2026 12:01:00 GMT", None),
        *(
            (garbage, None)
            for garbage in ("", ",", "soon", "-1", "+5", "1.5", "1e999", "NaN", "٣٠", "30, 30")
        ),
    ],
)
def test_how_long_the_other_side_asks_to_wait_is_a_number_or_a_date(said: str, wait_s: int | None) -> None:
    answer = Answer(429, b"", {"retry-after": said}, NOON)
    assert answer.wait_s == wait_s
    assert answer.wait_told == (f" (asks to wait {wait_s} s)" if wait_s else "")


@given(st.text() | st.text(alphabet="0123456789 ,:+-GMTFriNov"))
def test_no_text_makes_anybody_wait_for_ever(said: str) -> None:
    for headers in ({"retry-after": said}, {"retry-after": "Fri, 20 Nov 2026 12:01:00 GMT", "date": said}):
        wait_s = Answer(429, b"", headers, NOON).wait_s
        assert wait_s is None or 0 <= wait_s <= YEAR_S


def test_a_date_is_judged_by_the_clock_of_who_said_it() -> None:
    headers = {"retry-after": "Fri, 20 Nov 2026 09:00:30 GMT", "date": "Fri, 20 Nov 2026 09:00:00 GMT"}
    assert Answer(429, b"", headers, NOON).wait_s == 30
    assert Answer(429, b"", {**headers, "date": "no date"}, NOON).wait_s == 0


def test_a_mapping_is_posted_as_a_form_and_bytes_as_they_are() -> None:
    form = {"query": 'a{b="c & d"} + 1', "empty": ""}
    with serving(replying(200)) as endpoint:
        OUTBOUND.send("POST", endpoint.url, data=form, deadline_s=PATIENT_S)
        OUTBOUND.send("POST", endpoint.url, data=b"{}", headers={"X-Tenant": "acme"}, deadline_s=PATIENT_S)
    posted, raw = endpoint.calls
    assert posted.form == form
    assert posted.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (raw.body, raw.headers["x-tenant"]) == (b"{}", "acme")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_an_error_and_nobody_goes_there(status: int) -> None:
    with serving(replying(200)) as target:
        redirect = replying(status, b"", {"Location": target.url})
        with serving(redirect) as endpoint, pytest.raises(Refused, match=f"redirect \\({status}\\)"):
            OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S)
        assert target.calls == []


def test_the_body_of_a_redirect_is_not_read() -> None:
    def behaviour(call: Call) -> None:
        call.write(b"HTTP/1.1 302 -\r\nLocation: /\r\n\r\n")
        for _ in range(1000):
            call.write(b" " * (1 << 16))

    with serving(behaviour) as endpoint, pytest.raises(Refused):
        OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S)
    assert endpoint.bytes_sent < 30_000_000


@pytest.mark.parametrize("behaviour", [hanging, SLOW_BODY, SLOW_HEADER, SLOW_CHUNKS])
def test_a_server_that_never_finishes_is_cut_off(behaviour: Behaviour) -> None:
    began = time.monotonic()
    with serving(behaviour) as endpoint:
        with pytest.raises(TimedOut):
            OUTBOUND.send("GET", endpoint.url, deadline_s=SHORT_S)
        assert time.monotonic() - began < MARGIN_S


def test_a_server_that_never_finishes_a_tls_answer_is_cut_off(
    tls_dripping: Endpoint, certificate: Path
) -> None:
    outbound = Outbound(ca_file=f"{certificate}.crt")
    began = time.monotonic()
    with pytest.raises(TimedOut):
        outbound.send("GET", tls_dripping.url, deadline_s=SHORT_S)
    assert time.monotonic() - began < MARGIN_S
    assert len(tls_dripping.calls) == 1


def test_a_tls_handshake_that_never_comes_is_cut_off() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(TimedOut):
            OUTBOUND.send("GET", f"https://127.0.0.1:{silent.getsockname()[1]}", deadline_s=SHORT_S)
        assert time.monotonic() - began < MARGIN_S


def test_a_receiver_that_reads_nothing_is_cut_off() -> None:
    """More is sent than the buffers of both sides hold."""
    began = time.monotonic()
    with serving(hanging) as endpoint:
        with pytest.raises(TimedOut):
            OUTBOUND.send(
                "POST", endpoint.url, data=b"x" * 40_000_000, headers={"X-Y": "z"}, deadline_s=SHORT_S
            )
        assert time.monotonic() - began < MARGIN_S


def test_no_time_left_means_nothing_is_sent() -> None:
    with serving(replying(200)) as endpoint:
        with pytest.raises(TimedOut):
            OUTBOUND.send("GET", endpoint.url, deadline_s=0)
        assert endpoint.calls == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_not_read_to_its_end(announced: bool) -> None:
    flood = flooding(100_000_000, announced=announced)
    with serving(flood) as endpoint, pytest.raises(TooLarge, match="more than 1000 bytes"):
        OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S, max_bytes=1000)
    assert endpoint.bytes_sent < 30_000_000


def test_a_body_of_exactly_the_limit_is_read() -> None:
    with serving(replying(200, b"x" * 1000)) as endpoint:
        assert OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S, max_bytes=1000).body == b"x" * 1000


def test_a_compressed_body_is_unpacked() -> None:
    with serving(replying(200, gzip.compress(b"hello"), {"Content-Encoding": "gzip"})) as endpoint:
        assert OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S).body == b"hello"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_small_body_that_unpacks_to_a_huge_one_does_not_fill_the_memory(chunked: bool) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)

    def behaviour(call: Call) -> None:
        if chunked:
            call.write(b"HTTP/1.1 200 -\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
            call.write(b"%x\r\n" % len(bomb) + bomb + b"\r\n0\r\n\r\n")
        else:
            call.reply(200, bomb, {"Content-Encoding": "gzip"})

    with serving(behaviour) as endpoint:
        tracemalloc.start()
        with pytest.raises(TooLarge):
            OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "nonsense", "half a body", "bad chunk", "bad gzip", "many headers", "long header"],
)
def test_an_answer_that_is_broken_is_no_answer(answer: bytes) -> None:
    with (
        serving(lambda call: call.write(answer)) as endpoint,
        pytest.raises(Unreachable, match="whole HTTP answer"),
    ):
        OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1:9090",
        "http://",
        "http:///path",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://[::1/",
        "http://a b/",
        "http://a\\@b/",
        "http://a/\r\nHost: b",
        "http://a/ü",
        f"http://user:{SECRET}@127.0.0.1/",
        f"http://{SECRET}@127.0.0.1/",
        "",
    ],
)
def test_a_url_that_is_not_plain_http_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        OUTBOUND.check(url)
    assert SECRET not in str(refused.value)
    with pytest.raises(Refused):
        OUTBOUND.send("GET", url, deadline_s=PATIENT_S)


def test_nothing_of_the_machine_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(replying(200, b"", {"Set-Cookie": "a=b"})) as endpoint:
        OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S)
        OUTBOUND.send("GET", endpoint.url, deadline_s=PATIENT_S)
    for call in endpoint.calls:
        assert "authorization" not in call.headers
        assert "cookie" not in call.headers
    assert os.environ["http_proxy"]


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "b\r\nX-C: d"}, {"X A": "b"}, {"X-A\n": "b"}, {"X-A": "日本"}, {"X-A": f" {SECRET}\n"}],
)
def test_a_header_that_would_change_the_request_is_refused(headers: dict[str, str]) -> None:
    with serving(replying(200)) as endpoint:
        with pytest.raises(Refused) as refused:
            OUTBOUND.send("GET", endpoint.url, headers=headers, deadline_s=PATIENT_S)
        assert endpoint.calls == []
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "behaviour", [hanging, replying(302), lambda call: call.write(b""), flooding(10_000_000)]
)
def test_no_message_holds_anything_secret(behaviour: Behaviour) -> None:
    with serving(behaviour) as endpoint, pytest.raises(OutboundError) as stopped:
        OUTBOUND.send(
            "POST",
            f"{endpoint.url}/{SECRET}?token={SECRET}",
            data={"token": SECRET},
            headers={"Authorization": f"Bearer {SECRET}"},
            deadline_s=SHORT_S if behaviour is hanging else PATIENT_S,
        )
    assert SECRET not in str(stopped.value)
    assert SECRET not in repr(stopped.value)
    assert stopped.value.__cause__ is None


def test_a_certificate_of_a_known_authority_is_accepted(tls_endpoint: Endpoint, certificate: Path) -> None:
    outbound = Outbound(ca_file=f"{certificate}.crt")
    assert outbound.send("GET", tls_endpoint.url, deadline_s=PATIENT_S).body == b"hello"


def test_the_authorities_of_a_call_replace_all_others(tls_endpoint: Endpoint, certificate: Path) -> None:
    ca = Path(f"{certificate}.crt").read_text()
    assert Outbound.can_trust(ca)
    assert OUTBOUND.send("GET", tls_endpoint.url, deadline_s=PATIENT_S, ca=ca).body == b"hello"
    other = Path(certifi.where()).read_text()
    with pytest.raises(Unreachable, match="certificate"):
        Outbound(ca_file=f"{certificate}.crt").send("GET", tls_endpoint.url, deadline_s=PATIENT_S, ca=other)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_cannot_be_trusted(text: str) -> None:
    assert not Outbound.can_trust(text)


def test_a_certificate_of_an_unknown_authority_is_not_accepted(tls_endpoint: Endpoint) -> None:
    with pytest.raises(Unreachable, match="certificate"):
        OUTBOUND.send("GET", tls_endpoint.url, deadline_s=PATIENT_S)
    assert tls_endpoint.calls == []


def test_a_certificate_of_another_host_is_not_accepted(tls_endpoint: Endpoint, certificate: Path) -> None:
    outbound = Outbound(ca_file=f"{certificate}.crt", resolve=lambda host, port: ["127.0.0.1"])
    with pytest.raises(Unreachable, match="certificate"):
        outbound.send("GET", f"https://other.example:{tls_endpoint.port}/", deadline_s=PATIENT_S)


@given(st.text() | st.text(alphabet="http:/@[]%.\\ 0123456789abcdef"))
def test_any_text_as_a_url_is_accepted_or_refused_and_nothing_else(url: str) -> None:
    for candidate in (url, "http://" + url):
        try:
            OUTBOUND.check(candidate)
        except Refused:
            continue
