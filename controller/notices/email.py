"""E-mail: one letter a notice, to everybody that a destination names, through a mail server of the team's own."""

from __future__ import annotations

import hashlib
import html
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from threading import Lock
from typing import Any, ClassVar, Self
from urllib.parse import quote

from controller import smtp
from controller.errors import BadSetting
from controller.http import Outbound, OutboundError
from controller.notices.channel import Channel, Notice, NotSent
from controller.notices.events import EVENTS
from controller.secrets import SecretRefused, Secrets

_SETTINGS = ("url", "user", "secret", "from", "to")
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
"""An address as all mail servers take it, and with nothing that could end a header or a command."""
_USER = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_MOST_RECIPIENTS = 50
_LONGEST = 2000
_LONGEST_SUBJECT = 150
_POLICY = policy.SMTP.clone(cte_type="7bit")


class _Having:
    """Who has a letter already that others are still to get, so that they get it once. Kept in this process alone."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._names: OrderedDict[tuple[str, str], frozenset[str]] = OrderedDict()
        self._lock = Lock()

    def whose(self, letter: tuple[str, str]) -> frozenset[str]:
        with self._lock:
            return self._names.get(letter, frozenset())

    def keep(self, letter: tuple[str, str], names: frozenset[str]) -> None:
        with self._lock:
            self._names[letter] = names
            while len(self._names) > self._most:
                self._names.popitem(last=False)

    def forget(self, letter: tuple[str, str]) -> None:
        with self._lock:
            self._names.pop(letter, None)


_HAVING = _Having()


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(Channel):
    """Mails a notice as plain text and as simple HTML, under the same Message-ID however often it is sent."""

    kind: ClassVar[str] = "email"
    outbound: Outbound
    url: str
    sender: str
    recipients: Sequence[str]
    login: smtp.Login | None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """See `Channel.from_settings`. ``user`` and ``secret`` come together or not at all."""
        for name in settings:
            if name not in _SETTINGS:
                raise BadSetting(name, "is not a setting of this kind of destination", "leave it out")
        return cls(
            outbound=outbound,
            url=_url(settings, outbound),
            sender=_address("from", settings.get("from")),
            recipients=_recipients(settings.get("to")),
            login=_login(settings, secrets),
        )

    def send(self, notice: Notice, now: datetime, deadline_s: float) -> str:  # noqa: ARG002 - a letter is dated by its notice
        """See `Channel.send`. Whom the server declines for good is told to nobody again; the others get theirs."""
        id = message_id(notice, self.sender)
        having = _HAVING.whose((self.url, id))
        left = [each for each in self.recipients if each not in having]
        declines = self._handed_over(letter(notice, id, self.sender, self.recipients), left, deadline_s)
        having |= {each for each in left if each not in {**declines.for_good, **declines.for_now}}
        if declines.for_now:
            _HAVING.keep((self.url, id), having)
            raise NotSent(_declined(declines.for_now, len(having), len(self.recipients)))
        _HAVING.forget((self.url, id))
        if not having:
            raise NotSent(_declined(declines.for_good, 0, len(self.recipients)), for_good=True)
        return _declined(declines.for_good, len(having), len(self.recipients)) if declines.for_good else ""

    def _handed_over(self, message: bytes, recipients: Sequence[str], deadline_s: float) -> smtp.Declines:
        scheme, host, port = smtp.taken_apart(self.url)
        sent = smtp.Letter(self.sender, recipients, message)
        try:
            route = self.outbound.route(scheme, host, port, deadline_s)
            return smtp.deliver(route, sent, self.login, self.outbound.trust())
        except OutboundError as error:
            raise NotSent(str(error)) from error


def letter(notice: Notice, id: str, sender: str, recipients: Sequence[str]) -> bytes:
    """A notice as a message of mail, the same bytes each time. Whatever stands in it is text."""
    made = EmailMessage(_POLICY)
    made["From"] = sender
    made["To"] = ", ".join(recipients)
    made["Subject"] = _subject(notice)
    made["Date"] = format_datetime(notice.created_at)
    made["Message-ID"] = id
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered to it.
    made.set_content("\n".join(_text(notice)) + "\n")
    made.add_alternative("\n".join(_html(notice)) + "\n", subtype="html")
    made.set_boundary(f"headgate-{_digest(notice)}")
    return made.as_bytes()


def message_id(notice: Notice, sender: str) -> str:
    """The Message-ID of a notice. Its content is in it: another installation may count its notices alike."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", notice.id)
    return f"<{readable}.{_digest(notice)}@{sender.rpartition('@')[2]}>"


def link(notice: Notice) -> str:
    """Where the console shows what a notice is about; nothing if nobody said where the console is."""
    if not notice.console:
        return ""
    project = f"{notice.console.rstrip('/')}/projects/{quote(notice.project, safe='')}"
    feature, environment, incident = (
        notice.data.get(name) for name in ("feature", "environment", "incident")
    )
    if isinstance(incident, int):
        return f"{project}/incidents/{incident}"
    if isinstance(feature, str) and isinstance(environment, str) and feature and environment:
        return f"{project}/environments/{quote(environment, safe='')}/features/{quote(feature, safe='')}"
    return f"{notice.console.rstrip('/')}/?project={quote(notice.project, safe='')}"


def _digest(notice: Notice) -> str:
    return hashlib.sha256(notice.body()).hexdigest()[:16]


def _subject(notice: Notice) -> str:
    about = [str(notice.data[name]) for name in ("feature", "environment") if notice.data.get(name)]
    return _one_line(f"[{notice.project}] {notice.event}{': ' if about else ''}{' in '.join(about)}")


def _one_line(text: str) -> str:
    """A text without what could end a header."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(shown.split())[:_LONGEST_SUBJECT]


def _lead(notice: Notice) -> str:
    said = EVENTS.get(notice.event, notice.event)
    return f"{said[:1].upper()}{said[1:]}. Project {notice.project}."


def _text(notice: Notice) -> Iterator[str]:
    yield from (_lead(notice), "")
    yield from (f"{name}: {value[:_LONGEST]}" for name, value in notice.lines())
    if there := link(notice):
        yield from ("", there)


def _html(notice: Notice) -> Iterator[str]:
    yield f"<p><strong>{html.escape(_lead(notice))}</strong></p>"
    yield "<table>"
    for name, value in notice.lines():
        told = html.escape(value[:_LONGEST])
        yield f'<tr><th align="left" valign="top">{html.escape(name)}</th><td>{told}</td></tr>'
    yield "</table>"
    if there := link(notice):
        yield f'<p><a href="{html.escape(there)}">Show it in the console</a></p>'


def _declined(who: Mapping[str, str], having: int, of: int) -> str:
    """Why some do not have a notice; the first few by name."""
    named = [f"{each} ({codes})" for each, codes in list(who.items())[:5]]
    more = f" and {len(who) - len(named)} more" if len(who) > len(named) else ""
    return f"the mail server declined {', '.join(named)}{more}; {having} of {of} have it"


def _url(settings: Mapping[str, Any], outbound: Outbound) -> str:
    url = settings.get("url")
    if not isinstance(url, str) or not url:
        raise BadSetting("url", "is missing", "enter the mail server, as smtps://smtp.example.com")
    try:
        outbound.route(*smtp.taken_apart(url), deadline_s=0)
    except (OutboundError, ValueError) as error:
        remedy = (
            "enter smtps://host (TLS), smtp://host (STARTTLS) or, on this machine, smtp+plain://localhost"
        )
        raise BadSetting("url", str(error), remedy) from error
    return url


def _login(settings: Mapping[str, Any], secrets: Secrets) -> smtp.Login | None:
    url, user, reference = (settings.get(name) for name in ("url", "user", "secret"))
    if user in (None, "") and reference in (None, ""):
        return None
    if str(url).startswith(f"{smtp.PLAIN}:"):
        raise BadSetting("user", "would be sent without TLS", "leave user and secret out, or use TLS")
    if not isinstance(reference, str) or not reference:
        raise BadSetting(
            "secret", "is missing", "enter the password, or refer to one of the operator as env:NAME"
        )
    if not isinstance(user, str) or not _USER.fullmatch(user):
        raise BadSetting(
            "user", "is not a name of printable ASCII", "enter the name that the mail server knows"
        )
    try:
        return smtp.Login(user, secrets.reveal(reference, str(url)))
    except SecretRefused as refused:
        remedy = "enter it itself, or let the operator set one for this address"
        raise BadSetting("secret", str(refused), remedy) from refused


def _recipients(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_RECIPIENTS:
        raise BadSetting(
            "to", f"is not a list of 1 to {_MOST_RECIPIENTS} addresses", "enter who is to be told"
        )
    return tuple(dict.fromkeys(_address("to", each) for each in given))


def _address(field: str, given: object) -> str:
    if not isinstance(given, str) or not _ADDRESS.fullmatch(given) or len(given.rpartition("@")[0]) > 64:  # noqa: PLR2004 - RFC 5321, 4.5.3.1.1
        shown = f"{given!r:.100} is" if given else "is"
        remedy = "enter addresses such as on-call@example.com; write other letters of a domain as xn--…"
        raise BadSetting(field, f"{shown} not an e-mail address", remedy)
    return given
