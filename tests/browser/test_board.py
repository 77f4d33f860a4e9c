from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched

Look = Callable[..., Watched]
CARD = "claims-assistant"
ROLLOUT = f"/api/v1/projects/acme/environments/production/rollouts/{CARD}"
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
    page.locator("#stop-claims-search").focus()
    move = {"move": "review", "reason": "a customer saw a <b>wrong</b> sum"}
    told.call("POST", ROLLOUT.replace(CARD, "claims-search") + "/moves", move)
    expect(card.get_by_text("human review", exact=True)).to_be_visible()
    expect(page.locator(".changes li").first).to_contain_text("a customer saw a <b>wrong</b> sum")
    assert page.evaluate("window.notReloaded")
    assert page.evaluate("document.activeElement.id") == "stop-claims-search"


def test_a_page_on_which_nothing_changed_is_not_touched(told: Served, look: Look) -> None:
    seen = look(told)
    page = seen.page
    seen.sign_in()
    page.evaluate(f"document.getElementById('{CARD}').untouched = true")
    for status in (200, 304):
        with page.expect_response(
            lambda answer, status=status: "/board?" in answer.url and answer.status == status
        ):
            pass
    assert page.evaluate(f"document.getElementById('{CARD}').untouched")
    expect(page.locator(f"#{CARD} time").first).to_have_text("for 3 min")


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
    expect(page.locator(f"#{CARD}").get_by_text("off", exact=True)).to_be_visible()
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
    expect(page.locator("#attention li")).to_have_count(0)
    page.get_by_role("link", name="Resume Claims assistant").click()
    page.get_by_label("Reason").fill("checked fifty answers")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(f"#{CARD}").get_by_text("live", exact=True)).to_be_visible()


def test_the_page_says_that_the_connection_is_lost_and_recovers(told: Served, look: Look) -> None:
    seen = look(told)
    page = seen.page
    seen.sign_in()
    expect(page.locator(f"#{CARD}")).to_be_visible()
    page.route("**/board?*", lambda route: route.abort())
    expect(page.locator("#lost")).to_contain_text("Connection lost")
    expect(page.locator(f"#{CARD}")).to_be_visible()
    page.unroute("**/board?*")
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


@pytest.mark.parametrize("path", ["/", "/stop/acme/production/claims-assistant", "/password"])
def test_nothing_has_to_be_scrolled_sideways_on_a_small_phone(told: Served, look: Look, path: str) -> None:
    seen = look(told, viewport={"width": 360, "height": 740})
    seen.sign_in()
    seen.page.goto(told.url + path)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360


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


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("board", {"viewport": {"width": 1280, "height": 800}}),
        ("board-dark", {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}),
        ("board-phone", {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}),
    ],
)
def test_the_board_fits_what_it_is_shown_on(told: Served, look: Look, name: str, options: dict) -> None:
    seen = look(told, **options)
    seen.sign_in()
    expect(seen.page.locator(".card")).to_have_count(4)
    expect(seen.page.locator("#attention li")).to_have_count(1)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= options["viewport"]["width"]
    if folder := os.environ.get("HEADGATE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def _mode(server: Served, key: str) -> str:
    flag = server.call("GET", "/sdk/v1/flags", key=key)["flags"][CARD]
    return str(flag["metadata"]["mode"])
