from __future__ import annotations

import re
from datetime import timedelta

import pytest

from controller.store.keys import find_key
from tests.browser.story import PROJECT, SECRET, Installation
from tests.controller.console.conftest import Visitor

PAGE = f"/projects/{PROJECT}/settings/keys"


def made(ada: Visitor, **fields: str) -> str:
    """The text of a new key, as it is shown."""
    given = {"name": "claims-desk", "kind": "server", "environment": "production", "roles": "viewer"} | fields
    page = ada.post(PAGE, **given)
    assert page.status_code == 200
    return re.findall(r'<code id="secret"[^>]*>([^<]+)</code>', page.text)[0]


def id_of(text: str) -> str:
    return text.split("_")[2]


def test_nobody_makes_or_revokes_a_key_without_a_session_and_its_form(visitor: Visitor, live: str) -> None:
    assert visitor.get(PAGE).location.startswith("/sign-in")
    assert visitor.client.post(PAGE, data={"name": "x", "kind": "admin"}).location.startswith("/sign-in")


def test_a_form_that_is_not_of_the_session_makes_and_revokes_nothing(ada: Visitor, live: str) -> None:
    id = id_of(made(ada))
    assert ada.client.post(PAGE, data={"name": "x", "kind": "admin"}).status_code == 403
    assert ada.client.post(f"{PAGE}/{id}/revoke").status_code == 403
    assert f"{id}/revoke" in ada.get(PAGE).text


@pytest.mark.parametrize(
    ("kind", "environment"), [("server", "production"), ("client", "staging"), ("admin", "production")]
)
def test_a_new_key_works_and_is_shown_once(
    house: Installation, ada: Visitor, live: str, kind: str, environment: str
) -> None:
    text = made(ada, kind=kind, environment=environment)
    with house.parts.database.read() as tx:
        key = find_key(tx, text, SECRET)
    assert key is not None
    assert (key.kind, key.name, key.created_by) == (kind, "claims-desk", "user:ada@acme.example")
    assert (key.environment_id is None) == (kind == "admin")
    assert not key.may_break_glass
    page = ada.get(PAGE)
    assert text not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert ">never</span>" in page.text
    assert text not in ada.get("/projects/acme/audit?name=key.create").text


def test_when_a_key_was_last_used_is_told(house: Installation, ada: Visitor, live: str) -> None:
    text = made(ada, kind="admin")
    used = ada.house.app.test_client().get(
        "/api/v1/projects/acme", headers={"Authorization": f"Bearer {text}"}
    )
    assert used.status_code == 200
    assert ">never</span>" not in ada.get(PAGE).text


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(
    house: Installation, ada: Visitor, live: str
) -> None:
    text = made(ada)
    answer = ada.post(f"{PAGE}/{id_of(text)}/revoke", _form=PAGE)
    assert answer.location == f"{PAGE}?done=revoked"
    with house.parts.database.read() as tx:
        assert find_key(tx, text, SECRET) is None
    page = ada.get(PAGE).text
    assert "revoked</span>" in page
    assert "/revoke" not in page


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"kind": ""}, "kind"),
        ({"kind": "root"}, "kind"),
        ({"environment": ""}, "environment"),
        ({"kind": "admin"}, "roles"),
        ({"expires": "tomorrow"}, "expires"),
        ({"expires": "2026-03-01"}, "expires_at"),
    ],
)
def test_what_cannot_be_used_is_told_beside_its_field(
    ada: Visitor, live: str, fields: dict[str, str], field: str
) -> None:
    answer = ada.post(PAGE, **({"name": "desk", "kind": "server", "environment": "production"} | fields))
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.text
    assert "No key was made." in answer.text
    assert "No key yet" in answer.text


def test_the_name_of_an_admin_key_is_taken_for_ever(ada: Visitor, live: str) -> None:
    ada.post(f"{PAGE}/{id_of(made(ada, kind='admin'))}/revoke", _form=PAGE)
    answer = ada.post(PAGE, name="claims-desk", kind="admin", roles="viewer")
    assert answer.status_code == 409
    assert "choose another name" in answer.text


def test_a_key_of_another_project_is_not_found(house: Installation, ada: Visitor, live: str) -> None:
    house.project("other", "Other")
    id = id_of(made(ada))
    assert ada.post(f"/projects/other/settings/keys/{id}/revoke", _form=PAGE).status_code == 404
    assert ada.post("/projects/nobody/settings/keys", _form=PAGE, name="x", kind="admin").status_code == 404


def test_a_name_is_shown_as_text(ada: Visitor, live: str) -> None:
    made(ada, name="<script>alert(1)</script>")
    assert "<script>alert" not in ada.get(PAGE).text


def test_a_key_that_runs_out_is_marked_and_replaced_with_an_overlap(
    house: Installation, ada: Visitor, live: str
) -> None:
    old = made(ada, expires="2026-06-30")
    assert "expires</span>" in ada.get(PAGE).text
    shown = ada.post(f"{PAGE}/{id_of(old)}/replace", _form=PAGE).text
    new = re.findall(r'<code id="secret"[^>]*>([^<]+)</code>', shown)[0]
    assert new != old
    with house.parts.database.read() as tx:
        keys = [find_key(tx, text, SECRET) for text in (old, new)]
    in_a_week = house.clock() + timedelta(days=7)
    assert [key.expires_at for key in keys if key] == [in_a_week, None]


def test_the_last_day_of_a_key_only_becomes_sooner(ada: Visitor, live: str) -> None:
    path = f"{PAGE}/{id_of(made(ada, kind='admin', roles='viewer'))}/expire"
    assert ada.post(path, _form=PAGE, expires="2026-06-30").location == f"{PAGE}?done=expires"
    for day in ("2026-07-01", "2026-01-01", "soon"):
        answer = ada.post(path, _form=PAGE, expires=day)
        assert (answer.status_code, 'class="wrong"' in answer.text) == (422, True)
        assert "No key was made" not in answer.text


def test_an_admin_key_is_not_replaced_by_another_of_its_name(ada: Visitor, live: str) -> None:
    id = id_of(made(ada, kind="admin"))
    assert ada.post(f"{PAGE}/{id}/replace", _form=PAGE).status_code == 404
