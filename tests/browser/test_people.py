"""Letting somebody in who may only read, and what they then see: on a desktop in the dark and on a small phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched
from tests.browser.test_pages import DESKTOP, FEATURE, PHONE, looked_at

Look = Callable[..., Watched]
PEOPLE = "/projects/acme/settings/people"
READ = {
    "board": "/?project=acme",
    "feature": FEATURE,
    "promotion": f"{FEATURE}/promotion",
    "triggers": f"{FEATURE}/triggers",
    "trigger": f"{FEATURE}/triggers/unsupported-answers",
    "incident": "/projects/acme/incidents/1",
    "keys": "/projects/acme/settings/keys",
    "sources": "/projects/acme/settings/sources",
    "people": PEOPLE,
    "first-run": "/first-run",
    "stop": "/stop/acme/production/claims-assistant",
    "users": "/users",
}
NEW = "a weir of my own, quite long"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("email", "options"),
    [("vera@acme.example", DESKTOP | {"color_scheme": "dark"}), ("otto@acme.example", PHONE)],
    ids=["dark", "phone"],
)
def test_somebody_is_let_in_as_a_viewer_and_looks_around(
    kept: Served, look: Look, email: str, options: dict[str, Any]
) -> None:
    ada = look(kept, **options)
    ada.sign_in()
    ada.page.goto(kept.url + PEOPLE)
    new = ada.page.get_by_role("region", name="Give roles")
    new.get_by_label("E-mail address").fill(email)
    new.get_by_label("Viewer").check()
    ada.page.get_by_role("button", name="Give these roles").click()
    secret = ada.page.locator("#secret")
    expect(secret).to_be_visible()
    password = secret.inner_text()
    looked_at(ada.page, f"invited-{email.partition('@')[0]}")

    seen = look(kept, **options)
    seen.sign_in(email, password)
    for label, text in (
        ("Current password", password),
        ("New password", NEW),
        ("New password, once more", NEW),
    ):
        seen.page.get_by_label(label, exact=True).fill(text)
    seen.page.get_by_role("button", name="Change").click()
    expect(seen.page.locator("#reading")).to_contain_text("You may read here.")
    for name, path in READ.items():
        seen.page.goto(kept.url + path)
        looked_at(seen.page, f"viewer-{name}")
        expect(seen.page.get_by_role("button", name="Approve what is shown here")).to_have_count(0)
        expect(seen.page.get_by_role("link", name="Stop", exact=True)).to_have_count(0)
    expect(seen.page.get_by_role("heading", name="This is for others to do")).to_be_visible()
    # The browser itself reports that something was not allowed.
    seen.troubles[:] = [trouble for trouble in seen.troubles if "403" not in trouble]


def test_somebody_without_a_project_is_told_whom_to_ask(kept: Served, look: Look) -> None:
    made = kept.call("POST", "/api/v1/users", {"email": "nobody@acme.example"})
    seen = look(kept, **PHONE | {"color_scheme": "dark"})
    seen.sign_in("nobody@acme.example", made["one_time_password"])
    password = made["one_time_password"]
    for label, text in (
        ("Current password", password),
        ("New password", NEW),
        ("New password, once more", NEW),
    ):
        seen.page.get_by_label(label, exact=True).fill(text)
    seen.page.get_by_role("button", name="Change").click()
    expect(seen.page.get_by_role("heading", name="You are no member of any project yet")).to_be_visible()
    looked_at(seen.page, "no-project")
