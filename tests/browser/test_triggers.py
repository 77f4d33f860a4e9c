"""Back-test a new trigger beside another limit, add it in shadow, arm it: at a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched
from tests.browser.test_pages import DESKTOP, FEATURE, PHONE, looked_at

Look = Callable[..., Watched]


@pytest.mark.parametrize(("suffix", "size"), [("", DESKTOP), ("-phone", PHONE)], ids=["desktop", "phone"])
def test_a_trigger_is_tried_on_the_past_added_and_armed(
    told: Served, look: Look, suffix: str, size: dict[str, Any]
) -> None:
    seen = look(told, **size)
    seen.sign_in()
    page = seen.page
    expect(page.locator("#live")).to_be_visible()
    page.goto(f"{told.url}{FEATURE}/new-trigger")
    page.get_by_label("Name", exact=True).fill("unsupported-daily")
    page.get_by_role("radio", name="Threshold").check()
    page.locator("#param-threshold-limit").fill("5%")
    page.locator("#f-window_s").fill("1 day")
    page.locator("#f-interval_s").fill("1 h")
    page.locator("#f-hold_s").fill("3 h")
    page.locator("#f-clear_s").focus()
    expect(page.locator("#beside")).to_contain_text("on the 4th breach in a row, 3 h after the first")

    page.get_by_role("button", name="Read it once now").click()
    expect(page.locator("#read-now")).to_contain_text(re.compile(r"\d+ of [\d,]+ are bad \(\d"))

    page.get_by_label("Of the last", exact=True).select_option("30")
    page.get_by_text("Beside it, other settings").click()
    page.locator("#other-limit").fill("50%")
    page.get_by_role("button", name="Back-test it").click()
    expect(page.locator("#back-test canvas")).to_have_count(1)
    expect(page.locator("#back-test")).to_contain_text("a month")
    looked_at(page, f"back-test{suffix}")

    page.get_by_role("button", name="Add the trigger").click()
    expect(page.get_by_role("status").first).to_contain_text("Added")
    page.get_by_label("It may", exact=True).select_option("act")
    page.get_by_label("Reason").first.fill("its record is good")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("act")
    looked_at(page, f"armed{suffix}")
