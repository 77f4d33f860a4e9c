from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from controller.demo import find_demo
from controller.permissions import Role
from controller.rollouts import Where, locate, locate_environment
from controller.store.keys import KeyKind, keys_of
from controller.store.projects import all_projects, get_project
from controller.store.triggers import triggers_of
from stages import Stage
from tests.browser.story import ADA, Installation
from tests.controller.console.conftest import Visitor
from tests.controller.console.test_settings_people import somebody
from tests.endpoint import Call, serving
from triggers import Arming

RUN = "/first-run"
WHERE = Where("customer-service", "development", "reply-drafts")
NASTY = """<script>alert("x")</script>'"><img src=x onerror=alert(1)>"""


def send(ada: Visitor, step: str, **fields: Any) -> TestResponse:
    """A step, with the hidden fields of the page as it is now."""
    return ada.post(f"{RUN}/{step}", _form=RUN, **fields)


def begin(ada: Visitor, *, kind: str = "development") -> None:
    assert send(ada, "project", name="Customer service", key="", kind=kind).status_code == 303
    asked = {"name": "Reply drafts", "key": "", "owner": "Service team", "risk_tier": "T2"}
    assert send(ada, "feature", **asked).status_code == 303


def here(page: str) -> str:
    """The step that comes next, as the page marks it; empty at the end."""
    found = re.search(r'<li class="here" id="step-(\w+)" aria-current="step">', page)
    return found[1] if found else ""


def is_open(page: str, step: str) -> bool:
    return (
        '<details class="box" open>' in page.split(f'id="step-{step}"')[1].split("<summary>", maxsplit=1)[0]
    )


def test_the_steps_lead_from_nothing_to_a_feature_in_beta(house: Installation, ada: Visitor) -> None:
    house_parts, steps = house.parts, []

    def look() -> None:
        steps.append(here(ada.get(RUN).text))

    look()
    send(ada, "project", name="Customer service", key="", kind="development")
    look()
    send(ada, "feature", name="Reply drafts", key="", owner="Service team", risk_tier="T2")
    look()
    send(ada, "key")
    look()
    picked = ["unsupported-answers", "sensitive-data"]
    assert send(ada, "triggers", keys=picked, arming="shadow").status_code == 303
    look()
    send(ada, "release", prompt="prompts/reply@1", provider="openai", model="m-1", notes="")
    look()
    assert send(ada, "begin", share="5").status_code == 303
    look()
    assert steps == ["project", "feature", "product", "metrics", "release", "begin", ""]
    with house_parts.database.read() as tx:
        stored = locate(tx, WHERE)
        assert (stored.rollout.stage, stored.rollout.exposure.share) == (Stage.BETA, 500)
        assert not locate_environment(tx, WHERE.project, WHERE.environment).protected
        armings = {item.trigger.key: item.trigger.arming for item in triggers_of(tx, stored.id)}  # type: ignore[union-attr]
        assert armings == dict.fromkeys(picked, Arming.SHADOW)
    page = ada.get(RUN).text
    assert "It works: Reply drafts" in page
    assert (
        f'href="/projects/{WHERE.project}/environments/{WHERE.environment}/features/{WHERE.feature}"' in page
    )


def test_a_protected_environment_says_what_beta_asks_for(ada: Visitor) -> None:
    begin(ada, kind="production")
    page = ada.get(f"{RUN}?step=begin").text
    assert "Production is protected" in page
    assert "in the way of beta" in page
    assert "/features/reply-drafts/promotion" in page
    refused = send(ada, "begin", share="5")
    assert refused.status_code == 409
    assert "Not done." in refused.text


def test_a_key_is_shown_once(house: Installation, ada: Visitor) -> None:
    begin(ada)
    shown = send(ada, "key").text
    text = re.search(r'id="key">(hg_server_\w{12}_[\w-]+)<', shown)
    assert text
    assert shown.count(text[1]) == 2  # By itself and in the snippet.
    assert "hg_server_…" in ada.get(f"{RUN}?step=product").text
    assert text[1] not in ada.get(f"{RUN}?step=product").text
    with house.parts.database.read() as tx:
        (key,) = keys_of(tx, get_project(tx, WHERE.project).id)
        assert (key.kind, key.created_by) == (KeyKind.SERVER, "user:ada@acme.example")


def test_the_first_lookup_is_told_when_it_was_reported_and_not_before(
    house: Installation, ada: Visitor
) -> None:
    begin(ada)
    page = f"{RUN}?step=product"
    assert "Nothing has asked yet." in ada.get(page).text
    with house.parts.database.read() as tx:
        environment = locate_environment(tx, WHERE.project, WHERE.environment).id
    receipt = {"instance": "one", "sdk": "headgate-python/1", "app": "desk", "app_version": "", "revision": 1}
    receipt |= {"etag": "1-x", "applied_at": house.clock(), "evaluations": {}}
    house.parts.receipts.take(environment, receipt)
    told = ada.get(page).text
    assert "desk is connected" in told
    assert "First lookup seen" not in told
    assert 'hx-trigger="every 2s"' in told
    house.parts.receipts.take(environment, receipt | {"evaluations": {"reply-drafts": {"off": 3}}})
    told = ada.get(page).text
    assert "First lookup seen." in told
    assert "was asked for 3 times" in told
    assert 'hx-trigger="every 2s"' not in told


def _answers(call: Call) -> None:
    """As Prometheus answers what `vector(1)` is."""
    sample = {"metric": {}, "value": [datetime.now(UTC).timestamp(), "1"]}
    content = {"status": "success", "data": {"resultType": "vector", "result": [sample]}}
    call.reply(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def test_prometheus_is_tested_as_it_is_connected_and_can_be_corrected(ada: Visitor) -> None:
    begin(ada)
    dead = send(ada, "source", key="metrics", url="http://127.0.0.1:9")
    assert "Connected, but it does not answer." in dead.text
    assert is_open(dead.text, "metrics")
    with serving(_answers) as endpoint:
        again = send(ada, "source", key="metrics", url=endpoint.url)
    assert "It answers." in again.text
    page = ada.get(f"{RUN}?step=triggers").text
    assert 'value="otel@metrics" selected' in page
    assert ada.get(f"{RUN}?step=triggers&ask=outcomes@outcomes").text.count('name="keys"') > 4
    taken = send(ada, "source", key="outcomes", url="http://127.0.0.1:10")
    assert taken.status_code == 422
    assert "another kind of source" in taken.text


IMPOSSIBLE = [
    ("project", {"name": "", "key": "", "kind": "development"}, "a key has 2 to 63"),
    ("project", {"name": NASTY, "key": "Not A Key", "kind": "development"}, "a key has 2 to 63"),
    ("project", {"name": "Acme", "key": "", "kind": "moon"}, "is no environment"),
    ("feature", {"name": "x", "key": "x1", "owner": "", "risk_tier": "T9"}, "is not named"),
    ("triggers", {"arming": "shadow"}, "is not named"),
    ("release", {"prompt": "", "provider": "", "model": ""}, "is not named"),
    ("begin", {"share": "5"}, "is not named"),
    ("key", {}, "is not named"),
    ("source", {"key": "metrics", "url": "x"}, "is not named"),
]
REFUSED = [
    ("feature", {"name": "x", "key": "x1", "owner": "", "risk_tier": "T9"}, "must be one of"),
    ("triggers", {"arming": "shadow"}, "none is picked"),
    ("triggers", {"keys": "unsupported-answers", "arming": "all"}, "is none"),
    ("triggers", {"keys": "no-such", "arming": "act"}, "cannot be had from there"),
    ("triggers", {"keys": "input-drift", "arming": "act"}, "cannot be had from there"),
    ("release", {"prompt": "", "provider": "openai", "model": "m"}, 'id="wrong-prompt"'),
    ("begin", {"share": "300"}, "is no share"),
    ("source", {"key": "metrics", "url": "ftp://x"}, "http"),
]


def test_what_cannot_be_done_is_told_and_nothing_is_made(house: Installation, ada: Visitor) -> None:
    for step, fields, told in IMPOSSIBLE:
        answer = send(ada, step, **fields)
        assert answer.status_code == 422, step
        assert told in answer.text.lower(), step
        assert NASTY not in answer.text
    with house.parts.database.read() as tx:
        assert all_projects(tx) == []


def test_what_is_refused_is_told_at_its_step(ada: Visitor) -> None:
    begin(ada)
    for step, fields, told in REFUSED:
        answer = send(ada, step, **fields)
        assert answer.status_code == 422, (step, fields)
        assert told in answer.text.lower(), (step, fields)
        assert is_open(answer.text, "metrics" if step == "source" else step)


def test_a_project_without_an_environment_goes_on_there(house: Installation, ada: Visitor) -> None:
    house.parts.catalog.make_project("acme", "Acme", "", ADA)
    page = ada.get(f"{RUN}?project=acme").text
    assert 'id="project-name"' not in page
    assert (
        send(ada, "project", kind="production")
        .headers["Location"]
        .endswith("project=acme&environment=production")
    )


def test_what_does_not_exist_is_not_found(ada: Visitor) -> None:
    assert ada.get(f"{RUN}?project=nobody").status_code == 404


def test_a_form_of_another_session_does_nothing(house: Installation, ada: Visitor) -> None:
    for path in (f"{RUN}/project", "/demo", "/demo/remove"):
        assert ada.client.post(path, data={"name": "Acme", "kind": "production"}).status_code == 403
    with house.parts.database.read() as tx:
        assert all_projects(tx) == []


@pytest.fixture
def demo(ada: Visitor) -> Visitor:
    assert ada.post("/demo", _form="/").headers["Location"].startswith("/?project=demo")
    return ada


def test_the_demo_is_loaded_and_removed_by_a_button(house: Installation, demo: Visitor) -> None:
    page = demo.get("/?project=demo").text
    assert "This is the demo." in page
    assert "Reply drafts" in page
    assert demo.post("/demo", _form=RUN).status_code == 303  # Somebody clicked twice.
    assert here(demo.get(RUN).text) == "project"  # The demo is nobody's way to a feature.
    assert "its record of changes" in demo.get("/demo/remove").text
    assert demo.post("/demo/remove").status_code == 303
    assert "Welcome to Headgate" in demo.get("/").text
    with house.parts.database.read() as tx:
        assert find_demo(tx) is None
    assert demo.get("/demo/remove").status_code == 404
    assert demo.post("/demo/remove", _form="/").status_code == 303


def test_a_project_called_demo_is_left_alone(house: Installation, ada: Visitor) -> None:
    house.parts.catalog.make_project("demo", "Our demos", "", ADA)
    assert ada.post("/demo", _form="/").status_code == 409
    assert ada.post("/demo/remove", _form="/").status_code == 409
    assert ada.get("/demo/remove").status_code == 404


def test_whoever_may_only_read_is_told_who_takes_the_steps_instead_of_being_offered_them(
    house: Installation,
) -> None:
    house.project()
    viewer = somebody(house, Role.VIEWER)
    page = viewer.get(f"{RUN}?project=acme&environment=staging&step=feature").text
    assert 'action="/first-run/' not in page
    assert "Load a demo" not in page
    assert "Changing it takes the role" in page
