"""The first run, from an installation at its first start to a feature that a product has asked for."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import headgate
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, Watched
from tests.browser.test_pages import DESKTOP, PHONE, looked_at

Look = Callable[..., Watched]
SENTENCE = "a river, a sluice, a gate"
ENABLED_WITHIN_S = 20.0


@pytest.mark.parametrize(("suffix", "size"), [("", DESKTOP), ("-phone", PHONE)], ids=["desktop", "phone"])
def test_an_empty_installation_leads_to_a_feature_that_works(
    fresh: Served, look: Look, suffix: str, size: dict[str, Any]
) -> None:
    seen = look(fresh, **size)
    page = seen.page
    _enter(seen)
    looked_at(page, f"welcome{suffix}")
    page.get_by_role("link", name="Begin").click()
    expect(page.get_by_label("Name of the project")).to_be_visible()
    looked_at(page, f"first-run-begin{suffix}")
    page.get_by_label("Name of the project").fill("Customer service")
    page.get_by_role("button", name="Make the project").click()
    page.get_by_label("Name", exact=True).fill("Reply drafts")
    page.get_by_label("Owner").fill("Service team")
    page.get_by_role("button", name="Make the feature").click()

    page.get_by_role("button", name="Make a server key").click()
    key = page.locator("#key").inner_text()
    expect(page.get_by_text("Nothing has asked yet.")).to_be_visible()
    looked_at(page, f"first-run-key{suffix}")
    with headgate.Client(fresh.url, key, app="service-desk") as client:
        assert client.wait_until_ready(timeout_s=10)
        assert not client.decide("reply-drafts", "user-1").enabled
        heard = re.compile("is connected|First lookup seen")
        expect(page.locator("#seen")).to_contain_text(heard, timeout=20_000)

        page.goto(f"{fresh.url}/first-run")
        page.get_by_role("link", name="Use what the product reports").click()
        looked_at(page, f"first-run-triggers{suffix}")
        page.get_by_role("button", name="Add them").click()
        page.get_by_label("Provider of the model").fill("openai")
        page.get_by_label("Model", exact=True).fill("gpt-5")
        page.get_by_role("button", name="Seal the release").click()
        page.get_by_label("Begin with a share of users, in %").fill("100")
        page.get_by_role("button", name="Go to beta").click()
        expect(page.get_by_role("heading", name="It works: Reply drafts")).to_be_visible()
        looked_at(page, f"first-run-done{suffix}")
        _wait_until_enabled(client)

    page.goto(f"{fresh.url}/first-run?step=product")
    expect(page.get_by_text("First lookup seen.")).to_be_visible()
    page.get_by_role("link", name="Look at the feature").click()
    expect(page.get_by_role("heading", name="Reply drafts")).to_be_visible()
    _in_the_dark(page, fresh)
    _demo(page, fresh, suffix)


def _enter(seen: Watched) -> None:
    """The first person chooses a password."""
    page, once = seen.page, seen.server.one_time_password()
    seen.sign_in("admin@headgate.local", once)
    page.get_by_label("Current password").fill(once)
    page.get_by_label("New password", exact=True).fill(SENTENCE)
    page.get_by_label("New password, once more").fill(SENTENCE)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="Welcome to Headgate")).to_be_visible()


def _wait_until_enabled(client: headgate.Client) -> None:
    """The product has it, and so asks for it once more."""
    until = time.monotonic() + ENABLED_WITHIN_S
    while not client.decide("reply-drafts", "user-1").enabled:
        assert time.monotonic() < until
        threading.Event().wait(0.05)


def _in_the_dark(page: Page, fresh: Served) -> None:
    size = page.viewport_size
    page.set_viewport_size(PHONE["viewport"])
    page.emulate_media(color_scheme="dark")
    for step in ("product", "metrics", "triggers"):
        page.goto(f"{fresh.url}/first-run?step={step}#step-{step}")
        looked_at(page, f"first-run-{step}-phone-dark")
    page.emulate_media(color_scheme="light")
    assert size is not None
    page.set_viewport_size(size)


def _demo(page: Page, fresh: Served, suffix: str) -> None:
    """One button loads the demo, another removes it."""
    page.goto(f"{fresh.url}/first-run")
    page.get_by_role("button", name="Load a demo").click()
    expect(page.get_by_text("This is the demo.")).to_be_visible()
    looked_at(page, f"demo{suffix}")
    page.get_by_role("link", name="Remove the demo").click()
    looked_at(page, f"demo-removal{suffix}")
    page.get_by_role("button", name="Remove the demo").click()
    expect(page.get_by_text("The demo is gone")).to_be_visible()
    expect(page.get_by_text("This is the demo.")).to_have_count(0)
