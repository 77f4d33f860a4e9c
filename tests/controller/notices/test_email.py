"""What stands in a letter, who gets it, and who may not be written to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from controller.errors import BadSetting
from controller.http import Outbound
from controller.notices.channel import Notice, NotSent
from controller.notices.email import Email, letter, link, message_id
from controller.secrets import Secrets
from tests.contract.mail_server import MailServer, mailing

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOTICE = Notice(
    id="msg_7",
    event="trigger.fired",
    project="acme",
    created_at=NOW,
    data={"feature": "claims", "environment": "production", "sentence": "5 of 5 are bad"},
    console="https://headgate.example.com/",
)
SENDER = "headgate@example.com"
ANN, BEN = "ann@example.com", "ben@example.com"


def email(url: str = "smtps://mail.example.com", **settings: Any) -> Email:
    given = {"url": url, "from": SENDER, "to": [ANN, BEN], **settings}
    known = Secrets({"HEADGATE_SECRET_MAIL": "smtps://mail.example.com a-password"})
    return Email.from_settings(given, Outbound(), known)


def written(notice: Notice = NOTICE) -> EmailMessage:
    made = letter(notice, message_id(notice, SENDER), SENDER, [ANN, BEN])
    assert made.isascii()
    return message_from_bytes(made, _class=EmailMessage, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_letter_says_what_happened_as_text_and_as_html_with_the_way_to_it() -> None:
    made, there = (
        written(),
        "https://headgate.example.com/projects/acme/environments/production/features/claims",
    )
    assert (made["From"], made["To"]) == (SENDER, f"{ANN}, {BEN}")
    assert made["Subject"] == "[acme] trigger.fired: claims in production"
    assert made["Auto-Submitted"] == "auto-generated"
    assert part(made, "plain").startswith("A trigger began to fire. Project acme.\n\nfeature: claims\n")
    assert part(made, "plain").endswith(f"\n{there}\n")
    assert f'<a href="{there}">' in part(made, "html")


def test_it_is_the_same_letter_each_time_and_another_one_for_another_notice() -> None:
    def made(notice: Notice) -> tuple[str, bytes]:
        id = message_id(notice, SENDER)
        return id, letter(notice, id, SENDER, [ANN])

    assert made(NOTICE) == made(NOTICE)
    assert made(NOTICE)[0].startswith("<msg_7.")
    assert made(NOTICE)[0].endswith("@example.com>")
    # Another installation counts from one as well, and has the same sender.
    assert made(replace(NOTICE, created_at=NOW.replace(second=1)))[0] != made(NOTICE)[0]


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"incident": 5, "feature": "claims", "environment": "production"}, "projects/acme/incidents/5"),
        ({"feature": "cl/aims", "environment": "a b"}, "projects/acme/environments/a%20b/features/cl%2Faims"),
        ({"source": "prometheus"}, "?project=acme"),
    ],
)
def test_the_link_leads_to_what_it_is_about(data: dict[str, Any], where: str) -> None:
    assert link(replace(NOTICE, data=data)) == f"https://headgate.example.com/{where}"
    assert link(replace(NOTICE, data=data, console="")) == ""


def test_whatever_a_name_or_a_reason_holds_is_text() -> None:
    evil = "x\r\nBcc: everybody@example.com\r\n\r\n<script>alert(1)</script>\u2028ünï 😀"
    made = written(
        replace(NOTICE, project=evil, event=evil, data={"feature": evil, "reason": evil, evil: [evil]})
    )
    assert made["Bcc"] is None
    assert set(made.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"
    }  # fmt: skip
    assert "<script" not in part(made, "html")
    assert "&lt;script&gt;" in part(made, "html")
    assert "ünï 😀" in part(made, "plain")


def test_one_whom_the_server_declines_for_good_keeps_it_from_nobody_else() -> None:
    with mailing(MailServer(says={BEN: "550 5.1.1 go away"})) as server:
        told = email(server.url).send(NOTICE, NOW, 5)
    assert told == f"the mail server declined {BEN} (550 5.1.1); 1 of 2 have it"
    assert server.recipients == [[ANN]]


def test_nobody_is_written_to_again_when_the_server_declines_all_for_good() -> None:
    says = {ANN: "550 5.1.1 no", BEN: "551 no"}
    with mailing(MailServer(says=says)) as server, pytest.raises(NotSent, match="0 of 2") as no:
        email(server.url).send(NOTICE, NOW, 5)
    assert no.value.for_good
    assert server.taken == []


def test_one_who_is_put_off_gets_it_later_and_the_others_get_it_once() -> None:
    server = MailServer(says={BEN: "452 4.2.2 full"})
    with mailing(server):
        for _ in range(2):
            with pytest.raises(NotSent, match=r"ben@example.com \(452 4.2.2\); 1 of 2 have it") as no:
                email(server.url).send(NOTICE, NOW, 5)
            assert not no.value.for_good
        server.says = {}
        assert email(server.url).send(NOTICE, NOW, 5) == ""
        assert server.recipients == [[ANN], [BEN]]
        email(server.url).send(NOTICE, NOW, 5)  # Whoever asks for it once more has it sent to all.
    assert server.recipients[-1] == [ANN, BEN]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"to": []}, "to"),
        ({"to": "ann@example.com"}, "to"),
        ({"to": [f"a{number}@example.com" for number in range(51)]}, "to"),
        ({"to": ["Ann <ann@example.com>"]}, "to"),
        ({"to": ["ann@example.com\r\nBcc: all@example.com"]}, "to"),
        ({"to": ["ann@example.com\n"]}, "to"),
        ({"to": ["ann@exämple.com"]}, "to"),
        ({"to": ["ann @example.com"]}, "to"),
        ({"to": ["-@-example.com"]}, "to"),
        ({"to": [f"{'a' * 65}@example.com"]}, "to"),
        ({"from": None}, "from"),
        ({"from": "headgate"}, "from"),
        ({"user": "me"}, "secret"),
        ({"secret": "env:MAIL"}, "user"),
        ({"secret": "env:MAIL", "user": "a\nb"}, "user"),
        ({"secret": "env:MAIL", "user": "me", "url": "smtp://mail.example.com"}, "secret"),
        ({"secret": "env:MAIL", "user": "me", "url": "smtp+plain://localhost"}, "user"),
        ({"url": "smtps://mail.example.com/path"}, "url"),
        ({"url": "smtps://mail.example.com:0"}, "url"),
        ({"url": "https://mail.example.com"}, "url"),
        ({"url": "smtps://metadata.google.internal"}, "url"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSetting) as bad:
        email(**settings)
    assert bad.value.field == field
    assert bad.value.remedy


def test_somebody_who_is_named_twice_is_told_once() -> None:
    assert email(to=[ANN, ANN]).recipients == (ANN,)
