"""The main journeys with the keyboard alone: what is used is reached by Tab, seen when it is, and let go of again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, Watched
from tests.browser.test_first_run import SENTENCE
from tests.browser.test_journeys import PLACE
from tests.browser.test_pages import DESKTOP, FEATURE

Look = Callable[..., Watched]
MOST = 160
"""No page has more stops than that before the one that is wanted."""
FOCUSED = """() => {
  const it = document.activeElement, style = getComputedStyle(it);
  const name = it.labels?.[0]?.textContent || it.getAttribute("aria-label") || it.textContent || "";
  return { name: name.replace(/\\s+/g, " ").trim(), tag: it.tagName, seen: style.outlineStyle !== "none" };
}"""


@dataclass(frozen=True)
class Keys:
    """Somebody without a mouse."""

    page: Page

    def reach(self, name: str, *tags: str) -> None:
        """Press Tab until something of that name has the focus; every stop on the way shows it."""
        passed = []
        for _ in range(MOST):
            self.page.keyboard.press("Tab")
            at = self.page.evaluate(FOCUSED)
            assert at["seen"] or at["tag"] == "BODY", at
            passed.append(at["name"])
            if re.fullmatch(name, at["name"]) and at["tag"] in (tags or ("A", "BUTTON", "SUMMARY")):
                return
        raise AssertionError(f"{name} is not reached, but {passed}")

    def fill(self, label: str, text: str) -> None:
        self.reach(label, "INPUT", "TEXTAREA")
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def press(self, name: str) -> None:
        self.reach(name)
        self.page.keyboard.press("Enter")

    def go(self, name: str) -> None:
        """Press what leads to another page."""
        self.reach(name)
        self.send()

    def send(self) -> None:
        """Send the form that the cursor is in, or follow the link."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def check(self, label: str) -> None:
        self.reach(label, "INPUT")
        self.page.keyboard.press("Space")


def entered(seen: Watched, email: str = "ada@acme.example") -> Keys:
    keys = Keys(seen.page)
    seen.page.goto(f"{seen.server.url}/sign-in")
    keys.fill("E-mail address", email)
    keys.fill("Password", "a sluice, a gate, a river")
    keys.send()
    expect(seen.page.locator("#live")).to_be_visible()
    return keys


def test_a_first_project_and_feature_are_made(fresh: Served, look: Look) -> None:
    seen = look(fresh, **DESKTOP)
    page, keys, once = seen.page, Keys(seen.page), fresh.one_time_password()
    page.goto(f"{fresh.url}/sign-in")
    keys.fill("E-mail address", "admin@headgate.local")
    keys.fill("Password", once)
    keys.send()
    keys.fill("Current password", once)
    keys.fill("New password", SENTENCE)
    keys.fill("New password, once more", SENTENCE)
    keys.send()
    expect(page.get_by_role("heading", name="Welcome to Headgate")).to_be_visible()
    keys.go("Begin")
    keys.fill("Name of the project", "Customer service")
    keys.send()
    expect(page.get_by_label("Name", exact=True)).to_be_visible()
    keys.fill("Name", "Reply drafts")
    keys.fill("Owner.*", "Service team")
    keys.send()
    expect(page.get_by_role("button", name="Make a server key")).to_be_visible()
    keys.go("Make a server key")
    expect(page.locator("#key")).to_be_visible()
    page.goto(f"{fresh.url}/first-run")
    keys.go("Use what the product reports")
    keys.go("Add them")
    keys.fill("Provider of the model", "openai")
    keys.fill("Model", "gpt-5")
    keys.go("Seal the release")
    keys.go("Go to beta")
    expect(page.get_by_role("heading", name="It works: Reply drafts")).to_be_visible()


def test_a_promotion_is_asked_for_and_approved(told: Served, look: Look) -> None:
    ada, ben = look(told, **DESKTOP), look(told, **DESKTOP)
    keys = entered(ada)
    ada.page.goto(f"{told.url}/resume/acme/production/letter-drafts")
    keys.fill("Reason", "the works council agreed")
    keys.go("Resume")
    expect(ada.page.get_by_role("status").first).to_contain_text("Done")
    keys.go("Evidence and promotion")
    keys.fill("Reason", "beta went well")
    keys.go("Ask for pilot")
    expect(ada.page.get_by_text("You asked for it, so somebody else approves it.")).to_be_visible()
    other = entered(ben, "ben@acme.example")
    other.go("Look and approve.*")
    expect(ben.page.get_by_text("beta went well")).to_be_visible()
    other.go("Approve what is shown here")
    expect(ben.page.get_by_role("status").first).to_contain_text("Approved")


def test_a_feature_is_stopped(told: Served, look: Look) -> None:
    seen = look(told, **DESKTOP)
    keys = entered(seen)
    keys.go("Stop Claims search")
    expect(seen.page.get_by_role("heading", name="Stop Claims search")).to_be_visible()
    keys.fill("Reason", "it cites what is not there")
    keys.go("Stop now")
    expect(seen.page.get_by_role("status").first).to_contain_text("Done")


def test_a_trigger_is_tried_on_the_past_and_armed(told: Served, look: Look) -> None:
    seen = look(told, **DESKTOP)
    page, keys = seen.page, entered(seen)
    page.goto(f"{told.url}{FEATURE}/triggers/slow-answers")
    keys.press("Back-test it")
    expect(page.locator("#back-test canvas")).to_be_visible()
    page.goto(f"{told.url}{FEATURE}/triggers/slow-answers")
    keys.reach("It may", "SELECT")
    page.keyboard.type("do what")
    keys.fill("Reason", "its record is good")
    keys.send()
    expect(page.get_by_role("heading", level=1)).to_contain_text("act")


def test_an_incident_is_closed(told: Served, look: Look) -> None:
    seen = look(told, **DESKTOP)
    page, keys = seen.page, entered(seen)
    told.call("GET", "/readyz")
    page.goto(f"{told.url}{PLACE}/claims-search")
    page.goto(f"{told.url}/projects/acme/incidents?open=1")
    keys.go("claims-search.*")
    keys.fill("Take my word.*", "I read fifty answers")
    keys.go("It is verified")
    keys.check("A regression test.*")
    keys.fill("What was or will be done", "forty cases with policies of last year")
    keys.go("Close the incident")
    expect(page.get_by_text("Regression test", exact=True)).to_be_visible()


def test_what_opens_closes_by_escape_and_gives_the_focus_back(told: Served, look: Look) -> None:
    seen = look(told, **DESKTOP)
    page, keys = seen.page, entered(seen)
    keys.press(".*Acme Insurance.*")
    expect(page.locator("details.switch[open]")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("details.switch[open]")).to_have_count(0)
    assert page.evaluate(FOCUSED)["tag"] == "SUMMARY"


def test_the_cursor_stands_in_the_first_field_that_is_wrong(told: Served, look: Look) -> None:
    seen = look(told, **DESKTOP)
    page = seen.page
    entered(seen)
    page.goto(f"{told.url}/projects/acme/settings/sources")
    page.locator("#key").fill("No Key")
    page.locator("#settings").fill("{}")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#key")).to_be_focused()
    assert page.locator("#key").get_attribute("aria-describedby").split()[-1] == "wrong-key"
    seen.troubles[:] = [trouble for trouble in seen.troubles if "422" not in trouble]
