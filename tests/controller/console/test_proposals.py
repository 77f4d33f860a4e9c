"""Changes of sources and features that take two people, in the console."""

from __future__ import annotations

import html
import json
import re

import pytest
from werkzeug.test import TestResponse

from controller.permissions import Role
from controller.rollouts import Where
from controller.store.proposals import About
from controller.trigger_definitions import Definition
from tests.browser.story import ADA, CHIARA, EMAIL, PROJECT, Installation
from tests.controller.console.conftest import Visitor
from tests.controller.console.test_settings_people import somebody
from tests.controller.console.test_settings_sources import PAGE as SOURCES
from tests.controller.console.test_settings_sources import SECRET, beside, entered
from triggers import Action, Arming, Rung

PAGE = f"/projects/{PROJECT}/settings/proposals"
METRICS = f"{SOURCES}/metrics"
ONE = f"{PAGE}/source/metrics/1"
BEFORE = {"url": "https://1.1.1.1", "auth": {"scheme": "bearer", "secret": SECRET}}
LATER = json.dumps({**BEFORE, "auth": {"scheme": "bearer", "secret": "***"}, "lag_s": 60})


@pytest.fixture
def relied_on(house: Installation, live: str) -> None:
    """A source that a live trigger reads."""
    house.parts.sources.connect(PROJECT, "metrics", "prometheus", BEFORE, ADA)
    reads_it = Definition(
        key="on-metrics",
        source="metrics",
        query={"bad": "bad", "total": "total"},
        method="threshold",
        params={"limit": 0.1},
        rest={"window_s": 60, "interval_s": 10, "arming": Arming.ACT, "ladder": (Rung(Action.REVIEW),)},
    )
    house.parts.trigger_edits.add(Where(PROJECT, "production", live), reads_it, ADA)


@pytest.fixture
def ben(house: Installation, live: str) -> Visitor:
    """Somebody whom another one let in than who proposes here."""
    house.parts.members.set_member(PROJECT, "ben@acme.example", [Role.APPROVER, Role.OPERATOR], CHIARA)
    return somebody(house, Role.APPROVER, Role.OPERATOR, email="ben@acme.example")


def send(visitor: Visitor, settings: str = LATER, **fields: str) -> TestResponse:
    """Change the settings, or propose that, as the page shows the form."""
    shown = re.search(
        r'/settings/sources/metrics">.*?name="seen" value="(\w+)"', visitor.get(SOURCES).text, re.DOTALL
    )
    assert shown
    return visitor.post(METRICS, _form=SOURCES, settings=settings, seen=shown[1], **fields)


def propose(ada: Visitor, settings: str = LATER) -> None:
    done = send(ada, settings, do="propose", reason="the server moves")
    assert done.location == f"{SOURCES}?done=proposed", done.text


def lag(house: Installation) -> object:
    return house.parts.sources.stored(PROJECT, "metrics").settings.get("lag_s")


def test_what_is_refused_is_offered_to_be_proposed_with_a_reason(
    house: Installation, ada: Visitor, relied_on: None
) -> None:
    assert "Propose it instead" not in ada.get(SOURCES).text
    refused = send(ada, do="save")
    assert refused.status_code == 409
    assert "Propose it instead" in refused.text
    unreasoned = send(ada, do="propose")
    assert unreasoned.status_code == 422
    assert "say in a few words why" in beside(unreasoned.text.replace("-metrics", ""), "reason")
    assert '"lag_s": 60' in entered(unreasoned.text, "settings-metrics")
    assert "Propose it instead" in unreasoned.text
    propose(ada)
    assert lag(house) is None


@pytest.mark.parametrize("page", [PAGE, SOURCES])
def test_a_proposal_is_listed_with_what_it_changes_and_without_secrets(
    ada: Visitor, ben: Visitor, relied_on: None, page: str
) -> None:
    propose(ada, LATER.replace("***", "another-token-nobody-reads"))
    told = html.unescape(ben.get(page).text.split('id="proposal-1"')[1].partition("</section>")[0])
    assert "ada@acme.example" in told
    assert "the server moves" in told
    assert "not there" in told
    assert "<b>60</b>" in told
    assert "another secret" in told
    assert "another-token" not in told
    assert "settings.lag_s" in told
    assert "Binds to" in told
    assert "Approve it" in told


def test_a_second_person_is_told_approves_and_the_source_is_changed(
    house: Installation, ada: Visitor, ben: Visitor, relied_on: None
) -> None:
    propose(ada)
    assert "proposes other settings for the source metrics" in ben.board()
    assert f'href="{PAGE}#proposal-1"' in ben.board()
    assert "proposes other settings" not in ada.board()
    assert ben.post(f"{ONE}/approve", _form=PAGE).location == f"{PAGE}?done=proposal_approved"
    assert lag(house) == 60
    assert "proposes other settings" not in ben.board()
    assert "Nothing waits" in ben.get(PAGE).text
    again = ben.post(f"{ONE}/approve", _form=PAGE)
    assert again.status_code == 409
    assert "it is applied" in again.text.lower()


def test_nobody_approves_his_own_whatever_is_sent(house: Installation, ada: Visitor, relied_on: None) -> None:
    propose(ada)
    page = ada.get(PAGE).text
    assert "so somebody else approves it" in page
    assert "Approve it" not in page
    refused = ada.post(f"{ONE}/approve", _form=PAGE)
    assert refused.status_code == 409
    assert f"{EMAIL} proposed it" in refused.text
    assert lag(house) is None


def test_without_the_permission_it_is_read_and_the_page_says_who_may(
    house: Installation, ada: Visitor, relied_on: None
) -> None:
    propose(ada)
    house.parts.members.set_member(PROJECT, "eve@acme.example", [Role.VIEWER], CHIARA)
    eve = somebody(house, Role.VIEWER)
    page = eve.get(PAGE).text
    assert "Approving takes the role" in page
    assert "Approve it" not in page
    assert "Withdraw it" not in page
    assert "proposes other settings" not in eve.board()
    for act in ("approve", "withdraw"):
        sent = eve.client.post(f"{ONE}/{act}", data={"csrf": "csrf-of-eve@acme.example"})
        assert sent.status_code == 403
    assert lag(house) is None


def test_what_was_changed_since_is_no_longer_approved_and_says_so(
    house: Installation, ada: Visitor, ben: Visitor, relied_on: None
) -> None:
    propose(ada)
    more_often = LATER.replace('"lag_s": 60', '"per_minute": 0')
    assert send(ada, more_often, do="save").status_code == 303
    page = ben.get(PAGE).text
    assert "was changed since" in page
    assert "Approve it" not in page
    late = ben.post(f"{ONE}/approve", _form=PAGE)
    assert late.status_code == 409
    assert "propose it anew" in late.text.lower()
    assert lag(house) is None


def test_it_is_withdrawn_and_then_nobody_approves_it(ada: Visitor, ben: Visitor, relied_on: None) -> None:
    propose(ada)
    assert ada.post(f"{ONE}/withdraw", _form=PAGE).location == f"{PAGE}?done=withdrawn"
    assert 'id="proposal-1"' not in ben.get(PAGE).text
    assert ben.post(f"{ONE}/approve", _form=PAGE).status_code == 409
    assert ben.post(f"{ONE}/withdraw", _form=PAGE).status_code == 409
    record = ada.get(f"/projects/{PROJECT}/audit").text
    for what in ("proposed", "withdrawn"):
        line = record.split(f"<b>Other settings of a source {what}</b>")[1].partition("</summary>")[0]
        assert "<code>metrics</code>" in line


def test_other_limits_of_a_feature_are_listed_on_its_page_and_approved(
    house: Installation, ben: Visitor, live: str
) -> None:
    limits = {"review_capacity_per_day": 500, "automatic_moves_per_day": 12}
    house.parts.proposals.propose_feature(PROJECT, live, limits, ADA, "more reviewers")
    feature = ben.get(f"/projects/{PROJECT}/environments/production/features/{live}").text
    assert "proposes other limits for it: “more reviewers”" in feature
    assert f"{PAGE}#proposal-1" in feature
    assert f"proposes other limits for the feature {live}" in ben.board()
    page = ben.get(PAGE).text
    assert "not set" in page
    assert "<b>500</b>" in page
    assert ben.post(f"{PAGE}/feature/{live}/1/approve", _form=PAGE).status_code == 303
    [decided] = house.parts.proposals.of(PROJECT, About.FEATURE, live)
    assert decided.proposal.status == "applied"
    assert decided.before["review_capacity_per_day"] == 500


def test_what_waits_about_triggers_is_listed_with_a_link(
    house: Installation, ada: Visitor, live: str
) -> None:
    where = Where(PROJECT, "production", live)
    house.parts.trigger_reviews.propose(where, "unsupported", None, CHIARA, "not needed any more")
    page = ada.get(PAGE).text
    assert f"/features/{live}/triggers/unsupported#proposal-1" in page
    assert "not needed any more" in page


@pytest.mark.parametrize("path", ["source/none/1", "source/metrics/9", "project/metrics/1", "feature/none/1"])
def test_a_proposal_that_is_not_there_is_not_found(ada: Visitor, relied_on: None, path: str) -> None:
    for act in ("approve", "withdraw"):
        assert ada.post(f"{PAGE}/{path}/{act}", _form=PAGE).status_code == 404


def test_a_form_that_is_not_of_the_session_does_nothing(
    house: Installation, ada: Visitor, ben: Visitor, relied_on: None
) -> None:
    propose(ada)
    for act in ("approve", "withdraw"):
        assert ben.client.post(f"{ONE}/{act}").status_code == 403
    assert 'id="proposal-1"' in ben.get(PAGE).text
