"""Mail through the guard and within the time of all calls, encrypted, and for whom the server knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.egress import PrivateHosts
from controller.http import Outbound, Refused, TimedOut, TooLarge, Unreachable
from controller.route import OutboundError
from controller.smtp import Declined, Declines, Letter, Login, deliver, taken_apart
from tests.contract.mail_server import PASSWORD, USER, MailServer, mailing, make_certificate
from tests.endpoint import Behaviour, Call, serving

LETTER = Letter("headgate@example.com", ["ann@example.com"], b"Subject: hello\r\n\r\n.\r\nhello\r\n")
LOGIN = Login(USER, PASSWORD)
PATIENT_S = 10.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


def mail(url: str, outbound: Outbound, login: Login | None = None, deadline_s: float = PATIENT_S) -> Declines:
    scheme, host, port = taken_apart(url)
    return deliver(outbound.route(scheme, host, port, deadline_s), LETTER, login, outbound.trust())


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_it_is_encrypted_as_the_scheme_says_and_logged_in(scheme: str, certificate: Path) -> None:
    outbound = Outbound(ca_file=f"{certificate}.crt")
    with mailing(MailServer(scheme), certificate) as server:
        assert mail(server.url, outbound, LOGIN) == Declines({}, {})
    assert server.logins == [USER]
    assert server.taken[0].original_content == LETTER.message
    assert server.greeted_as == ["[127.0.0.1]"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_nothing_is_told_to_a_server_whose_certificate_is_not_accepted(
    scheme: str, certificate: Path
) -> None:
    with mailing(MailServer(scheme), certificate) as server, pytest.raises(Unreachable, match="certificate"):
        mail(server.url, Outbound(), LOGIN)
    assert (server.logins, server.taken) == ([], [])


def test_nothing_is_told_to_a_server_without_tls_that_should_have_it() -> None:
    with mailing(MailServer()) as server, pytest.raises(Unreachable, match="STARTTLS"):
        mail(server.url.replace("smtp+plain", "smtp"), Outbound())
    assert server.taken == []


def test_a_login_that_is_not_known_is_told_without_its_password(certificate: Path) -> None:
    outbound, wrong = Outbound(ca_file=f"{certificate}.crt"), Login(USER, "another-password")
    with mailing(MailServer("smtps"), certificate) as server, pytest.raises(Declined, match="535") as no:
        mail(server.url, outbound, wrong)
    assert "another-password" not in repr((no.value, wrong))
    assert server.taken == []


def test_without_tls_it_goes_to_this_machine_alone() -> None:
    elsewhere = Outbound(resolve=lambda host, port: ["192.0.2.7"])
    with pytest.raises(Refused, match="without TLS"):
        mail("smtp+plain://mail.example.com", elsewhere)


@pytest.mark.parametrize(
    ("url", "leads_to", "allowed"),
    [
        ("smtp://169.254.169.254", "", "loopback"),
        ("smtp://metadata.google.internal", "", "loopback"),
        ("smtp://mail.example.com", "169.254.169.254", "0.0.0.0/0"),
        ("smtp://mail.example.com", "10.1.2.3", "loopback"),
        ("smtp+plain://localhost", "127.0.0.1", "none"),
    ],
)
def test_where_no_call_may_go_no_mail_goes(url: str, leads_to: str, allowed: str) -> None:
    outbound = Outbound(private=PrivateHosts.parse(allowed), resolve=lambda host, port: [leads_to])
    with pytest.raises(Refused):
        mail(url, outbound)


def dripping(call: Call) -> None:
    """A greeting that never ends, a letter at a time."""
    while not call.pause(0.02):
        call.write(b"2")


def talkative(call: Call) -> None:
    """A greeting of lines without an end."""
    while not call.pause(0):
        call.write(b"220-" + b"x" * 4000 + b"\r\n")


def rude(call: Call) -> None:
    call.write(b"554 5.3.2 the words of a stranger\r\n")


def another(call: Call) -> None:
    call.write(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "error", "deadline_s"),
    [
        (dripping, TimedOut, 0.3),
        (talkative, TooLarge, PATIENT_S),
        (rude, Declined, PATIENT_S),
        (another, OutboundError, PATIENT_S),
    ],
)
def test_a_server_that_is_none_is_told_in_our_words_and_in_time(
    behaviour: Behaviour, error: type[OutboundError], deadline_s: float
) -> None:
    with serving(behaviour, read_request=False) as endpoint, pytest.raises(error) as told:
        mail(f"smtp+plain://127.0.0.1:{endpoint.port}", Outbound(), deadline_s=deadline_s)
    assert "stranger" not in str(told.value)
