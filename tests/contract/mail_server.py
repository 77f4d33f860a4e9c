"""A real mail server on this machine, and what came in."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.components import free_port, require_binary

USER, PASSWORD = "headgate@example.com", "the-password-of-headgate"


@dataclass
class MailServer:
    """Takes mail. ``says`` is what it answers otherwise, by recipient, and to a message as ``DATA``."""

    scheme: str = "smtp+plain"
    says: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    taken: list[Any] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    greeted_as: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def letters(self) -> list[EmailMessage]:
        """What came in, as a mail program reads it."""
        return [
            message_from_bytes(each.original_content, _class=EmailMessage, policy=policy.default)
            for each in self.taken
        ]

    @property
    def recipients(self) -> list[list[str]]:
        """For whom it came in."""
        return [each.rcpt_tos for each in self.taken]

    async def handle_RCPT(
        self, _server: Any, session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.greeted_as.append(session.host_name)
        if address not in self.says:
            envelope.rcpt_tos.append(address)
        return self.says.get(address, "250 OK")

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if "DATA" not in self.says:
            self.taken.append(envelope)
        return self.says.get("DATA", "250 taken")

    def knows(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        name = given.login.decode()
        self.logins.append(name)
        return AuthResult(success=(name, given.password.decode()) == (USER, PASSWORD), handled=False)


@contextlib.contextmanager
def mailing(server: MailServer, certificate: Path | None = None) -> Iterator[MailServer]:
    """A mail server for the length of a with block; with a certificate as its scheme says, and for who logs in."""
    options: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options = {"authenticator": server.knows, "auth_require_tls": False}
        options |= (
            {"ssl_context": context}
            if server.scheme == "smtps"
            else {"tls_context": context, "require_starttls": True}
        )
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def make_certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file; by itself it stands beside that, as ``.crt``."""
    command = [require_binary("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path
