from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.story import PROJECT, Installation
from tests.contract.mail_server import MailServer, mailing
from tests.controller.console.conftest import BEGAN, Visitor
from tests.controller.console.test_settings_sources import beside
from tests.endpoint import Endpoint, replying, serving

PAGE = f"/projects/{PROJECT}/settings/notices"
SECRET = "a-secret-of-the-operator"


@dataclass(frozen=True)
class Desk:
    """Somebody who has signed in, and a server that takes webhooks."""

    ada: Visitor
    endpoint: Endpoint

    def connect(self, **fields: str) -> str:
        """Send the form; where it leads, or the page that says why not."""
        given = {"key": "pager", "kind": "webhook", "url": self.endpoint.url, "secret": "env:HOOK"}
        answer = self.ada.post(PAGE, **(given | fields))
        return answer.location or answer.text

    def page(self) -> str:
        return self.ada.get(PAGE).text


@pytest.fixture
def desk(kept: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copy(kept / "plain.db", tmp_path / "headgate.db")
    with serving(replying(200)) as endpoint:
        secrets = {"HEADGATE_SECRET_HOOK": f"{endpoint.url} {SECRET}"}
        house = Installation(tmp_path / "headgate.db", BEGAN, outbound_secrets=secrets)  # type: ignore[arg-type]
        house.project()
        ada = Visitor(house)
        ada.sign_in()
        yield Desk(ada, endpoint)
        house.close()


def test_nobody_sees_or_changes_a_destination_without_a_session_and_its_form(desk: Desk) -> None:
    desk.connect()
    paths = (PAGE, f"{PAGE}/pager", f"{PAGE}/pager/test", f"{PAGE}/pager/disconnect")
    assert [desk.ada.client.post(path).status_code for path in paths] == [403] * 4
    stranger = Visitor(desk.ada.house)
    assert stranger.get(PAGE).location.startswith("/sign-in")
    assert [stranger.client.post(path).status_code for path in paths] == [303] * 4
    assert desk.endpoint.calls == []
    assert 'id="destination-pager"' in desk.page()


def test_a_destination_is_connected_tried_changed_and_disconnected(desk: Desk) -> None:
    assert "Nobody is told yet" in desk.page()
    assert desk.connect(events="incident.*, trigger.fired") == f"{PAGE}?done=connected"
    assert "incident.*, trigger.fired" in desk.page()
    tried = desk.ada.post(f"{PAGE}/pager/test", _form=PAGE)
    assert "The test notice arrived." in tried.text
    [call] = desk.endpoint.calls
    assert json.loads(call.body)["data"]["reason"] == "user:ada@acme.example tries this destination"
    [seen] = re.findall(r'name="seen" value="(\w+)"', desk.page())
    told = {"url": desk.endpoint.url, "secret": "env:HOOK", "events": "", "seen": seen}
    assert desk.ada.post(f"{PAGE}/pager", _form=PAGE, **told).location == f"{PAGE}?done=changed"
    assert "everything" in desk.page()
    gone = desk.ada.post(f"{PAGE}/pager/disconnect", _form=PAGE)
    assert gone.location == f"{PAGE}?done=disconnected"
    assert "Nobody is told yet" in desk.page()


def test_somebody_is_told_by_mail(desk: Desk) -> None:
    wrong = desk.connect(kind="email", url="smtps://mail.example.com", to="ann@example.com, ben", secret="")
    assert "not an e-mail address" in wrong
    with mailing(MailServer()) as server:
        mail = {"kind": "email", "url": server.url, "secret": "", "from": "headgate@example.com"}
        assert desk.connect(**mail, to="ann@example.com, ben@example.com") == f"{PAGE}?done=connected"
        assert "ann@example.com ben@example.com" in desk.page()
        assert "The test notice arrived." in desk.ada.post(f"{PAGE}/pager/test", _form=PAGE).text
    assert server.recipients == [["ann@example.com", "ben@example.com"]]


def test_what_does_not_arrive_is_told_without_the_secret(desk: Desk) -> None:
    desk.connect(url=f"{desk.endpoint.url}/hook")
    desk.endpoint.behaviour = replying(500)
    tried = desk.ada.post(f"{PAGE}/pager/test", _form=PAGE).text
    assert "The test notice did not arrive." in tried
    assert SECRET not in tried


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key": "No Key"}, "key"),
        ({"kind": "pigeon"}, "kind"),
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "ftp://example.com", "secret": "typed-in-as-it-is"}, "secret"),
        ({"events": "incident.* nonsense"}, "events"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_name_and_kept_but_for_a_secret(
    desk: Desk, fields: dict[str, str], field: str
) -> None:
    page = desk.connect(**fields)
    assert beside(page, field)
    assert "typed-in-as-it-is" not in page
    assert f'value="{fields.get("key", "pager")}"' in page
    assert "Nobody is told yet" in desk.page()


def test_two_people_who_change_a_destination_do_not_overwrite_each_other(desk: Desk) -> None:
    desk.connect()
    [seen] = re.findall(r'name="seen" value="(\w+)"', desk.page())
    told = {"url": desk.endpoint.url, "secret": "env:HOOK", "seen": seen}
    assert desk.ada.post(f"{PAGE}/pager", _form=PAGE, **told, events="incident.*").status_code == 303
    late = desk.ada.post(f"{PAGE}/pager", _form=PAGE, **told, events="trigger.*")
    assert late.status_code == 409
    assert "somebody else changed it" in late.text.lower()
    assert "Somebody else made it:</p><pre><code>incident.*" in late.text
    assert 'value="trigger.*"' in late.text
    assert "incident.*" in desk.page()


def test_a_destination_that_is_not_there_is_not_found(desk: Desk) -> None:
    for act in ("", "/test", "/disconnect"):
        assert desk.ada.post(f"{PAGE}/none{act}", _form=PAGE).status_code == 404


def test_a_secret_that_is_entered_is_kept_hidden_and_stays_while_its_address_does(desk: Desk) -> None:
    desk.connect(secret="typed-in-as-it-is")
    assert "typed-in-as-it-is" not in desk.page()
    [seen] = re.findall(r'name="seen" value="(\w+)"', desk.page())
    told = {"url": f"{desk.endpoint.url}/other", "secret": "***", "seen": seen}
    assert desk.ada.post(f"{PAGE}/pager", _form=PAGE, **told, events="").status_code == 303
    assert "The test notice arrived." in desk.ada.post(f"{PAGE}/pager/test", _form=PAGE).text
    assert desk.endpoint.calls[0].path == "/other"
