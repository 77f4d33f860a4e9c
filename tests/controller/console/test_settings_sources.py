from __future__ import annotations

import html
import re

import pytest
from werkzeug.test import TestResponse

from controller.rollouts import Where
from controller.trigger_definitions import Definition
from tests.browser.story import ADA, PROJECT, Installation
from tests.controller.console.conftest import Visitor
from triggers import Action, Arming, Rung

PAGE = f"/projects/{PROJECT}/settings/sources"
SECRET = "a-token-nobody-reads"
SETTINGS = '{"url": "https://1.1.1.1", "auth": {"scheme": "bearer", "secret": "%s"}}'


@pytest.fixture
def metrics(ada: Visitor, live: str) -> str:
    """The page of settings with a source that has a secret."""
    done = ada.post(PAGE, key="metrics", kind="prometheus", settings=SETTINGS % SECRET)
    assert done.location == f"{PAGE}?done=connected"
    return f"{PAGE}/metrics"


def entered(page: str, id: str) -> str:
    found = re.search(rf'<textarea[^>]* id="{id}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def beside(page: str, field: str) -> str:
    """What is said to be wrong with a field, which names it as its description."""
    found = re.search(rf'<div id="wrong-{field}">(.*?)</div>', page, re.DOTALL)
    marked = re.search(rf'<[a-z]+[^>]* name="{field}"[^>]*aria-invalid="true"', page)
    described = re.search(rf'<[a-z]+[^>]* name="{field}"[^>]*aria-describedby="[^"]*wrong-{field}', page)
    assert found
    assert marked
    assert described
    return html.unescape(found[1])


def change(ada: Visitor, settings: str, seen: str | None = None) -> TestResponse:
    shown = ada.get(PAGE).text
    [now] = re.findall(r'name="seen" value="(\w+)"', shown)
    return ada.post(f"{PAGE}/metrics", _form=PAGE, settings=settings, seen=seen or now)


def test_nobody_sees_or_changes_a_source_without_a_session_and_its_form(visitor: Visitor, live: str) -> None:
    assert visitor.get(PAGE).location.startswith("/sign-in")
    for path in (PAGE, f"{PAGE}/outcomes", f"{PAGE}/outcomes/test"):
        assert visitor.client.post(path).location.startswith("/sign-in")


def test_a_form_that_is_not_of_the_session_does_nothing(ada: Visitor, metrics: str) -> None:
    for path in (PAGE, metrics, f"{metrics}/test"):
        assert ada.client.post(path).status_code == 403


def test_a_secret_is_never_shown_again_and_stays_when_it_is_sent_back(
    house: Installation, ada: Visitor, metrics: str
) -> None:
    page = ada.get(PAGE).text
    assert SECRET not in page
    shown = entered(page, "settings-metrics")
    assert '"secret": "***"' in shown
    assert change(ada, shown.replace('"bearer"', '"header", "header": "X-Token"')).status_code == 303
    assert SECRET not in ada.get("/projects/acme/audit?name=source.change").text
    moved = change(ada, shown.replace("1.1.1.1", "8.8.8.8"))
    assert moved.status_code == 422
    assert "enter it again" in moved.text.lower()


def test_what_is_refused_is_told_with_what_was_entered_but_for_the_secret(ada: Visitor, live: str) -> None:
    answer = ada.post(
        PAGE, key="metrics", kind="prometheus", settings=SETTINGS.replace("https", "ftp") % SECRET
    )
    assert answer.status_code == 422
    assert "settings.auth.secret: " in beside(answer.text, "settings")
    assert SECRET not in answer.text
    assert "ftp://1.1.1.1" in entered(answer.text, "settings")
    assert 'value="metrics"' in answer.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"settings": "{"}, "settings"),
        ({"settings": "[]"}, "settings"),
        ({"key": "No Key"}, "key"),
        ({"kind": "crystal-ball"}, "kind"),
        ({"settings": "{}"}, "settings.url"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_name(
    ada: Visitor, live: str, fields: dict[str, str], field: str
) -> None:
    given = {"key": "metrics", "kind": "prometheus", "settings": SETTINGS % SECRET}
    answer = ada.post(PAGE, **(given | fields))
    assert answer.status_code == 422
    assert beside(answer.text, field.partition(".")[0])
    assert 'id="source-metrics"' not in ada.get(PAGE).text


def test_two_people_who_change_a_source_do_not_overwrite_each_other(ada: Visitor, metrics: str) -> None:
    mine = entered(ada.get(PAGE).text, "settings-metrics")
    [seen] = re.findall(r'name="seen" value="(\w+)"', ada.get(PAGE).text)
    theirs = mine.replace('"auth"', '"per_minute": 30, "auth"')
    assert change(ada, theirs).status_code == 303
    answer = change(ada, mine.replace('"auth"', '"per_minute": 5, "auth"'), seen)
    assert answer.status_code == 409
    assert "somebody else changed it" in answer.text.lower()
    assert '"per_minute": 5' in entered(answer.text, "settings-metrics")
    theirs_shown = html.unescape(answer.text[answer.text.index('class="theirs"') :])
    assert '"per_minute": 30' in theirs_shown
    assert '"per_minute": 30' in entered(ada.get(PAGE).text, "settings-metrics")


def test_who_has_seen_both_may_save_his(ada: Visitor, metrics: str) -> None:
    mine = entered(ada.get(PAGE).text, "settings-metrics")
    [seen] = re.findall(r'name="seen" value="(\w+)"', ada.get(PAGE).text)
    assert change(ada, mine.replace('"auth"', '"per_minute": 30, "auth"')).status_code == 303
    conflict = change(ada, mine, seen)
    [both] = re.findall(r'name="seen" value="(\w+)"', conflict.text)
    assert change(ada, mine, both).status_code == 303


def test_a_source_is_tried_and_says_whether_it_works(ada: Visitor, live: str) -> None:
    page = ada.post(f"{PAGE}/outcomes/test", _form=PAGE)
    assert page.status_code == 200
    assert "It works." in page.text
    done = ada.post(PAGE, key="here", kind="prometheus", settings='{"url": "https://nobody.invalid"}')
    assert done.status_code == 303
    assert "It does not work." in ada.post(f"{PAGE}/here/test", _form=PAGE).text


def test_what_is_built_in_has_nothing_to_set(ada: Visitor, live: str) -> None:
    page = ada.get(PAGE).text
    assert 'id="source-outcomes"' in page
    assert "settings-outcomes" not in page


def test_a_source_that_is_not_there_is_not_found(ada: Visitor, live: str) -> None:
    assert ada.post(f"{PAGE}/none/test", _form=PAGE).status_code == 404
    assert ada.post(f"{PAGE}/none", _form=PAGE, settings="{}").status_code == 404


def test_what_live_triggers_read_is_not_changed_alone_and_the_page_says_so(
    house: Installation, ada: Visitor, live: str, metrics: str
) -> None:
    reads_it = Definition(
        key="on-metrics",
        source="metrics",
        query={"bad": "bad", "total": "total"},
        method="threshold",
        params={"limit": 0.1},
        rest={"window_s": 60, "interval_s": 10, "arming": Arming.ACT, "ladder": (Rung(Action.REVIEW),)},
    )
    house.parts.trigger_edits.add(Where(PROJECT, "production", live), reads_it, ADA)
    shown = entered(ada.get(PAGE).text, "settings-metrics")
    refused = change(ada, shown.replace('"auth"', '"lag_s": 60, "auth"'))
    assert refused.status_code == 409
    assert "settings.lag_s" in refused.text
    assert "let somebody else approve it" in refused.text
