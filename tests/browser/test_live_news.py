"""Pages that people read or fill in say that there is more, and do not move under them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched

Look = Callable[..., Watched]


@pytest.mark.parametrize(
    ("path", "told_as"),
    [
        ("/projects/acme/audit", "There are new changes. Show them"),
        ("/projects/acme/settings/environments", "Something has changed. Show it"),
        ("/projects/acme/settings/keys", "Something has changed. Show it"),
        ("/projects/acme/settings/sources", "Something has changed. Show it"),
    ],
)
def test_an_open_page_says_within_a_moment_that_something_changed(
    told: Served, look: Look, path: str, told_as: str
) -> None:
    seen = look(told)
    seen.sign_in()
    page = seen.page
    expect(page.locator("#live")).to_be_visible()
    page.goto(told.url + path)
    expect(page.get_by_text(told_as)).to_be_hidden()
    height = page.evaluate("document.documentElement.scrollHeight")
    body = {"key": "canary", "name": "Canary", "protected": False}
    told.call("POST", "/api/v1/projects/acme/environments", body)
    expect(page.get_by_text(told_as)).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollHeight") == height
    page.get_by_text(told_as).click()
    expect(page.get_by_text(told_as)).to_be_hidden()
    if path.endswith("environments"):
        expect(page.get_by_role("main").get_by_text("Canary").first).to_be_visible()
