from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from controller.rollouts import Where, locate
from controller.store.triggers import StoredTrigger, triggers_of
from controller.store.users import find_user, open_session
from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor, let_it_fire
from triggers import Action, Arming

WHERE = Where(PROJECT, PRODUCTION, "claims")
FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/claims"
LIST, NEW, READY = f"{FEATURE}/triggers", f"{FEATURE}/new-trigger", f"{FEATURE}/ready-made-triggers"
ONE = f"{LIST}/unsupported"


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


def rule(**changed: str) -> dict[str, str]:
    """What somebody fills in: four of four readings, then back to the release before."""
    return {
        "key": "too-slow",
        "class": "latency",
        "source": "outcomes",
        "part-0": "measure",
        "text-0": "slow",
        "part-1": "limit",
        "text-1": "8000",
        "method": "threshold",
        "param-threshold-limit": "5%",
        "param-threshold-min_samples": "50",
        "param-threshold-m": "4",
        "param-threshold-k": "5",
        "param-evidence-limit": "0.3",
        "window_s": "2 h",
        "interval_s": "1 min",
        "arming": "shadow",
        "do-0": "revert",
        "do-1": "narrow",
        "after-1": "10 min",
        "share-1": "5%",
        "on_stale": "notify",
        "after_stale": "5 min",
        **changed,
    }


def kept(house: Installation) -> dict[str, StoredTrigger]:
    with house.parts.database.read() as tx:
        found = triggers_of(tx, locate(tx, WHERE).id)
    return {item.trigger.key: item for item in found if isinstance(item, StoredTrigger)}


def seen_words(page: str) -> str:
    """The text of a page without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_the_list_says_what_each_trigger_does_and_leads_to_it(ada: Visitor, live: str) -> None:
    page = ada.get(LIST).text
    assert f'href="{ONE}"' in page
    assert "Sends every answer to human review on the 1st breach." in page
    assert f'href="{LIST}"' in ada.get(FEATURE).text


def test_an_empty_list_leads_to_the_ready_made_ones(house: Installation, ada: Visitor) -> None:
    house.project()
    house.feature("claims", "Claims assistant", "Claims team", "T1")
    assert "No trigger watches it" in ada.get(LIST).text
    assert READY in ada.get(LIST).text


def test_a_rule_is_told_in_words_before_it_is_there(house: Installation, ada: Visitor, live: str) -> None:
    house.clock.pass_(hours=2)
    page = seen_words(ada.post(NEW, do="words", **rule(arming="act")).text)
    assert "Rolls back to the release before on the 4th breach, 3 min after the first." in page
    assert "It takes 4 of the last 5 readings." in page
    assert "Narrows the feature to 5% of users. On the 14th breach in a row, 13 min after the first." in page
    assert "would be noticed" in page
    assert "too-slow" not in kept(house)


def test_what_was_filled_in_is_what_is_kept(house: Installation, ada: Visitor, live: str) -> None:
    answer = ada.post(NEW, do="save", **rule(latch="on"))
    assert answer.location == f"{LIST}/too-slow?done=trigger_added"
    stored = kept(house)["too-slow"]
    trigger = stored.trigger
    assert stored.query == {"measure": "slow", "limit": "8000"}
    assert trigger.method.params()["limit"] == 0.05
    assert (trigger.window_s, trigger.interval_s, trigger.latch) == (7200, 60, True)
    assert [(rung.do, rung.after_s) for rung in trigger.ladder] == [(Action.REVERT, 0), (Action.NARROW, 600)]
    assert trigger.ladder[1].args == {"share": 500}
    assert [policy.after_s for policy in trigger.policies.values()] == [300]


def test_a_trigger_opened_and_sent_again_stays_what_it_is(
    house: Installation, ada: Visitor, live: str
) -> None:
    ada.post(NEW, do="save", **rule())
    before = kept(house)["too-slow"].trigger
    page = ada.get(f"{LIST}/too-slow").text
    again = filled(page)
    again |= {"do": "save", "reason": "nothing new"}
    assert ada.client.post(f"{LIST}/too-slow", data=again).status_code == 303
    assert kept(house)["too-slow"].trigger == before


def filled(page: str) -> dict[str, str]:
    """What a browser would send of the editor as it was shown."""
    form = page[page.index('<form id="rule"') :]
    form = form[: form.index("</form>")]
    sent: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        at = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_off = at.get("type") in ("radio", "checkbox") and " checked" not in tag
        if "name" in at and at.get("type") != "file" and not is_off:
            sent[at["name"]] = at.get("value", "on")
    for name, options in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values = re.findall(r'<option(?: value="([^"]*)")?( selected)?>([^<]*)', options)
        chosen = [value or label for value, on, label in values if on]
        first = next(iter(values), ("", "", ""))
        sent[name] = chosen[0] if chosen else first[0]
    written = re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    return sent | dict(written)


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"param-threshold-limit": "lots"}, "params.limit", "is not a number"),
        ({"param-threshold-limit": "5"}, "params.limit", "5 is more than all answers"),
        ({"window_s": "a while"}, "window_s", "Not a valid integer"),
        ({"key": "Too Slow"}, "key", "A key has 2 to 63"),
        ({"text-0": "speed"}, "query.measure", "speed"),
        ({"source": "nowhere"}, "source", "there is no source"),
        ({"do-0": "explode"}, "ladder.0.do", ""),
        ({"share-1": "nan"}, "ladder.1.args.share", ""),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field_and_stays_written(
    house: Installation, ada: Visitor, live: str, changed: dict[str, str], field: str, told: str
) -> None:
    answer = ada.post(NEW, do="save", **rule(**changed))
    assert answer.status_code == 422
    beside = answer.text[answer.text.index(f'id="wrong-{field}"') :]
    assert told.lower() in seen_words(beside[:400]).lower().replace("&#39;", "'")
    assert set(kept(house)) == {"unsupported"}
    if "param-threshold-limit" in changed:
        assert f'value="{changed["param-threshold-limit"]}"' in answer.text


def test_texts_of_users_are_never_markup(house: Installation, ada: Visitor, live: str) -> None:
    evil = '<img src=x onerror="alert(1)">'
    page = ada.post(NEW, do="words", **rule(**{"text-0": evil, "key": evil, "owner-0": evil})).text
    assert "<img" not in page
    assert "&lt;img" in page


def test_one_read_shows_the_numbers_or_the_reason(house: Installation, ada: Visitor, live: str) -> None:
    house.outcomes("claims", 40, unsupported=10)
    house.clock.pass_(minutes=5)
    page = seen_words(
        ada.post(NEW, do="read", **rule(**{"text-0": "unsupported", "part-1": "", "text-1": ""})).text
    )
    assert "10 of 140 are bad (7.14%)" in page
    idle = {"window_s": "1 s", "text-0": "slow"}
    house.clock.pass_(hours=3)
    assert "No data: " in seen_words(ada.post(NEW, do="read", **rule(**idle)).text)


def test_a_back_test_counts_what_would_have_fired_beside_another_limit(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.outcomes("claims", 100, unsupported=20)
    house.clock.pass_(hours=1)
    asked = {"text-0": "unsupported", "part-1": "", "text-1": "", "days": "1", "interval_s": "10 min"}
    asked |= {"param-threshold-m": "1", "param-threshold-k": "1", "window_s": "1 h", "other-limit": "50%"}
    page = ada.post(NEW, do="backtest", **rule(**asked)).text
    told = seen_words(page)
    assert "The other settings Threshold: limit 0.5" in told
    assert re.search(
        r"As written here Threshold: limit 0\.05.*? Would have fired 1 time False alarms 30 a month", told
    )
    assert "Would have fired 0 time s" in told.replace("times", "time s")
    [chart] = re.findall(r'data-drawn="([^"]*)"', page)
    drawn = json.loads(html.unescape(chart))
    assert [curve["label"] for curve in drawn["curves"]] == [
        "As written here",
        "The other settings",
        "limit of each",
    ]
    here, other = ([value for value in curve["values"] if value is not None] for curve in drawn["curves"][:2])
    assert max(here) > 1 > max(other)
    assert [mark["what"] for mark in drawn["marks"]] == ["As written here: would have fired"]
    assert kept(house).keys() == {"unsupported"}


def test_two_whole_settings_are_tried_beside_each_other(house: Installation, ada: Visitor, live: str) -> None:
    house.outcomes("claims", 100, unsupported=20)
    house.clock.pass_(hours=1)
    asked = {"text-0": "unsupported", "part-1": "", "text-1": "", "days": "1", "interval_s": "10 min"}
    asked |= {
        "other-method": "evidence",
        "other-param-evidence-limit": "5%",
        "other-param-evidence-alpha": "0.001",
    }
    asked |= {"other-window_s": "30 min", "other-on_no_data": "act"}
    told = seen_words(ada.post(NEW, do="backtest", **rule(**asked)).text)
    assert "The other settings Evidence: limit 0.05" in told
    assert "alpha 0.001" in told
    assert "looks at 30 min every 10 min" in told
    assert told.count("a month") == 2


def test_what_is_wrong_with_the_other_settings_is_said_of_them(ada: Visitor, live: str) -> None:
    page = ada.post(NEW, do="backtest", **rule(**{"other-method": "evidence"})).text
    assert '<code class="wrap">other-params.limit</code>' in page


def test_a_back_test_of_a_changed_rule_stands_beside_the_one_that_is_there(
    house: Installation, ada: Visitor, live: str
) -> None:
    sent = filled(ada.get(ONE).text) | {"do": "backtest", "days": "1", "plant": "40%"}
    assert "As it stands now" not in ada.client.post(ONE, data=sent).text
    told = seen_words(ada.client.post(ONE, data=sent | {"param-threshold-limit": "0.2"}).text)
    assert "As written here" in told
    assert "As it stands now" in told
    assert "Planted degradation" in told


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"plant": "much"}, "plant"),
        ({"wrong-from": "2026-03-01T00:00"}, "wrong-from"),
        ({"history": "csv"}, "csv"),
        ({"history": "tarot"}, "history"),
    ],
)
def test_a_back_test_that_cannot_be_made_says_why(
    ada: Visitor, live: str, asked: dict[str, str], field: str
) -> None:
    page = ada.post(NEW, do="backtest", **rule(**asked)).text
    assert f'<code class="wrap">{field}</code>' in page


def test_of_two_people_who_edit_the_second_is_told_and_loses_nothing(
    house: Installation, ada: Visitor, live: str
) -> None:
    sent = filled(ada.get(ONE).text) | {"do": "save", "reason": "stricter"}
    assert ada.client.post(ONE, data=sent | {"param-threshold-limit": "4%"}).status_code == 303
    answer = ada.client.post(ONE, data=sent | {"param-threshold-limit": "3%"})
    assert answer.status_code == 412
    assert "Somebody changed this trigger meanwhile" in answer.text
    assert "As it is now As you wrote it params.limit 0.04 0.03" in seen_words(answer.text)
    assert kept(house)["unsupported"].trigger.method.params()["limit"] == 0.04
    again = filled(answer.text)
    assert again["param-threshold-limit"] == "0.03"
    assert ada.client.post(ONE, data=again | {"do": "save", "reason": "stricter"}).status_code == 303


def test_loosening_a_live_trigger_takes_a_second_person(
    house: Installation, ada: Visitor, ben: Visitor, live: str
) -> None:
    looser = filled(ada.get(ONE).text) | {"param-threshold-limit": "20%", "reason": "too many alarms"}
    answer = ada.client.post(ONE, data=looser | {"do": "save"})
    assert answer.status_code == 409
    assert "so a second person has to agree" in answer.text
    assert 'value="propose"' in answer.text
    assert ada.client.post(ONE, data=looser | {"do": "propose"}).location == f"{ONE}?done=proposed"
    assert "You proposed it, so somebody else approves it." in ada.get(ONE).text
    made = re.search(r"proposals/(\d+)/withdraw", ada.get(ONE).text)
    assert made
    refused = ada.post(f"{ONE}/proposals/{made[1]}/approve", _form=ONE)
    assert refused.status_code == 409
    assert kept(house)["unsupported"].trigger.method.params()["limit"] == 0.05
    assert ben.post(f"{ONE}/proposals/{made[1]}/approve", _form=ONE).status_code == 303
    assert kept(house)["unsupported"].trigger.method.params()["limit"] == 0.2


def test_a_trigger_is_armed_only_as_it_was_looked_at(house: Installation, ada: Visitor, live: str) -> None:
    ada.post(NEW, do="save", **rule())
    page = f"{LIST}/too-slow"
    assert "It is early to let it act" in ada.get(page).text
    stale = ada.post(f"{page}/arm", _form=page, arming="act", reason="trusted", version="99")
    assert stale.status_code == 412
    assert ada.post(f"{page}/arm", _form=page, arming="act", reason="").status_code == 422
    assert ada.post(f"{page}/arm", _form=page, arming="act", reason="trusted").status_code == 303
    assert kept(house)["too-slow"].trigger.arming is Arming.ACT
    lower = ada.post(f"{page}/arm", _form=page, arming="shadow", reason="noisy")
    assert lower.status_code == 409
    assert (
        ada.post(f"{page}/arm", _form=page, arming="shadow", reason="noisy", do="propose").status_code == 303
    )


def test_a_trigger_is_muted_for_a_while_and_unmuted(house: Installation, ada: Visitor, live: str) -> None:
    assert ada.post(f"{ONE}/mute", _form=ONE, minutes="999999", reason="x").status_code == 422
    assert ada.post(f"{ONE}/mute", _form=ONE, minutes="60", reason="a known outage").status_code == 303
    assert "Muted by ada@acme.example" in seen_words(ada.get(ONE).text)
    assert ada.post(f"{ONE}/unmute", _form=ONE, reason="it is over").status_code == 303
    assert not kept(house)["unsupported"].is_muted(house.clock())


def test_a_firing_trigger_leads_to_its_acknowledgement(house: Installation, ada: Visitor, live: str) -> None:
    let_it_fire(house)
    assert f'href="/acknowledge/{PROJECT}/{PRODUCTION}/claims/unsupported"' in ada.get(ONE).text


def test_removing_a_live_trigger_is_proposed_and_a_watching_one_goes(
    house: Installation, ada: Visitor, ben: Visitor, live: str
) -> None:
    ada.post(NEW, do="save", **rule())
    page = f"{LIST}/too-slow"
    assert ada.post(f"{page}/remove", _form=page, reason="not needed", version="9").status_code == 412
    gone = ada.post(f"{page}/remove", _form=page, reason="not needed")
    assert gone.location == f"{LIST}?done=trigger_removed"
    assert ada.post(f"{ONE}/remove", _form=ONE, reason="not needed").status_code == 409
    assert ada.post(f"{ONE}/remove", _form=ONE, reason="not needed", do="propose").status_code == 303
    made = re.search(r"proposals/(\d+)/approve", ben.get(ONE).text)
    assert made
    assert ben.post(f"{ONE}/proposals/{made[1]}/approve", _form=ONE).location == gone.location
    assert kept(house) == {}
    assert ada.get(ONE).status_code == 404


def test_a_trigger_that_cannot_be_read_is_written_anew(house: Installation, ada: Visitor, live: str) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text("update triggers set method = 'tarot'"))
    page = ada.get(ONE)
    assert "It was set aside and watches nothing" in page.text
    assert ada.get(LIST).status_code == 200
    mended = ada.post(ONE, do="save", reason="mended", **rule())
    assert mended.status_code == 303
    assert kept(house)["unsupported"].trigger.ladder[0].do is Action.REVERT


def test_ready_made_triggers_are_shown_for_the_tier_and_added_in_shadow(
    house: Installation, ada: Visitor, live: str
) -> None:
    page = ada.get(READY).text
    assert "Ready-made triggers" in page
    assert "Answers that their sources do not support" in page
    assert ada.post(READY, arming="shadow").status_code == 422
    data: dict[str, Any] = {"csrf": "csrf-of-ada", "telemetry": "outcomes", "source": "outcomes"}
    wanted = data | {"arming": "shadow", "keys": ["unsupported-answers", "sensitive-data"]}
    assert ada.client.post(READY, data=wanted).location == f"{LIST}?done=triggers_added"
    assert kept(house)["sensitive-data"].trigger.arming is Arming.SHADOW
    assert ada.client.post(READY, data=wanted).status_code in (409, 422)
    assert "It is there already" in ada.get(READY).text


def test_without_a_source_of_its_kind_a_telemetry_adds_nothing(ada: Visitor, live: str) -> None:
    page = ada.get(f"{READY}?telemetry=langfuse").text
    assert "This project has no source of the kind langfuse" in page
    assert "Add those ticked" not in page


def test_every_ready_made_trigger_can_be_told_in_words(house: Installation, ada: Visitor, live: str) -> None:
    for telemetry in ("outcomes", "records", "otel", "sql"):
        assert ada.get(f"{READY}?telemetry={telemetry}").status_code == 200
    house.trigger("claims", "leaks", "sensitive_data", 0.05, arming=Arming.HOLD)
    assert "Holds. Armed to act:" in ada.get(LIST).text
