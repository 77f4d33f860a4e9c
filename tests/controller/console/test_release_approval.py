"""A release that is new to users, looked at and approved in the console."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.permissions import Role
from controller.rollouts import Where
from stages import Goodness, Stage
from tests.browser.story import CHIARA, EMAIL, PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor
from tests.controller.console.test_settings_people import somebody

PLANS = """
requirements:
  evaluation-report: {gate: evaluation, title: Evaluation report, proves: release}
  runbook: {gate: operations, title: Runbook}
tiers:
  T1: {beta: &free {ceiling: 10000, start: 1000}, pilot: *free, scaled: *free}
  T2:
    beta: &beta
      ceiling: 5000
      start: 1000
      requirements: [evaluation-report, runbook]
      release_approvals: 1
      release_soak_s: 3600
      release_min_samples: 5
    pilot: *beta
    scaled: *beta
  T3: {beta: *beta, pilot: *beta, scaled: *beta}
"""
FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/letters"
WHERE = Where(PROJECT, PRODUCTION, "letters")
APPROVE = "Approve what is shown here"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """A feature of T2 in beta, whose plan asks for one person about each new release."""
    plans = tmp_path / "plans.yaml"
    plans.write_text(PLANS)
    made = Installation(tmp_path / "headgate.db", datetime(2026, 3, 2, tzinfo=UTC), plans=str(plans))
    made.user()
    made.project()
    made.feature("letters", "Letter drafts", "Correspondence", "T2")
    first = made.release("letters", "prompts/letters@1")
    made.prove("letters", first)
    made.move("letters", "first", move="introduce", release=first)
    made.promote("letters", Stage.BETA, "evidence complete")
    yield made
    made.close()


@pytest.fixture
def second(house: Installation) -> str:
    """A release that nobody has yet."""
    return house.release("letters", "prompts/letters@2")


@pytest.fixture
def ben(house: Installation) -> Visitor:
    return somebody(house, Role.APPROVER, email="ben@acme.example")


def page_of(release: str) -> str:
    return f"{FEATURE}/releases/{release}/approval"


def seen_on(page: str) -> str:
    return page.split('name="seen" value="')[1].partition('"')[0]


def test_the_page_of_a_new_release_says_what_stands_against_it_and_what_approving_binds_to(
    ben: Visitor, second: str
) -> None:
    assert f'href="{page_of(second)}"' in ben.get(FEATURE).text
    page = ben.get(page_of(second)).text
    assert "<ins>prompts/letters@2</ins>" in page
    assert 'href="#need-evaluation-report"' in page
    assert 'id="need-evaluation-report"' in page
    assert "It is about the feature, and does not stand in the way of a release." in page
    assert "0 of 1 approvals given" in page
    assert "for 1 h without a breach, with 5 answers" in page
    assert page.count(seen_on(page)) == 2


def test_what_was_approved_is_what_was_shown(house: Installation, ben: Visitor, second: str) -> None:
    seen = seen_on(ben.get(page_of(second)).text)
    house.prove("letters", second)
    late = ben.client.post(page_of(second), data={"csrf": "csrf-of-ben@acme.example", "seen": seen})
    assert late.status_code == 409
    assert "has changed since you looked" in late.text
    assert "nobody yet" in late.text
    done = ben.post(page_of(second))
    assert done.location == f"{page_of(second)}?done=approved"
    page = ben.get(page_of(second)).text
    assert "You agreed to what is shown here." in page
    assert APPROVE not in page
    house.move("letters", "shorter", by=CHIARA, move="introduce", release=second, share=1000)
    assert "of those who have it" in ben.get(page_of(second)).text


def test_an_approval_of_what_is_otherwise_now_is_told_to_be_void(
    house: Installation, ben: Visitor, second: str
) -> None:
    assert ben.post(page_of(second)).status_code == 303
    house.prove("letters", second)
    page = ben.get(page_of(second)).text
    assert "void, it has changed since" in page
    assert APPROVE in page


def test_whoever_let_the_approver_in_is_told_that_both_are_one(
    house: Installation, ben: Visitor, second: str
) -> None:
    assert ben.post(page_of(second)).status_code == 303
    ada = somebody(house, Role.ADMIN, email=EMAIL)
    page = ada.get(page_of(second)).text
    assert "counts as the same person as you" in page
    assert APPROVE not in page
    refused = ada.client.post(page_of(second), data={"csrf": f"csrf-of-{EMAIL}", "seen": ""})
    assert refused.status_code == 409


def test_a_release_that_lacks_nothing_but_people_waits_for_those_whose_word_is_missing(
    house: Installation, ben: Visitor, second: str
) -> None:
    eve, ada = somebody(house, Role.OPERATOR), somebody(house, Role.ADMIN, email=EMAIL)
    house.parts.members.set_member(PROJECT, "dan@acme.example", [Role.APPROVER], CHIARA)
    dan = somebody(house, Role.APPROVER, email="dan@acme.example")

    def waits(visitor: Visitor) -> bool:
        return f'href="{page_of(second)}">Look and approve' in visitor.board()

    assert not waits(ben), "its evidence is missing"
    house.prove("letters", second)
    assert [waits(each) for each in (ben, dan, eve, ada)] == [True, True, False, False]
    ben.post(page_of(second))
    assert [waits(each) for each in (ben, dan)] == [False, False], "one was enough"
    # What was agreed to is no longer what is shown.
    house.parts.catalog.change_feature(PROJECT, "letters", {"fallback": "form letters"}, CHIARA, None)
    assert waits(ben)
    house.parts.catalog.judge_release(PROJECT, "letters", second, Goodness.BAD, "it rambles", CHIARA)
    assert not waits(ben)


def test_without_the_permission_the_page_is_read_and_says_who_may(house: Installation, second: str) -> None:
    eve = somebody(house, Role.OPERATOR)
    page = eve.get(page_of(second)).text
    assert "Approving takes the role" in page
    assert APPROVE not in page
    answer = eve.client.post(page_of(second), data={"csrf": "csrf-of-eve@acme.example", "seen": "x"})
    assert answer.status_code == 403


def test_nothing_is_offered_where_there_is_nothing_to_agree_to(
    house: Installation, ben: Visitor, second: str
) -> None:
    rollout = house.parts.readiness.sheet(WHERE).release
    assert rollout is not None
    assert "Nothing is left to agree to." in ben.get(page_of(rollout.public_id)).text
    house.move("letters", "no more", move="stop")
    page = ben.get(page_of(second)).text
    assert "Nobody has the feature in stopped" in page
    assert APPROVE not in page
    answer = ben.client.post(page_of(second), data={"csrf": "csrf-of-ben@acme.example", "seen": "x"})
    assert answer.status_code == 409
    assert ben.get(page_of("r-000000000000")).status_code == 404
