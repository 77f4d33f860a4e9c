"""Every page, on a desktop in both themes and on a small phone: accessible, not too wide, not too heavy."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, Served, Watched, fits

Look = Callable[..., Watched]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FEATURE = "/projects/acme/environments/production/features/claims-assistant"
YESTERDAY = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
PAGES = {
    "board": "/",
    "feature": f"{FEATURE}?user=bea",
    "incidents": "/projects/acme/incidents",
    "incident": "/projects/acme/incidents/1",
    "search": "/projects/acme/environments/production/features/claims-search",
    "ramp": f"{FEATURE}/ramp",
    "record": f"{FEATURE}/record",
    "new-release": f"{FEATURE}/new-release",
    "promotion": f"{FEATURE}/promotion",
    "evidence": f"{FEATURE}/evidence/1",
    "broken-glass": f"{FEATURE}/break-glass",
    "triggers": f"{FEATURE}/triggers",
    "trigger": f"{FEATURE}/triggers/unsupported-answers",
    "new-trigger": f"{FEATURE}/new-trigger",
    "ready-made": f"{FEATURE}/ready-made-triggers",
    "stop": "/stop/acme/production/claims-assistant",
    "resume": "/resume/acme/production/claims-assistant",
    "audit": "/projects/acme/audit",
    "change": "/projects/acme/audit?name=promote&text=reached+its+target",
    "served": f"/projects/acme/audit/served?day={YESTERDAY}",
    "people": "/projects/acme/settings/people",
    "users": "/users",
    "keys": "/projects/acme/settings/keys",
    "sources": "/projects/acme/settings/sources",
    "proposals": "/projects/acme/settings/proposals",
    "notices": "/projects/acme/settings/notices",
    "flags": "/projects/acme/settings/flags",
    "flag": "/projects/acme/settings/flags/production/checkout-banner",
    "environments": "/projects/acme/settings/environments",
    "plans": "/projects/acme/settings/plans",
    "first-run": "/first-run?step=triggers",
    "password": "/password",
    "nothing-here": "/?project=nobody",
}
LARGEST = 150_000
"""How many bytes a page may bring the first time."""
DESKTOP = {"viewport": {"width": 1360, "height": 860}}
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("", DESKTOP), ("-dark", DESKTOP | {"color_scheme": "dark"}), ("-phone", PHONE)],
    ids=["light", "dark", "phone"],
)
def test_every_page_is_accessible_and_fits_what_it_is_shown_on(
    kept: Served, look: Look, suffix: str, options: dict[str, Any]
) -> None:
    seen = look(kept, **options)
    page = seen.page
    page.goto(f"{kept.url}/sign-in")
    looked_at(page, f"sign-in{suffix}")
    seen.sign_in()
    expect(page.locator("#live")).to_be_visible()
    for name, path in PAGES.items():
        page.goto(kept.url + path)
        for figure in page.locator("[data-chart]").all():
            expect(figure.locator("canvas")).to_be_visible()
        looked_at(page, f"{name}{suffix}")
    # The browser itself reports that a page was not found.
    seen.troubles[:] = [trouble for trouble in seen.troubles if "404" not in trouble]


@pytest.fixture(scope="module")
def session(kept: Served, chromium: Browser) -> Any:
    """Somebody who is signed in."""
    context = chromium.new_context()
    seen = Watched(context.new_page(), kept)
    seen.sign_in()
    expect(seen.page.locator("#live")).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


@pytest.mark.parametrize("name", PAGES)
def test_no_page_brings_more_than_it_may_the_first_time(
    kept: Served, look: Look, session: Any, name: str
) -> None:
    fresh, sizes = look(kept, storage_state=session), {}
    page = fresh.page
    page.on("requestfinished", lambda request: sizes.update({request.url: brought(request)}))
    page.goto(kept.url + PAGES[name], wait_until="load")
    for figure in page.locator("[data-chart]").all():
        expect(figure.locator("canvas")).to_be_visible()
    assert sum(sizes.values()) < LARGEST, sizes
    assert any("/static/" in url for url in sizes), sizes
    fresh.troubles[:] = [trouble for trouble in fresh.troubles if "404" not in trouble]


SHIFTED = """() => new Promise((done) => {
  let sum = 0;
  const count = (list) => list.getEntries().forEach((each) => { if (!each.hadRecentInput) sum += each.value; });
  new PerformanceObserver(count).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 200);
})"""
LEAST_SEEN = 0.02
"""How far things may move while a page fills itself; from 0.1 on people are said to mind."""


@pytest.mark.parametrize("name", ["board", "feature", "trigger"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_moves_when_live_data_arrives(
    kept: Served, look: Look, session: Any, name: str, size: dict[str, Any]
) -> None:
    page = look(kept, storage_state=session, **size).page
    page.goto(kept.url + PAGES[name], wait_until="load")
    for figure in page.locator("[data-chart]").all():
        expect(figure.locator("canvas")).to_be_visible()
    assert page.evaluate(SHIFTED) < LEAST_SEEN


def test_names_of_a_hundred_letters_and_markup_fit_a_phone_and_stay_text(told: Served, look: Look) -> None:
    evil = "<img src=x onerror=alert(1)>"
    long = {"key": "long-name", "name": "W" * 100, "owner": f"{evil}{'x' * 60}", "risk_tier": "T1"}
    told.call("POST", "/api/v1/projects/acme/features", long)
    release = {
        "bundle": {"prompt": {"ref": evil}, "model": {"provider": "p", "id": "m"}},
        "notes": f"{evil * 3}{'W' * 200}",
    }
    told.call("POST", "/api/v1/projects/acme/features/long-name/releases", release)
    flag = {"variants": {"W" * 128: evil}, "description": evil, "owner": "W" * 200}
    told.call("PUT", f"/api/v1/projects/acme/environments/production/flags/{'W' * 128}", flag)
    seen = look(told, **PHONE)
    seen.page.on("dialog", lambda dialog: seen.troubles.append(dialog.message))
    seen.sign_in()
    expect(seen.page.locator("#live")).to_be_visible()
    feature = "/projects/acme/environments/production/features/long-name"
    for path in (
        "/?text=WWW",
        feature,
        f"{feature}/promotion",
        f"{feature}/triggers",
        "/projects/acme/audit",
        "/projects/acme/settings/flags?environment=production",
        f"/projects/acme/settings/flags/production/{'W' * 128}",
    ):
        seen.page.goto(told.url + path)
        assert seen.fits(), path
        assert seen.page.locator("img").count() == 0, path


def brought(request: Any) -> int:
    sizes = request.sizes()
    return int(sizes["responseBodySize"] + sizes["responseHeadersSize"])


def looked_at(page: Page, name: str) -> None:
    """Whatever axe finds serious fails; with HEADGATE_SCREENSHOTS set, a picture is kept."""
    assert fits(page), name
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations)"
    )
    grave = [
        (each["id"], [node["html"][:160] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == [], name
    if folder := os.environ.get("HEADGATE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
