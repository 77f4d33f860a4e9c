from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.actors import Actor
from controller.permissions import Role
from controller.rollouts import Where, locate
from controller.store.users import find_user, open_session
from stages import Stage
from tests.browser.story import CHIARA, PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor
from tests.controller.console.test_settings_people import somebody
from tests.report_samples import sample

FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/letters"
PAGE = f"{FEATURE}/promotion"
WHERE = Where(PROJECT, PRODUCTION, "letters")


@pytest.fixture
def letters(house: Installation) -> str:
    """A feature in readiness with a release, a trigger that may act, and no evidence; T2, so others approve."""
    house.project()
    house.feature("letters", "Letter drafts", "Correspondence", "T2")
    release = house.release("letters", "prompts/letters@1")
    house.move("letters", "first", move="introduce", release=release)
    for key, measure in (("unsupported", "unsupported"), ("leaks", "sensitive_data")):
        house.trigger("letters", key, measure, 0.05)
    house.tick()
    return release


@pytest.fixture
def ben(house: Installation) -> Visitor:
    """A second person."""
    house.user("ben@acme.example")
    visitor = Visitor(house)
    with house.parts.database.write() as tx:
        user, now = find_user(tx, "ben@acme.example"), house.clock()
        assert user is not None
        open_session(tx, user.id, "token-of-ben", "csrf-of-ben", now, now + timedelta(hours=12))
    visitor.client.set_cookie("headgate_session", "token-of-ben")
    return visitor


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Installation]:
    """An installation with the plans that everybody has, and a feature in readiness."""
    made = Installation(tmp_path / "strict.db", datetime(2026, 12, 1, tzinfo=UTC), plans="")
    made.user()
    made.project()
    made.feature("letters", "Letter drafts", "Correspondence", "T2")
    made.trigger("letters", "unsupported", "unsupported", 0.05)
    made.tick()
    yield made
    made.close()


def stage(house: Installation) -> Stage:
    with house.parts.database.read() as tx:
        return locate(tx, WHERE).rollout.stage


def test_the_page_names_every_requirement_and_what_stands_in_the_way(ada: Visitor, letters: str) -> None:
    page = ada.get(PAGE).text
    assert "Readiness" in page
    assert "0 of 5 requirements hold" in page
    for title in ("Use-case brief", "Source inventory", "Evaluation report", "Guardrail", "Rollback plan"):
        assert title in page
    assert 'href="#need-use-case-brief"' in page
    assert 'id="need-use-case-brief"' in page


def test_a_request_is_refused_with_every_reason_and_keeps_what_was_written(
    house: Installation, ada: Visitor, letters: str
) -> None:
    answer = ada.post(PAGE, stage="beta", reason="we are ready", share="2,5 %")
    assert answer.status_code == 409
    refusals = answer.text.split('role="alert"')[1].split("</div>")[0]
    assert refusals.count("<li>") == refusals.count('class="remedy"') == 6
    assert "0 of 1 approvals given" in refusals
    assert 'value="we are ready"' in answer.text
    assert 'value="2,5 %"' in answer.text
    assert stage(house) is Stage.READINESS


def test_evidence_is_handed_in_by_its_hash_or_by_its_file(
    house: Installation, ada: Visitor, letters: str
) -> None:
    missing = ada.post(f"{PAGE}/evidence", _form=PAGE, requirement="use-case-brief", uri="https://wiki/brief")
    assert missing.status_code == 422
    assert "give the hash of the document" in missing.text.lower()
    csrf = {"csrf": "csrf-of-ada", "requirement": "use-case-brief"}
    file = {"file": (io.BytesIO(b"the brief"), "brief.txt")}
    answer = ada.client.post(f"{PAGE}/evidence", data=csrf | file)
    assert answer.location == f"{PAGE}?done=handed_in"
    page = ada.get(PAGE).text
    assert "1 of 5 requirements hold" in page
    by_hash = ada.post(
        f"{PAGE}/evidence", _form=PAGE, requirement="rollback-drill", release="", sha256="0" * 64
    )
    assert by_hash.status_code == 303
    assert "2 of 5 requirements hold" in ada.get(PAGE).text


def test_a_report_is_read_and_checked_and_one_that_cannot_be_is_refused(strict: Installation) -> None:
    ada = Visitor(strict)
    ada.sign_in()
    release = strict.release("letters", "prompts/letters@1")
    strict.move("letters", "first", move="introduce", release=release)
    before = ada.get(PAGE).text
    assert "pass_rate at least 0.8, by its 95% bound" in before
    csrf = before.split('name="csrf" value="')[1].split('"')[0]
    sent = {"csrf": csrf, "requirement": "retrieval-test", "release": release}
    bad = ada.client.post(f"{PAGE}/report", data=sent | {"file": (io.BytesIO(b"<html>"), "x.html")})
    assert bad.status_code in (400, 422)
    assert "Not done." in bad.text
    assert "Choose the report of the evaluation tool." in ada.client.post(f"{PAGE}/report", data=sent).text
    good = {"file": (io.BytesIO(sample("promptfoo/v3.json").data), "v3.json")}
    answer = ada.client.post(f"{PAGE}/report", data=sent | good)
    assert answer.location == f"{PAGE}?done=handed_in", answer.text.split('role="alert"')[1][:600]
    told = ada.get(PAGE).text.split('id="need-retrieval-test"')[1].split("</li>")[0]
    assert "too few cases" in told
    assert 'class="sign warn"' in told
    address = told.split(f'href="{FEATURE}/evidence/')[1].split('"')[0]
    shown = ada.get(f"{FEATURE}/evidence/{address}").text
    for part in (
        "Chunking and retrieval test",
        "read from a file of promptfoo",
        "pass_rate",
        release,
        "handed in by ada",
    ):
        assert part in shown
    record = ada.get(f"{FEATURE}/evidence/{address}.json").get_json()
    assert (record["requirement"], f"{record['sha256']}" in shown) == ("retrieval-test", True)


def test_an_address_of_evidence_is_a_link_only_if_it_leads_to_a_page(ada: Visitor, letters: str) -> None:
    for id, (uri, is_link) in enumerate([("https://wiki/brief", True), ("s3://briefs/7", False)], 1):
        asked = {"requirement": "use-case-brief", "uri": uri, "sha256": "0" * 64}
        assert ada.post(f"{PAGE}/evidence", _form=PAGE, **asked).status_code == 303
        shown = ada.get(f"{FEATURE}/evidence/{id}").text
        assert uri in shown
        assert (f'href="{uri}"' in shown) is is_link


def test_a_second_person_approves_exactly_what_was_shown(
    house: Installation, ada: Visitor, ben: Visitor, letters: str
) -> None:
    house.prove("letters", letters)
    asked = ada.post(PAGE, stage="beta", reason="evidence complete", share="3")
    assert asked.location == f"{PAGE}?done=asked"
    mine = ada.get(PAGE).text
    assert "You asked for it, so somebody else approves it." in mine
    assert "Approve what is shown here" not in mine
    board = ben.get(f"/?project={PROJECT}&environment={PRODUCTION}").text
    assert "waits for your approval" in board
    assert "waits for your approval" not in ada.get("/").text
    shown = ben.get(PAGE).text
    seen = shown.split('name="seen" value="')[1].split('"')[0]
    assert shown.count(seen) == 2
    assert "<b>3%</b>" in shown
    address = f"{PAGE}/1/approve"
    house.prove("letters", letters)
    late = ben.client.post(address, data={"csrf": "csrf-of-ben", "seen": seen})
    assert late.status_code == 409
    assert "has changed since you looked" in late.text
    assert stage(house) is Stage.READINESS
    assert ben.post(address, _form=PAGE).location == f"{PAGE}?done=approved"
    assert stage(house) is Stage.BETA


def test_who_asked_cannot_approve_whatever_is_sent(
    house: Installation, ada: Visitor, ben: Visitor, letters: str
) -> None:
    house.prove("letters", letters)
    ada.post(PAGE, stage="beta", reason="x")
    seen = ben.get(PAGE).text.split('name="seen" value="')[1].split('"')[0]
    answer = ada.client.post(f"{PAGE}/1/approve", data={"csrf": "csrf-of-ada", "seen": seen})
    assert answer.status_code == 409
    assert "You asked for this promotion." in answer.text
    assert stage(house) is Stage.READINESS
    assert ada.post(f"{PAGE}/1/withdraw", _form=PAGE).location == f"{PAGE}?done=withdrawn"
    assert "Ask for beta" in ada.get(PAGE).text


@pytest.mark.parametrize("until", ["", "tomorrow", "2020-01-01", "2099-01-01"])
def test_a_waiver_without_a_usable_end_is_refused(ada: Visitor, letters: str, until: str) -> None:
    answer = ada.post(
        f"{PAGE}/waiver",
        _form=PAGE,
        requirement="use-case-brief",
        trigger="unsupported",
        reason="x",
        until=until,
    )
    assert answer.status_code == 422
    assert "Not done." in answer.text


def test_a_requirement_that_may_be_waived_is_waived_until_the_end_of_a_day(strict: Installation) -> None:
    ada = Visitor(strict)
    ada.sign_in()
    release = strict.release("letters", "prompts/letters@1")
    strict.move("letters", "first", move="introduce", release=release)
    asked = {"requirement": "retrieval-test", "release": release, "trigger": "unsupported"}
    asked |= {"until": "2026-12-20", "reason": "the index is rebuilt next week"}
    assert ada.post(f"{PAGE}/waiver", _form=PAGE, **asked).location == f"{PAGE}?done=waived"
    told = ada.get(PAGE).text.split('id="need-retrieval-test"')[1].split("</li>")[0]
    assert "waived" in told
    assert "until 2026-12-20, while the trigger unsupported watches: the index is rebuilt next week" in told
    refused = ada.post(f"{PAGE}/waiver", _form=PAGE, **asked | {"requirement": "permission-check"})
    assert refused.status_code == 422


def test_a_page_sent_by_nobody_or_without_its_token_does_nothing(
    house: Installation, visitor: Visitor, ada: Visitor, letters: str
) -> None:
    stranger = Visitor(house)
    assert stranger.client.post(PAGE, data={"stage": "beta", "reason": "x"}).location.startswith("/sign-in")
    assert ada.client.post(PAGE, data={"stage": "beta", "reason": "x"}).status_code == 403
    assert stage(house) is Stage.READINESS


def test_what_a_tier_only_reminds_of_is_marked_in_words_wherever_requirements_are_shown(
    strict: Installation,
) -> None:
    ada = Visitor(strict)
    ada.sign_in()
    strict.feature("notes", "Meeting notes", "Office", "T1")
    notes = FEATURE.replace("letters", "notes")
    page = ada.get(f"{notes}/promotion").text
    need = page.split('id="need-golden-set"')[1].split("</li>")[0]
    assert "reminder</span>" in need
    assert "missing" in need
    assert "4 that do not only remind" in page
    assert "reminder</span>" not in page.split('id="need-accountable-owner"')[1].split("</li>")[0]
    assert "only remind" in ada.get(notes).text
    review = ada.get(f"{notes}/pre-ship-review").text
    assert "missing<br>reminder" in review
    assert "4 requirements of the stage are open and only remind" in review
    plans = ada.get(f"/projects/{PROJECT}/settings/plans").text
    assert "may be waived" in plans
    assert "(reminder)</span>" in plans


GROUPS = """
requirements: {}
tiers:
  T1: &all
    beta: &two {ceiling: 5000, start: 1000, approvals: 2, approver_groups: [risk]}
    pilot: *two
    scaled: *two
  T2: *all
  T3: *all
"""


def test_a_promotion_waits_for_those_alone_whose_word_is_missing(tmp_path: Path) -> None:
    plans = tmp_path / "plans.yaml"
    plans.write_text(GROUPS)
    house = Installation(tmp_path / "groups.db", datetime(2026, 3, 2, tzinfo=UTC), plans=str(plans))
    house.project()
    house.feature("letters", "Letter drafts", "Correspondence", "T2")
    house.move("letters", "first", move="introduce", release=house.release("letters", "prompts/letters@1"))
    ben, dan, eve, fay = (
        somebody(house, Role.APPROVER, email=f"{name}@acme.example") for name in ("ben", "dan", "eve", "fay")
    )
    house.parts.governance.set_group(PROJECT, "risk", ["user:fay@acme.example"], CHIARA)
    asked = house.parts.promotions.ask(WHERE, Stage.BETA, None, CHIARA, "ready")

    def waits() -> list[bool]:
        pages = (
            each.get(f"/?project={PROJECT}&environment={PRODUCTION}").text for each in (ben, dan, eve, fay)
        )
        return ["waits for your approval" in page for page in pages]

    def agree(name: str) -> None:
        house.parts.promotions.approve(WHERE, asked.promotion.id, Actor(f"user:{name}@acme.example"))

    assert waits() == [True, True, True, True]
    agree("ben")
    # Ada let all of them in, so none of them is one with Ben, and their word is there.
    assert waits() == [False, True, True, True]
    agree("dan")
    assert waits() == [False, False, False, True], "two are enough, but for the group"
    house.parts.catalog.change_feature(PROJECT, "letters", {"fallback": "form letters"}, CHIARA, None)
    assert waits() == [True, True, True, True], "what they agreed to has changed"
    house.close()
