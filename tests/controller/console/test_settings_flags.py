from __future__ import annotations

import html
import io
import json
import re
from typing import Any

import pytest

from controller.store.changes import changes_of
from controller.store.flag_counts import add_counts, midnight
from controller.store.projects import get_environment, get_project
from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor

PAGE = f"/projects/{PROJECT}/settings/flags"
HERE = f"{PAGE}?environment={PRODUCTION}"
PLACE = f"{PAGE}/{PRODUCTION}"
BANNER = f"{PLACE}/banner"
SWITCH = {"variants": '{"on": true, "off": false}', "defaultVariant": "off", "state": "ENABLED"}
RULE = '{"if": [{"in": [{"var": "country"}, ["ch"]]}, "on", "off"]}'


def make(ada: Visitor, key: str = "banner", **fields: str) -> Any:
    return ada.post(PLACE, _form=HERE, **{"key": key, **SWITCH, **fields})


def change(ada: Visitor, path: str = BANNER, **fields: str) -> Any:
    return ada.post(path, _form=BANNER, **{**SWITCH, **fields})


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def wrong(page: str, field: str) -> str:
    """What is said beside a field, which names it."""
    assert f'aria-describedby="wrong-{field}"' in page
    found = re.search(rf'id="wrong-{field}">(.*?)</p>', page, re.DOTALL)
    assert found
    return words(found[1]).lower()


def entered(page: str, id: str) -> str:
    found = re.search(rf'<textarea[^>]* id="{id}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


@pytest.fixture
def banner(ada: Visitor, live: str) -> str:
    """A flag that is on in Switzerland."""
    made = make(ada, targeting=RULE, owner="web", tags="a, b", client_visible="1")
    assert made.location == f"{HERE}&done=flag_made"
    return BANNER


def test_nobody_sees_or_changes_a_flag_without_a_session_and_its_form(visitor: Visitor, live: str) -> None:
    assert visitor.get(PAGE).location.startswith("/sign-in")
    for path in (PLACE, BANNER, f"{BANNER}/try", f"{BANNER}/delete", f"{PLACE}/file"):
        assert visitor.client.post(path).location.startswith("/sign-in")


def test_a_form_that_is_not_of_the_session_does_nothing(ada: Visitor, banner: str) -> None:
    for path in (PLACE, BANNER, f"{BANNER}/try", f"{BANNER}/delete", f"{PLACE}/file"):
        assert ada.client.post(path, data=SWITCH).status_code == 403


def test_a_flag_that_was_made_is_listed_with_what_is_known_of_it(ada: Visitor, banner: str) -> None:
    said = words(ada.get(HERE).text)
    assert "banner web" in said
    assert "boolean enabled clients too not seen" in said, said
    assert "Which of them nobody needs cannot be told" in said
    page = ada.get(BANNER).text
    assert "A boolean flag of" in words(page)
    assert json.loads(entered(page, "targeting")) == json.loads(RULE)


def test_the_day_a_flag_was_last_asked_for_is_no_instant(
    house: Installation, ada: Visitor, banner: str
) -> None:
    """It is counted by days of UTC; a time at midnight would be another day elsewhere."""
    with house.parts.database.write() as tx:
        id = get_environment(tx, get_project(tx, PROJECT).id, PRODUCTION).id
        add_counts(tx, {(id, "banner", "on"): 1}, midnight(house.clock()))
    assert '<td data-is="Last asked for">2026-03-02</td>' in ada.get(HERE).text


def test_flags_are_found_by_key_and_owner(ada: Visitor, banner: str) -> None:
    make(ada, "limit", owner="shop")
    assert "limit" not in words(ada.get(f"{HERE}&text=WEB").text)
    assert "limit" in words(ada.get(f"{HERE}&text=shop").text)
    assert "No plain flag like that" in words(ada.get(f"{HERE}&text=nothing").text)


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("targeting", "{", "is not valid json"),
        ("targeting", "[]", "is not a json object"),
        ("targeting", '{"if": [{"regex": [{"var": "x"}, "a"]}, "on", "off"]}', "at if.0"),
        ("targeting", '{"if": [true, "nothing"]}', "nothing"),
        ("variants", '{"on": true, "off": 1}', "type"),
        ("variants", "", "missing"),
        ("defaultVariant", "other", "other"),
        ("metadata", '{"a": []}', "a"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_and_what_was_entered_stays(
    ada: Visitor, banner: str, field: str, given: str, said: str
) -> None:
    refused = change(ada, **{"targeting": RULE, field: given})
    assert refused.status_code == 422
    assert said in wrong(refused.text, field)
    if given:
        assert given in html.unescape(refused.text)
    assert json.loads(ada.get(f"{PLACE}/file").text)["flags"]["banner"]["targeting"] == json.loads(RULE)


def test_a_new_flag_needs_a_key_and_takes_no_other_flags_place(ada: Visitor, banner: str) -> None:
    assert "there is no key" in wrong(make(ada, "").text, "key")
    again = make(ada, variants='{"on": false, "off": true}')
    assert (again.status_code, "there is a flag banner already" in wrong(again.text, "key")) == (409, True)
    taken = make(ada, "claims")
    assert (taken.status_code, "claims" in wrong(taken.text, "key")) == (422, True)


def test_a_change_is_saved_with_its_reason(house: Installation, ada: Visitor, banner: str) -> None:
    saved = change(ada, state="DISABLED", reason="over")
    assert saved.location == f"{BANNER}?done=flag_changed"
    assert "version 2" in words(ada.get(BANNER).text)
    with house.parts.database.read() as tx:
        newest = changes_of(tx, get_project(tx, PROJECT).id, limit=1)[0]
    assert (newest.name, newest.reason) == ("flag.set", "over")


def test_who_was_overtaken_is_told_so_and_loses_nothing(ada: Visitor, banner: str) -> None:
    change(ada, description="theirs")
    late = change(ada, description="mine", version="1")
    assert late.status_code == 412
    assert "See how it is now" in late.text
    assert 'value="mine"' in late.text
    assert 'value="theirs"' in ada.get(BANNER).text


def test_a_rule_is_tried_as_it_was_entered_and_nothing_is_saved(ada: Visitor, banner: str) -> None:
    other = RULE.replace("ch", "at")
    for country, variant in (("at", "on : true (TARGETING_MATCH)"), ("ch", "off : false (TARGETING_MATCH)")):
        tried = change(ada, f"{BANNER}/try", targeting=other, context=json.dumps({"country": country}))
        assert variant in words(tried.text)
        assert other in html.unescape(tried.text)
    assert "is not valid json" in wrong(change(ada, f"{BANNER}/try", context="{").text, "context")
    assert "at if.0" in wrong(change(ada, f"{BANNER}/try", targeting='{"if": [{"x": 1}]}').text, "targeting")
    off = change(ada, f"{BANNER}/try", state="DISABLED")
    assert "The caller's own default. DISABLED" in words(off.text)
    assert "version 1" in words(ada.get(BANNER).text)


def test_a_deleted_flag_leaves_its_key_behind(ada: Visitor, banner: str) -> None:
    path = f"{BANNER}/delete"
    assert "there is no reason" in words(ada.post(path, _form=BANNER).text).lower()
    assert ada.post(path, _form=BANNER, reason="done").location == f"{HERE}&done=flag_deleted"
    said = words(ada.get(HERE).text)
    assert "Retired keys 1 banner boolean deleted" in said
    assert "done" in said
    assert "Retired keys" in ada.get(f"{HERE}&text=BANN").text
    assert "Retired keys" not in ada.get(f"{HERE}&text=other").text
    assert ada.get(BANNER).status_code == 404
    assert make(ada).status_code == 409
    other = ada.post(f"{BANNER}/revive", _form=HERE, type="string")
    assert "was of the type boolean" in words(other.text)
    assert ada.post(f"{BANNER}/revive", _form=HERE).location == f"{BANNER}?done=flag_revived"
    assert ada.post(f"{BANNER}/revive", _form=BANNER).location == BANNER  # Somebody was quicker.


def send(ada: Visitor, content: bytes, **fields: str) -> Any:
    csrf = re.search(r'name="csrf" value="([^"]*)"', ada.get(HERE).text)
    assert csrf
    data = {"csrf": csrf[1], "file": (io.BytesIO(content), "flags.json"), **fields}
    return ada.client.post(f"{PLACE}/file", data=data)


def test_a_file_is_taken_over_as_a_whole_and_given_out_as_it_was(ada: Visitor, banner: str) -> None:
    sent = ada.get(f"{PLACE}/file")
    assert sent.headers["Content-Disposition"].startswith("attachment")
    file = json.loads(sent.text)
    file["flags"]["limit"] = {"state": "ENABLED", "variants": {"low": 1, "high": 9}, "defaultVariant": "low"}
    trial = send(ada, json.dumps(file).encode(), trial="1")
    assert "1 new, 0 changed, 0 deleted, 1 as they are." in words(trial.text)
    assert "limit" not in json.loads(ada.get(f"{PLACE}/file").text)["flags"]
    assert send(ada, json.dumps(file).encode()).location == f"{HERE}&done=flags_read"
    assert json.loads(ada.get(f"{PLACE}/file").text) == file
    file["flags"]["limit"]["defaultVariant"] = "nothing"
    refused = send(ada, json.dumps(file).encode())
    assert (refused.status_code, "flags.limit.defaultVariant" in refused.text) == (422, True)
    assert "is not valid json" in words(send(ada, b"{").text).lower()
    assert "there is no file" in words(ada.post(f"{PLACE}/file", _form=HERE).text).lower()
