from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from tests.browser.story import ADA, PROJECT, Installation
from tests.controller.console.conftest import Visitor

ENVIRONMENTS = f"/projects/{PROJECT}/settings/environments"
PLANS = f"/projects/{PROJECT}/settings/plans"


def test_nobody_sees_or_makes_an_environment_without_a_session_and_its_form(
    visitor: Visitor, live: str
) -> None:
    for path in (ENVIRONMENTS, PLANS):
        assert visitor.get(path).location.startswith("/sign-in")
    assert visitor.client.post(ENVIRONMENTS).location.startswith("/sign-in")


def test_an_environment_is_made_with_every_feature_at_its_beginning(
    house: Installation, ada: Visitor, live: str
) -> None:
    assert ada.client.post(ENVIRONMENTS, data={"key": "testing"}).status_code == 403
    done = ada.post(ENVIRONMENTS, key="testing", name="Testing", protected="1")
    assert done.location == f"{ENVIRONMENTS}?done=made"
    ada.post(ENVIRONMENTS, key="playground")
    page = ada.get(ENVIRONMENTS).text
    assert re.findall(r">([^<>]+)</a><br><code", page) == ["Staging", "Production", "Testing", "playground"]
    assert page.count("</svg> protected") == 2
    assert "Claims assistant" in ada.get(f"/?project={PROJECT}&environment=testing").text


@pytest.mark.parametrize(("key", "status"), [("No Key", 422), ("", 422), ("production", 409)])
def test_a_key_that_cannot_be_used_is_told(ada: Visitor, live: str, key: str, status: int) -> None:
    answer = ada.post(ENVIRONMENTS, key=key, name="<b>Mine</b>")
    assert answer.status_code == status
    assert 'class="wrong"' in answer.text
    assert 'value="&lt;b&gt;Mine&lt;/b&gt;"' in answer.text
    assert "Mine" not in ada.get(ENVIRONMENTS).text


def test_the_plans_are_read_as_they_count_in_the_project(
    house: Installation, ada: Visitor, live: str
) -> None:
    before = ada.get(PLANS).text
    assert "this project asks for more" not in before
    assert {f'id="tier-{tier}"' in before for tier in ("T1", "T2", "T3")} == {True}
    more = {"tiers": {"T1": {"scaled": {"approvals": 7}}}}
    house.parts.governance.tighten(PROJECT, more, ADA, "we are careful")
    after = ada.get(PLANS).text
    assert "this project asks for more" in after
    assert "7 other people" in after
    for need in house.parts.plans.requirements.values():
        assert need.title in after.replace("&#39;", "'").replace("&amp;", "&")


def test_plans_that_cannot_be_read_are_told(house: Installation, ada: Visitor, live: str) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text("UPDATE projects SET tightening = '{'"))
    page = ada.get(PLANS)
    assert page.status_code == 200
    assert "cannot be read" in page.text
