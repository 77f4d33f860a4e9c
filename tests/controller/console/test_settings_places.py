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


MORE = """tiers:
  T2:
    beta: {approvals: 2}
    pilot: {approvals: 2}
    scaled: {approvals: 2, requirements: [impact]}
requirements:
  impact: {gate: controls, title: "<b>Impact</b>", valid_days: 30}
"""


def test_a_project_asks_for_more_in_its_plans_once_it_was_looked_at(
    house: Installation, ada: Visitor, live: str
) -> None:
    assert ada.client.post(PLANS, data={"tightening": MORE, "reason": "x"}).status_code == 403
    would = ada.post(PLANS, tightening=MORE, do="check").text.split('id="would"')[1].split("</div>")[0]
    assert "T2.beta.approvals: 1" in would
    assert "&lt;b&gt;Impact&lt;/b&gt;, counts for 30 days" in would
    assert "this project asks for more" not in ada.get(PLANS).text
    assert "there is no reason" in ada.post(PLANS, tightening=MORE).text.lower()
    assert ada.post(PLANS, tightening=MORE, reason="the council").location == f"{PLANS}?done=tightened"
    assert "2 other people" in ada.get(PLANS).text
    assert "would change nothing" in ada.post(PLANS, tightening=MORE, do="check").text
    assert ada.post(PLANS, tightening="", reason="learnt").status_code == 303
    assert "this project asks for more" not in ada.get(PLANS).text


@pytest.mark.parametrize(
    ("tightening", "why"),
    [
        ("tiers: [", "Is not valid YAML"),
        ("- tiers", "Is no mapping."),
        ("tiers: {T2: {beta: {approvals: 0}}}", "<b>tiers.T2.beta</b>: Approvals is lower."),
        ("tiers: {T9: {}}", "<b>tiers.T9</b>"),
    ],
)
def test_plans_that_cannot_be_or_ask_for_less_are_refused_by_their_place(
    ada: Visitor, live: str, tightening: str, why: str
) -> None:
    for what in ("check", "save"):
        answer = ada.post(PLANS, tightening=tightening, reason="x", do=what)
        assert answer.status_code == 422
        assert why in answer.text
        assert tightening in answer.text


def test_two_people_who_tighten_the_plans_do_not_overwrite_each_other(
    house: Installation, ada: Visitor, live: str
) -> None:
    shown = ada.get(PLANS).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown))
    theirs = {"tiers": {"T1": {"scaled": {"approvals": 7}}}}
    house.parts.governance.tighten(PROJECT, theirs, ADA, "we are careful")
    answer = ada.client.post(PLANS, data=hidden | {"tightening": MORE, "reason": "x"})
    assert answer.status_code == 409
    assert "approvals: 7" in answer.text
    assert "&lt;b&gt;Impact&lt;/b&gt;" in answer.text
    assert "7 other people" in ada.get(PLANS).text


def test_plans_that_cannot_be_read_are_told(house: Installation, ada: Visitor, live: str) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text("UPDATE projects SET tightening = '{'"))
    page = ada.get(PLANS)
    assert page.status_code == 200
    assert "cannot be read" in page.text
