"""The record of a feature in the console: made, read, changed by two people at once, and proposed."""

from __future__ import annotations

import html
import re
from typing import Any

from werkzeug.test import TestResponse

from controller.permissions import Role
from controller.store.changes import changes_of
from controller.store.features import Feature, get_feature
from controller.store.projects import get_project
from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor
from tests.controller.console.test_settings_people import somebody

PLACE = f"/projects/{PROJECT}/environments/{PRODUCTION}"
PAGE = f"{PLACE}/features/claims/record"
NEW = f"{PLACE}/new-feature"


def record(house: Installation, key: str = "claims") -> Feature:
    with house.parts.database.read() as tx:
        return get_feature(tx, get_project(tx, PROJECT).id, key)


def fields(page: str) -> dict[str, str]:
    """What stands in the form of a page, as a browser would send it."""
    form = page.split('<form class="stack"')[1].split("</form>", maxsplit=1)[0]
    found = dict(re.findall(r'<input [^>]*?name="([^"]+)"[^>]*? value="([^"]*)">', form))
    found |= dict(re.findall(r'<textarea [^>]*?name="([^"]+)"[^>]*>([^<]*)</textarea>', form))
    for name, options in re.findall(r'<select [^>]*?name="([^"]+)"[^>]*>(.*?)</select>', form):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    found.pop("client_visible", None)
    return {name: html.unescape(value) for name, value in found.items()}


def send(visitor: Visitor, page: str, address: str = PAGE, **changed: Any) -> TestResponse:
    return visitor.client.post(address, data=fields(page) | {"do": "save"} | changed)


def test_every_field_can_be_said_and_only_what_was_changed_is_recorded(
    house: Installation, ada: Visitor, live: str
) -> None:
    said = {
        "hypothesis": "half the calls",
        "oversight": "human_decides",
        "autonomy_cap": "recommend",
        "business_metric.name": "calls",
        "business_metric.target": "2.5",
        "business_metric.window_days": "30",
        "people": "support: Ada Lovelace\nlegal: Ben",
        "reviewers": "claims-qa\n\nlegal-qa",
        "expected_daily_answers": "1200",
        "client_visible": "1",
        # The first row is left empty, and is none.
        "data_sources.1.name": "Policies",
        "data_sources.1.owner": "Legal",
        "regulatory.0.framework": "EU AI Act",
        "regulatory.0.edition": "2024/1689",
        "regulatory.0.id": "limited risk",
    }
    done = send(ada, ada.get(PAGE).text, **said)
    assert done.location == f"{PAGE}?done=record_changed", done.text
    now = record(house)
    assert (now.oversight, now.autonomy_cap, now.fallback) == ("human_decides", "recommend", "classic-search")
    assert now.business_metric == {
        "name": "calls",
        "unit": "",
        "baseline": None,
        "target": 2.5,
        "window_days": 30,
    }
    assert now.people == {"support": "Ada Lovelace", "legal": "Ben"}
    assert now.reviewers == ["claims-qa", "legal-qa"]
    assert now.data_sources[0]["name"] == "Policies"
    assert now.regulatory[0]["id"] == "limited risk"
    assert (now.expected_daily_answers, now.client_visible) == (1200, True)
    with house.parts.database.read() as tx:
        (newest,) = changes_of(tx, now.project_id, limit=1)
    assert newest.name == "feature.change"
    assert set(newest.after) == {name.split(".")[0] for name in said}
    shown = ada.get(PAGE).text
    assert fields(shown)["data_sources.0.owner"] == "Legal"
    emptied = {name: "" for name in fields(shown) if name.startswith(("data_sources.", "business_metric."))}
    send(ada, shown.replace(' value="1" checked', ' value="1"'), **emptied)
    assert (record(house).data_sources, record(house).business_metric) == ([], None)
    again = ada.get(PAGE).text
    assert send(ada, again).location == f"{PAGE}?done=nothing_changed"


def test_of_two_who_edit_at_once_the_second_sees_what_the_first_made_and_loses_nothing(
    house: Installation, ada: Visitor, live: str
) -> None:
    before = ada.get(PAGE).text
    send(ada, before, fallback="old-search", hypothesis="half the calls", owner="Search team")
    late = send(ada, before, fallback="no-search", success="fewer calls", owner="Search team")
    assert late.status_code == 412
    assert record(house).fallback == "old-search"
    assert "Somebody else changed it meanwhile, so nothing was saved." in late.text
    entered = fields(late.text)
    assert (entered["fallback"], entered["success"], entered["hypothesis"]) == (
        "no-search",
        "fewer calls",
        "half the calls",
    )
    assert "<code>old-search</code>" in late.text.split('id="theirs-fallback"')[1].split("</div>")[0]
    assert "to what stands here" in late.text.split('id="theirs-hypothesis"')[1].split("</div>")[0]
    assert 'id="theirs-success"' not in late.text
    assert send(ada, late.text).location == f"{PAGE}?done=record_changed"
    now = record(house)
    assert (now.fallback, now.success, now.hypothesis) == ("no-search", "fewer calls", "half the calls")


def test_a_limit_that_takes_two_people_is_proposed_and_the_rest_is_saved(
    house: Installation, ada: Visitor, live: str
) -> None:
    changed = {"automatic_moves_per_day": "50", "success": "fewer calls"}
    refused = send(ada, ada.get(PAGE).text, **changed)
    assert refused.status_code == 409
    assert "part of this takes two people" in refused.text
    assert record(house).success == ""
    unreasoned = send(ada, refused.text, do="propose")
    assert unreasoned.status_code == 422
    assert "Say in a few words why" in unreasoned.text
    proposed = send(ada, unreasoned.text, do="propose", reason="the queue grew")
    assert proposed.location == f"{PAGE}?done=proposed", proposed.text
    now = record(house)
    assert (now.success, now.automatic_moves_per_day) == ("fewer calls", None)
    (waiting,), _ = house.parts.proposals.waiting(PROJECT)
    assert waiting.proposal.wanted == {"automatic_moves_per_day": 50}
    assert "proposes other limits" in ada.get(PAGE).text


def test_what_cannot_be_used_is_told_at_its_field_and_nothing_is_saved(
    house: Installation, ada: Visitor, live: str
) -> None:
    wrong = {
        "owner": " ",
        "business_metric.target": "a lot",
        "people": "support: Ada\nsupport: Ben",
        "data_sources.0.name": "Policies",
        "expected_daily_answers": "-3",
    }
    refused = send(ada, ada.get(PAGE).text, **(wrong | {"people": "Support Ada"}))
    assert refused.status_code == 422
    for name in wrong:
        at = "data_sources.0.owner" if name == "data_sources.0.name" else name
        assert f'id="wrong-{at}"' in refused.text
    twice = send(ada, ada.get(PAGE).text, people=wrong["people"])
    assert "Support stands there twice" in twice.text
    assert record(house).version == 1


def test_a_feature_is_made_and_a_key_that_is_taken_is_told_at_the_key(
    house: Installation, ada: Visitor, live: str
) -> None:
    assert f'href="{NEW}"' in ada.board()
    made = send(
        ada, ada.get(NEW).text, NEW, key="letters", name="<b>Letters</b>", owner="Post", risk_tier="T3"
    )
    assert made.location == f"{PLACE}/features/letters?done=feature_made", made.text
    assert record(house, "letters").risk_tier == "T3"
    assert "&lt;b&gt;Letters&lt;/b&gt;" in ada.board()
    taken = send(ada, ada.get(NEW).text, NEW, key="letters", owner="Post")
    assert taken.status_code == 409
    assert "already" in taken.text.split('id="wrong-key"')[1].split("</p>")[0]


def test_without_the_permission_the_record_is_read_and_says_who_may_change_it(
    house: Installation, ada: Visitor, live: str
) -> None:
    eve = somebody(house, Role.OPERATOR)
    page = eve.get(PAGE).text
    assert "Claims team" in page
    assert '<form class="stack"' not in page
    assert "takes the role" in page
    assert f'href="{NEW}"' not in eve.board()
    assert eve.get(NEW).status_code == 403
    assert send(eve, ada.get(PAGE).text, csrf="csrf-of-eve@acme.example").status_code == 403
