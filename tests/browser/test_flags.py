"""Plain flags, by somebody whose browser runs no script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched
from tests.browser.test_pages import looked_at

Look = Callable[..., Watched]
PAGE = "/projects/acme/settings/flags?environment=production"
RULE = '{"if": [{"in": [{"var": "plan"}, ["pro"]]}, "high", "low"]}'


def test_a_flag_is_made_tried_changed_and_deleted_without_a_script(kept: Served, look: Look) -> None:
    options: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
    seen = look(kept, **options)
    page = seen.page
    seen.sign_in()
    page.goto(kept.url + PAGE)
    new = page.locator("section", has=page.get_by_role("heading", name="New flag"))
    new.get_by_label("Key").fill("upload-limit")
    new.get_by_label("Variants as JSON").fill('{"low": 10, "high": 100}')
    new.get_by_label("Default variant").fill("low")
    new.get_by_role("button", name="Make the flag").click()
    expect(page.get_by_role("status")).to_contain_text("Made.")
    page.get_by_role("link", name="upload-limit").click()
    page.get_by_label("Rule as JsonLogic").fill(RULE.replace('"in"', '"regex"'))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#wrong-targeting")).to_contain_text("there is no operator 'regex'")
    page.get_by_label("Rule as JsonLogic").fill(RULE)
    page.get_by_label("Try it for somebody").fill('{"plan": "pro"}')
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#tried")).to_contain_text("high: 100")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.locator("#why").fill("a test")
    page.get_by_role("button", name="Delete upload-limit").click()
    expect(page.get_by_role("heading", name="Retired keys")).to_be_visible()
    seen.troubles[:] = [trouble for trouble in seen.troubles if "422" not in trouble]


def test_a_refused_form_is_accessible(kept: Served, look: Look) -> None:
    seen = look(kept)
    page = seen.page
    seen.sign_in()
    page.goto(kept.url + "/projects/acme/settings/flags/production/checkout-banner")
    page.get_by_label("Rule as JsonLogic").fill("{")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#wrong-targeting")).to_be_visible()
    looked_at(page, "flag-refused")
    seen.troubles[:] = [trouble for trouble in seen.troubles if "422" not in trouble]
