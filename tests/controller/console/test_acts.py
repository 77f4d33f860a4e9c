from __future__ import annotations

import pytest
from sqlalchemy import Connection, event, text

from controller.rollouts import Where, locate
from controller.store.changes import changes_of
from controller.store.projects import get_project
from controller.store.triggers import triggers_of
from stages import Mode, Rollout
from tests.browser.story import ADA, BEN, EMAIL, PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor, let_it_fire

WHERE = Where(PROJECT, PRODUCTION, "claims")


def rollout(house: Installation) -> Rollout:
    with house.parts.database.read() as tx:
        return locate(tx, WHERE).rollout


def newest(house: Installation):
    with house.parts.database.read() as tx:
        return changes_of(tx, get_project(tx, PROJECT).id, limit=1)[0]


def test_the_stop_page_spells_out_what_each_way_does(ada: Visitor, live: str) -> None:
    page = ada.get("/stop/acme/production/claims").text
    assert 'value="off" checked' in page
    assert "25% of users lose it: they get the fallback “classic-search” instead" in page
    assert "a person looks at every answer before they see it" in page
    assert (
        "is dropped and marked as bad until a person says otherwise. All who have the feature get r-" in page
    )
    assert 'placeholder="What did you see?"></textarea>' in page


def test_the_stop_page_stands_in_the_same_frame_as_all_others(ada: Visitor, live: str) -> None:
    page = ada.get(f"/stop/{PROJECT}/{PRODUCTION}/claims").text
    assert '<nav class="ways" aria-label="Pages">' in page
    assert f'href="/projects/{PROJECT}/incidents"' in page


@pytest.mark.parametrize(
    "page", ["", "/promotion", "/triggers", "/triggers/unsupported", "/new-trigger", "/ready-made-triggers"]
)
def test_stopping_is_one_click_away_on_every_page_about_a_feature(ada: Visitor, live: str, page: str) -> None:
    shown = ada.get(f"/projects/{PROJECT}/environments/{PRODUCTION}/features/claims{page}").text
    assert f'href="/stop/{PROJECT}/{PRODUCTION}/claims"' in shown


def test_a_stop_that_cannot_be_written_says_so_and_keeps_what_was_written(
    house: Installation, ada: Visitor, live: str
) -> None:
    address = f"/stop/{PROJECT}/{PRODUCTION}/claims"
    form = {"csrf": "csrf-of-ada", "choice": "off", "reason": "it cites nothing", "version": "1"}
    engine = house.parts.database.engine
    event.listen(engine, "begin", _read_only)
    answer = ada.client.post(address, data=form)
    event.remove(engine, "begin", _read_only)
    engine.dispose()
    assert answer.status_code == 503
    assert "The database cannot be written, so nothing was done" in answer.text
    assert "it cites nothing" in answer.text
    assert ada.client.post(address, data=form).status_code == 303


def _read_only(connection: Connection) -> None:
    """As if the file were on a disk that takes nothing any more."""
    connection.exec_driver_sql("pragma query_only = on")


def test_only_the_ways_that_are_possible_are_offered(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "x", move="review")
    page = ada.get("/stop/acme/production/claims").text
    assert 'value="review"' not in page
    house.move(live, "x", move="revert")
    house.move(live, "x", move="disable")
    assert "There is nothing to do" in ada.get("/stop/acme/production/claims").text


@pytest.mark.parametrize(
    ("choice", "mode", "name"),
    [("off", Mode.OFF, "disable"), ("review", Mode.REVIEW, "review"), ("revert", Mode.LIVE, "revert")],
)
def test_a_stop_is_made_and_recorded_with_the_name_and_the_reason(
    house: Installation, ada: Visitor, live: str, choice: str, mode: Mode, name: str
) -> None:
    answer = ada.act("stop", live, choice=choice, reason=" it invents clauses\r\n")
    assert answer.location == "/projects/acme/environments/production/features/claims?done=stopped"
    assert rollout(house).mode is mode
    assert (rollout(house).candidate is None) is (choice == "revert")
    change = newest(house)
    assert (change.name, change.reason) == (name, "it invents clauses")
    assert (change.actor, change.actor_kind) == (f"user:{EMAIL}", "human")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001, "a\x00b"])
def test_a_stop_without_a_usable_reason_is_not_made_and_says_why(
    house: Installation, ada: Visitor, live: str, reason: str
) -> None:
    answer = ada.act("stop", live, choice="review", reason=reason)
    assert answer.status_code == 422
    assert "Not done." in answer.text
    assert 'value="review" checked' in answer.text
    assert rollout(house).mode is Mode.LIVE


def test_what_was_written_is_still_there_after_a_refusal(ada: Visitor, live: str) -> None:
    answer = ada.act("stop", live, choice="sideways", reason="it invents clauses")
    assert ">it invents clauses</textarea>" in answer.text


@pytest.mark.parametrize("choice", ["", "promote", "resume"])
def test_a_way_that_was_not_offered_is_not_made(
    house: Installation, ada: Visitor, live: str, choice: str
) -> None:
    answer = ada.act("stop", live, choice=choice, reason="x")
    assert answer.status_code == 422
    assert rollout(house).mode is Mode.LIVE


def test_a_second_click_finds_it_done(house: Installation, ada: Visitor, live: str) -> None:
    ada.act("stop", live, choice="off", reason="x")
    made = newest(house).seq
    assert ada.act("stop", live, choice="off", reason="x").status_code == 303
    assert newest(house).seq == made


def test_switching_off_works_whatever_happened_since_the_page_was_shown(
    house: Installation, ada: Visitor, live: str
) -> None:
    answer = ada.act("stop", live, choice="off", reason="x", version="1")
    assert answer.status_code == 303
    assert rollout(house).mode is Mode.OFF


@pytest.mark.parametrize("version", ["1", "", "x", "9" * 40])
def test_a_revert_is_about_what_the_person_looked_at(
    house: Installation, ada: Visitor, live: str, version: str
) -> None:
    before = rollout(house)
    answer = ada.act("stop", live, choice="revert", reason="x", version=version)
    assert answer.status_code == 412
    assert "Somebody changed this meanwhile" in answer.text
    assert rollout(house) == before


def test_resuming_lifts_holds_and_brings_traffic_back(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "wait", move="hold")
    house.move(live, "wait", move="disable")
    page = ada.get("/resume/acme/production/claims").text
    assert 'value="review" checked' in page
    assert "The hold by a person is lifted." in page
    assert ada.act("resume", live, choice="live", reason="settled").status_code == 303
    assert rollout(house).mode is Mode.LIVE
    assert rollout(house).holds == frozenset()


def test_resuming_is_refused_while_a_trigger_fires_and_says_what_to_do(
    house: Installation, ada: Visitor, live: str
) -> None:
    let_it_fire(house)
    assert "In the way now" in ada.get("/resume/acme/production/claims").text
    answer = ada.act("resume", live, choice="live", reason="x")
    assert answer.status_code == 409
    assert "The trigger unsupported is firing." in answer.text
    address = "/acknowledge/acme/production/claims/unsupported"
    assert f'href="{address}">Acknowledge it once the cause is gone.</a>' in answer.text
    assert rollout(house).mode is Mode.REVIEW


def test_acknowledging_makes_the_trigger_quiet_and_leaves_the_feature(
    house: Installation, ada: Visitor, live: str
) -> None:
    let_it_fire(house)
    assert "60 of" in ada.get("/acknowledge/acme/production/claims/unsupported").text
    assert ada.act("acknowledge", live, "unsupported", reason="").status_code == 422
    assert ada.act("acknowledge", live, "unsupported", reason="index rebuilt").status_code == 303
    with house.parts.database.read() as tx:
        assert triggers_of(tx, locate(tx, WHERE).id)[0].state.phase == "quiet"
    assert rollout(house).mode is Mode.REVIEW
    made = newest(house)
    assert (made.name, made.reason, made.actor) == ("trigger.acknowledge", "index rebuilt", f"user:{EMAIL}")
    assert ada.act("acknowledge", live, "unsupported", reason="again").status_code == 303
    assert newest(house).seq == made.seq
    assert ada.act("resume", live, choice="live", reason="checked").status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "/stop/nobody/production/claims",
        "/stop/acme/nowhere/claims",
        "/resume/acme/production/nothing",
        "/acknowledge/acme/production/claims/none",
    ],
)
def test_what_does_not_exist_is_said(ada: Visitor, live: str, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 404
    assert "There is no" in answer.text


def test_a_rollout_that_cannot_be_read_is_told_and_not_moved(
    house: Installation, ada: Visitor, live: str
) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text("UPDATE rollouts SET exposure = '{'"))
    answer = ada.get("/stop/acme/production/claims")
    assert answer.status_code == 409
    assert "cannot be read and is served as off" in answer.text


def test_a_trigger_that_cannot_be_read_is_told(house: Installation, ada: Visitor, live: str) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text("UPDATE triggers SET params = '['"))
    answer = ada.get("/acknowledge/acme/production/claims/unsupported")
    assert answer.status_code == 409
    assert "cannot be read" in answer.text


def test_narrowing_goes_to_the_share_that_is_given(house: Installation, ada: Visitor, live: str) -> None:
    page = ada.get("/stop/acme/production/claims").text
    assert "Narrow to a smaller share" in page
    assert 'value="12.5"' in page
    assert ada.act("stop", live, choice="narrow", share="7,5 %", reason="wait").status_code == 303
    assert (rollout(house).exposure.share, rollout(house).mode) == (750, Mode.LIVE)


@pytest.mark.parametrize("share", ["", "many", "-1", "101", "nan", "inf", "1e999"])
def test_a_share_that_is_none_is_refused_beside_its_reason(
    house: Installation, ada: Visitor, live: str, share: str
) -> None:
    answer = ada.act("stop", live, choice="narrow", share=share, reason="wait")
    assert answer.status_code == 422
    assert "is no share" in answer.text
    assert rollout(house).exposure.share == 2500


def test_narrowing_to_more_than_there_is_is_refused(house: Installation, ada: Visitor, live: str) -> None:
    answer = ada.act("stop", live, choice="narrow", share="50", reason="wait")
    assert answer.status_code == 409
    assert rollout(house).exposure.share == 2500


def test_a_narrowing_with_a_name_is_offered_with_what_it_takes_away(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.parts.narrowings.define(
        WHERE, "staff", {"cohorts": frozenset({"staff"}), "share": 500}, ADA, "ready"
    )
    assert "25% of users have it now, 5% afterwards" in ada.get("/stop/acme/production/claims").text
    assert ada.act("stop", live, choice="narrow:staff", reason="only us").status_code == 303
    assert rollout(house).exposure.cohorts == frozenset({"staff"})


def test_who_comes_second_is_told_what_the_first_one_did(
    house: Installation, ada: Visitor, live: str
) -> None:
    seen = str(rollout(house).version)
    house.move(live, "the index is wrong", by=BEN, move="review")
    answer = ada.act("stop", live, choice="revert", reason="x", version=seen)
    assert answer.status_code == 412
    assert "Somebody changed this meanwhile, so nothing was done." in answer.text
    assert "the index is wrong" in answer.text
    assert "ben@acme.example" in answer.text
    assert ">x</textarea>" in answer.text


def test_the_stop_page_says_how_many_instances_will_hear_of_it(
    house: Installation, ada: Visitor, live: str
) -> None:
    assert "No instance has sent a receipt lately" in ada.get("/stop/acme/production/claims").text
    house.receipt("i-1", revision=1)
    assert "1 instance connected" in ada.get("/stop/acme/production/claims").text


def test_receipts_are_counted_until_the_last_instance_has_it(
    house: Installation, ada: Visitor, live: str
) -> None:
    page = "/projects/acme/environments/production/features/claims"
    assert "No receipts yet" in ada.get(page).text
    house.receipt("i-1", revision=1)
    house.receipt("i-2", revision=1)
    ada.act("stop", live, choice="off", reason="x")
    assert "0 of 2" in ada.get(f"{page}?done=stopped").text
    revision = house.revision()
    house.receipt("i-1", revision=revision)
    assert "1 of 2" in ada.get(page).text
    house.receipt("i-2", revision=revision)
    assert f"2 of 2 instances on revision {revision}" in ada.get(page).text
