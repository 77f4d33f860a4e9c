from __future__ import annotations

import re

import pytest

from controller.console.incident_story import Spared
from stages import Mode
from tests.browser.story import Installation
from tests.controller.console.conftest import Visitor
from triggers import Action, Rung, Scope

LIST, PAGE = "/projects/acme/incidents", "/projects/acme/incidents/1"
_COPIED = """status, bad, total, samples, message, warnings, asked, sentence, numbers, phase, due, window_start,
window_end"""
LATER_READINGS = f"""WITH RECURSIVE later (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM later WHERE n < 1100)
INSERT INTO readings (trigger_id, slot, evaluated_at, verdict, {_COPIED})
SELECT trigger_id, slot + n * 60000000, evaluated_at + n * 60000000, 'ok', {_COPIED}
FROM later, (SELECT * FROM readings ORDER BY trigger_id DESC, slot DESC LIMIT 1)"""
"""A trigger goes on being evaluated, more often than a page looks back."""


@pytest.fixture
def incident(house: Installation, live: str) -> str:
    """The page of an incident that a trigger began: 60 of 160 answers of two hours were unsupported."""
    house.trigger(live, "reverting", "unsupported", 0.05, ladder=(Rung(Action.REVERT),), hold_s=120)
    house.tick()
    house.outcomes(live, 100, unsupported=60)
    for _ in range(4):
        house.clock.pass_(minutes=1)
        house.tick()
    return PAGE


def test_an_incident_is_told_with_its_times_and_what_it_spared(
    house: Installation, ada: Visitor, incident: str
) -> None:
    house.clock.pass_(hours=1)
    page = ada.get(incident).text
    assert "Incident 1" in page
    assert "reading in breach" in page
    assert "Reverted" in page
    detect = page.split("<dt>To detect</dt>")[1].split("</dd>")[0]
    assert "2 min" in detect
    spared = page.split("<dt>Bad answers avoided</dt>")[1].split("</div>")[0]
    assert "60% bad" in spared or "37.5% bad" in spared
    assert "answers an hour × " in spared


def test_an_old_incident_is_told_like_a_new_one(house: Installation, ada: Visitor, incident: str) -> None:
    new = ada.get(incident).text
    with house.parts.database.write() as tx:
        tx.exec_driver_sql(LATER_READINGS)
    figures = re.compile(r'<dl class="figures">.*?<dt>To verify', re.DOTALL)
    assert figures.findall(ada.get(incident).text) == figures.findall(new)


def test_of_a_candidate_only_its_part_of_the_answers_was_spared(
    house: Installation, ada: Visitor, live: str
) -> None:
    candidate, limits = house.release(live, f"prompts/{live}@2"), {"ladder": (Rung(Action.REVERT),)}
    house.trigger(live, "reverting", "unsupported", 0.05, scope=Scope.CANDIDATE, **limits)
    house.tick()
    house.outcomes(live, 100, unsupported=60, release=candidate)
    house.clock.pass_(minutes=1)
    house.tick()
    house.clock.pass_(minutes=1)
    house.outcomes(live, 500)
    house.clock.pass_(minutes=1)
    spared = ada.get(PAGE).text.split("<dt>Bad answers avoided</dt>")[1].split("</div>")[0]
    assert "about 30<" in spared
    factors = "60% bad at the last reading in breach × 10% of users who had the release × 500 answers since"
    assert factors in spared


def test_what_was_spared_is_reckoned_from_the_answers_since_or_from_the_rate_before() -> None:
    assert Spared(share=0.25, since=240, an_hour=80.0, hours=9.0).answers == 60
    assert Spared(share=0.25, since=0, an_hour=80.0, hours=3.0).answers == 60


def test_an_incident_that_a_person_began_claims_no_figures(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.move(live, "it cites nothing", move="revert")
    page = ada.get(PAGE).text
    assert "a person saw it" in page
    assert "it cannot be told: nothing was counted when it began" in page


def test_the_list_leads_to_it_and_tells_the_open_ones_apart(
    house: Installation, ada: Visitor, live: str
) -> None:
    assert "No incident yet" in ada.get(LIST).text
    house.move(live, "it cites nothing", move="revert")
    assert f'href="{PAGE}"' in ada.get(f"{LIST}?open=1").text
    ada.post(
        f"{PAGE}/close",
        _form=PAGE,
        follow_up="data_fix",
        text="rebuilt",
        by_hand="1",
        reason="nobody uses it",
    )
    assert "No incident is open" in ada.get(f"{LIST}?open=1").text
    assert "data fix" in ada.get(LIST).text


def test_closing_is_refused_with_every_reason_and_keeps_what_was_written(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.move(live, "it cites nothing", move="revert")
    answer = ada.post(f"{PAGE}/close", _form=PAGE, follow_up="data_fix", text="the index was rebuilt")
    assert answer.status_code == 409
    assert "Not done." in answer.text
    assert ">the index was rebuilt</textarea>" in answer.text
    without = ada.post(f"{PAGE}/close", _form=PAGE, text="x")
    assert without.status_code == 422
    assert 'id="wrong-follow_up"' in without.text


def test_somebody_takes_it_on_his_word_and_closes_it(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "it cites nothing", move="revert")
    answer = ada.post(f"{PAGE}/verify", _form=PAGE, reason="I read fifty answers")
    assert answer.location == f"{PAGE}?done=verified"
    closed = ada.post(f"{PAGE}/close", _form=PAGE, follow_up="prompt_change", text="the prompt says it now")
    assert closed.location == f"{PAGE}?done=closed"
    page = ada.get(PAGE).text
    assert "Prompt change" in page
    assert "the prompt says it now" in page
    assert ada.post(f"{PAGE}/verify", _form=PAGE, csrf="", reason="x").status_code == 403


def test_the_hand_over_says_what_waits(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "it cites nothing", move="revert")
    text = ada.get(PAGE).text.split('id="handover"')[1].split("</pre>")[0]
    assert "Incident 1: Claims assistant in production, restored" in text
    assert "It cites nothing." in text
    assert "Next: settle what waits, name a follow-up, and close it." in text
    assert text.strip().endswith("/projects/acme/incidents/1")


def test_an_incident_of_another_project_is_not_found(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "it cites nothing", move="revert")
    house.project("other", "Other")
    assert ada.get("/projects/other/incidents/1").status_code == 404
    assert ada.post("/projects/other/incidents/1/verify", _form=PAGE, reason="x").status_code == 404


def test_what_is_written_about_an_incident_is_shown_as_text(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.move(live, "<img src=x onerror=alert(1)>", move="revert", mode=Mode.LIVE)
    for path in (LIST, PAGE):
        assert "<img src=x" not in ada.get(path).text
        assert "&lt;img src=x" in ada.get(path).text
