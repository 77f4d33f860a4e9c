"""A new release in the console: looked at, sealed, brought in and adopted."""

from __future__ import annotations

import html
import io
import json
import re
from typing import Any

from werkzeug.test import TestResponse

from controller.permissions import Role
from controller.rollouts import Where, locate
from controller.store.features import get_feature
from controller.store.projects import get_project
from controller.store.releases import StoredRelease, releases_of
from stages import Rollout, seal
from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor
from tests.controller.console.test_settings_people import somebody

FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/claims"
PAGE = f"{FEATURE}/new-release"
BUNDLE: dict[str, Any] = {
    "prompt": {"ref": "prompts/<b>claims</b>@3"},
    "model": {"provider": "openai", "id": "gpt-4o"},
    "guardrails": "g-7",
}


def releases(house: Installation) -> list[StoredRelease]:
    with house.parts.database.read() as tx:
        return releases_of(tx, get_feature(tx, get_project(tx, PROJECT).id, "claims").id)


def rollout(house: Installation) -> Rollout:
    with house.parts.database.read() as tx:
        return locate(tx, Where(PROJECT, PRODUCTION, "claims")).rollout


def preview(ada: Visitor, bundle: object = BUNDLE) -> TestResponse:
    return ada.post(PAGE, do="preview", bundle=json.dumps(bundle), notes="new model")


def seal_shown(ada: Visitor, page: str, **changed: str) -> TestResponse:
    csrf, seen = (
        page.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0] for name in ("csrf", "seen")
    )
    sent = {"csrf": csrf, "seen": seen, "do": "seal", "bundle": json.dumps(BUNDLE), "notes": "new model"}
    return ada.client.post(PAGE, data=sent | changed)


def test_the_form_begins_as_what_users_get(ada: Visitor, live: str) -> None:
    page = ada.get(PAGE).text
    text = re.search(r"<textarea [^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert text
    assert json.loads(html.unescape(text[1]))["prompt"] == {"ref": "prompts/claims@1"}
    assert f'href="{PAGE}"' in ada.get(FEATURE).text


def test_a_bundle_is_shown_with_its_digest_warnings_and_differences_before_it_is_kept(
    house: Installation, ada: Visitor, live: str
) -> None:
    before = len(releases(house))
    page = preview(ada).text
    sealed = seal(
        {**BUNDLE, "model": {**BUNDLE["model"], "params": {}}}
        | {name: {} for name in ("retrieval", "tools", "judge", "eval_set", "limits")}
    )
    assert f">{sealed.digest}</code>" in page
    assert "The model gpt-4o may change" in page
    assert "<ins>prompts/&lt;b&gt;claims&lt;/b&gt;@3</ins>" in page
    assert "Evidence about its prompt, model, guardrails does not count for it" in page
    assert len(releases(house)) == before
    done = seal_shown(ada, page)
    assert done.location == f"{FEATURE}/releases/{sealed.id}/approval?done=sealed", done.text
    made = releases(house)[-1]
    assert (made.public_id, made.notes, made.created_by) == (sealed.id, "new model", "user:ada@acme.example")
    assert "This is a release already" in preview(ada).text


def test_only_what_was_looked_at_is_sealed(house: Installation, ada: Visitor, live: str) -> None:
    before = len(releases(house))
    other = json.dumps(BUNDLE | {"guardrails": "g-8"})
    refused = seal_shown(ada, preview(ada).text, bundle=other)
    assert refused.status_code == 409
    assert "another one than you looked at" in refused.text
    assert "<ins>g-8</ins>" in refused.text
    assert len(releases(house)) == before


def test_a_file_takes_the_place_of_what_is_written_and_the_body_of_the_api_is_understood(
    ada: Visitor, live: str
) -> None:
    csrf = ada.get(PAGE).text.split('name="csrf" value="')[1].split('"')[0]
    file = io.BytesIO(json.dumps({"bundle": BUNDLE, "notes": "x"}).encode())
    sent = {"csrf": csrf, "do": "preview", "bundle": "{}", "file": (file, "bundle.json")}
    assert "<ins>g-7</ins>" in ada.client.post(PAGE, data=sent).text
    sent = {"csrf": csrf, "do": "preview", "bundle": "{}", "file": (io.BytesIO(b"\xff\xfe"), "x.json")}
    assert "Is no text." in ada.client.post(PAGE, data=sent).text


def test_what_is_no_bundle_is_refused_with_the_places_in_it(ada: Visitor, live: str) -> None:
    refused = preview(ada, {"prompt": {"ref": 3}, "temperature": 1})
    assert refused.status_code == 422
    for place in ("prompt.ref", "model", "temperature"):
        assert f"At {place}: " in refused.text
    assert "Is not valid JSON" in ada.post(PAGE, do="preview", bundle="{").text


def test_a_release_is_brought_in_on_trial_and_adopted_by_what_was_seen(
    house: Installation, ada: Visitor, live: str
) -> None:
    candidate = rollout(house).candidate
    page = f"{FEATURE}/releases/{candidate}/approval"
    late = ada.get(page).text
    assert "Give it to all who have the feature" in late
    assert ada.post(f"{page.removesuffix('approval')}adopt", _form=page, reason="").status_code == 422
    adopted = ada.post(f"{page.removesuffix('approval')}adopt", _form=page, reason="50 answers checked")
    assert adopted.location == f"{page}?done=adopted", adopted.text
    assert rollout(house).stable == candidate
    third = house.release("claims", "prompts/claims@3")
    house.prove("claims", third)
    page = f"{FEATURE}/releases/{third}"
    refused = ada.post(f"{page}/introduce", _form=f"{page}/approval", reason="shorter", share="200")
    assert (refused.status_code, rollout(house).candidate) == (422, None)
    overtaken = ada.post(f"{page}/introduce", _form=f"{page}/approval", reason="x", share="5", version="1")
    assert overtaken.status_code == 412
    done = ada.post(f"{page}/introduce", _form=f"{page}/approval", reason="shorter", share="5")
    assert done.location == f"{page}/approval?done=introduced", done.text
    assert (rollout(house).candidate, rollout(house).candidate_share) == (third, 500)


def test_where_nobody_has_the_feature_a_release_becomes_the_one_to_serve(
    house: Installation, ada: Visitor
) -> None:
    house.project()
    house.feature("letters", "Letter drafts", "Correspondence", "T1")
    first = house.release("letters", "prompts/letters@1")
    page = f"{FEATURE.replace('claims', 'letters')}/releases/{first}"
    assert "Make it the release to serve" in ada.get(f"{page}/approval").text
    done = ada.post(f"{page}/introduce", _form=f"{page}/approval", reason="first")
    assert done.location == f"{page}/approval?done=introduced", done.text


def test_without_the_permission_nothing_is_offered(house: Installation, live: str) -> None:
    eve = somebody(house, Role.OPERATOR)
    assert f'href="{PAGE}"' not in eve.get(FEATURE).text
    assert eve.get(PAGE).status_code == 403
    page = f"{FEATURE}/releases/{rollout(house).candidate}"
    assert f'action="{page}/adopt"' not in eve.get(f"{page}/approval").text
    sent = {"csrf": "csrf-of-eve@acme.example", "reason": "x"}
    assert eve.client.post(f"{page}/adopt", data=sent).status_code == 403


def test_the_page_of_a_feature_shows_the_newest_releases_and_whatever_users_get(
    house: Installation, ada: Visitor
) -> None:
    house.project()
    house.feature("claims", "Claims assistant", "Claims team", "T1")
    assert "No release yet" in ada.get(FEATURE).text
    first, *_ = [house.release("claims", f"prompts/claims@{number}") for number in range(12)]
    house.move("claims", "first", move="introduce", release=first)
    page = ada.get(FEATURE).text
    assert page.count('<li id="release-') == 9
    assert f'id="release-{first}"' in page
    assert "All 12 releases" in page
    assert ada.get(f"{FEATURE}?releases=all").text.count('<li id="release-') == 12
