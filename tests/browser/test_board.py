from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched

Look = Callable[..., Watched]
CARD = "claims-assistant"
ROLLOUT = f"/api/v1/projects/acme/environments/production/rollouts/{CARD}"
SHIFTS = """new PerformanceObserver((list) => {
  window.shifted = list.getEntries().flatMap((entry) => entry.sources.map((source) => source.node?.outerHTML));
}).observe({ type: "layout-shift" })"""
SENTENCE = "a river, a sluice, a gate"


def test_the_first_person_changes_the_one_time_password_and_sees_the_board(fresh: Served, look: Look) -> None:
    once, seen = fresh.one_time_password(), look(fresh)
    page = seen.page
    page.goto(f"{fresh.url}/")
    expect(page).to_have_url(f"{fresh.url}/sign-in?next=/")
    seen.sign_in("admin@headgate.local", once)
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    page.goto(f"{fresh.url}/")
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    page.get_by_label("Current password").fill(once)
    page.get_by_label("New password", exact=True).fill(SENTENCE)
    page.get_by_label("New password, once more").fill(SENTENCE)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="Welcome to Headgate")).to_be_visible()
    page.locator("#me > summary").click()
    page.get_by_role("button", name="Sign out").click()
    seen.sign_in("admin@headgate.local", SENTENCE)
    expect(page.get_by_role("heading", name="Welcome to Headgate")).to_be_visible()


def test_a_move_made_elsewhere_appears_on_the_open_page(told: Served, look: Look) -> None:
    seen = look(told)
    page = seen.page
    seen.sign_in()
    card = page.locator("#claims-search")
    expect(card.get_by_text("live", exact=True)).to_be_visible()
    page.evaluate("window.notReloaded = true")
    page.evaluate(SHIFTS)
    page.locator("#stop-claims-search").focus()
    began = time.monotonic()
    move = {"move": "review", "reason": "a customer saw a <b>wrong</b> sum"}
    told.call("POST", ROLLOUT.replace(CARD, "claims-search") + "/moves", move)
    expect(card.get_by_text("human review", exact=True)).to_be_visible()
    assert time.monotonic() - began < 2
    assert not page.evaluate("window.shifted")
    expect(page.locator("#changes-list li").first).to_contain_text("a customer saw a <b>wrong</b> sum")
    assert page.evaluate("window.notReloaded")
    assert page.evaluate("document.activeElement.id") == "stop-claims-search"


def test_a_page_on_which_nothing_changed_is_not_touched(told: Served, look: Look) -> None:
    seen = look(told)
    page = seen.page
    seen.sign_in()
    page.evaluate(f"document.getElementById('{CARD}').untouched = true")
    page.on(
        "request",
        lambda request: (
            seen.troubles.append(request.url)
            if "/live" not in request.url and "/static/" not in request.url
            else None
        ),
    )
    for _ in range(2):
        with page.expect_response(lambda answer: "/live" in answer.url and answer.status == 200):
            pass
    assert page.evaluate(f"document.getElementById('{CARD}').untouched")
    expect(page.locator("#attention time").first).to_have_text(re.compile(r"for \d+ min"))


def test_stopping_from_the_page_turns_the_flag_off(told: Served, look: Look) -> None:
    body = {"kind": "server", "name": "product", "environment": "production"}
    key = told.call("POST", "/api/v1/projects/acme/keys", body)["text"]
    assert _mode(told, key) == "review"
    seen = look(told)
    page = seen.page
    seen.sign_in()
    page.get_by_role("link", name="Stop Claims assistant").click()
    expect(page.get_by_role("radio", name="Switch off")).to_be_checked()
    page.get_by_label("Reason").fill("answers invent clauses")
    page.get_by_role("button", name="Stop now").click()
    expect(page.locator("h1")).to_contain_text("off")
    expect(page.locator(".changes li").first).to_contain_text("ada@acme.example")
    assert _mode(told, key) == "off"
    assert told.call("GET", ROLLOUT)["mode"] == "off"


def test_the_page_works_without_its_script(told: Served, look: Look) -> None:
    seen = look(told, java_script_enabled=False)
    page = seen.page
    seen.sign_in()
    page.get_by_role("link", name="Acknowledge unsupported-answers of Claims assistant").click()
    page.get_by_label("Reason").fill("the index was stale; it is rebuilt")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text("Acknowledged")
    page.get_by_role("link", name="Resume", exact=True).click()
    page.get_by_label("Reason").fill("checked fifty answers")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("h1")).to_contain_text("live")


def test_the_page_says_that_the_connection_is_lost_and_recovers(told: Served, look: Look) -> None:
    seen = look(told)
    page = seen.page
    seen.sign_in()
    expect(page.locator(f"#{CARD}")).to_be_visible()
    page.route("**/live", lambda route: route.abort())
    expect(page.locator("#lost")).to_contain_text("Connection lost")
    expect(page.locator(f"#{CARD}")).to_be_visible()
    page.unroute("**/live")
    expect(page.locator("#lost")).to_be_empty()
    # The browser itself reports every request that was cut off.
    seen.troubles[:] = [trouble for trouble in seen.troubles if "ERR_FAILED" not in trouble]


def test_a_page_whose_session_ended_leads_to_the_sign_in(told: Served, look: Look) -> None:
    seen = look(told)
    seen.sign_in()
    expect(seen.page.locator(f"#{CARD}")).to_be_visible()
    seen.page.context.clear_cookies()
    expect(seen.page.get_by_role("heading", name="Sign in")).to_be_visible()
    seen.troubles[:] = [trouble for trouble in seen.troubles if "401" not in trouble]


def test_the_keyboard_alone_reaches_the_stop_button_and_what_follows(told: Served, look: Look) -> None:
    seen = look(told)
    page = seen.page
    seen.sign_in()
    expect(page.locator(f"#{CARD}")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == f"stop-{CARD}":
            break
    assert page.evaluate("document.activeElement.id") == f"stop-{CARD}"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stop Claims assistant")).to_be_visible()


def _mode(server: Served, key: str) -> str:
    flag = server.call("GET", "/sdk/v1/flags", key=key)["flags"][CARD]
    return str(flag["metadata"]["mode"])
