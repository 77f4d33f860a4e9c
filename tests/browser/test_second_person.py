"""What takes a second person, looked at on a phone and in the dark: other settings of a source, and a new release."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched
from tests.browser.test_pages import DESKTOP, PHONE, looked_at

Look = Callable[..., Watched]
PROJECT = "/api/v1/projects/acme"
FEATURE = "/projects/acme/environments/production/features/claims-assistant"
READS_METRICS = {
    "key": "on-metrics",
    "source": "metrics",
    "query": {"bad": "bad", "total": "total"},
    "method": "threshold",
    "params": {"limit": 0.1},
    "arming": "act",
    "ladder": [{"do": "review"}],
}


def test_one_proposes_other_settings_of_a_source_and_another_approves(told: Served, look: Look) -> None:
    place = f"{PROJECT}/environments/production/rollouts/claims-assistant"
    told.call("POST", f"{place}/triggers", READS_METRICS)
    ada, ben = look(told, **PHONE), look(told, **DESKTOP, color_scheme="dark")
    for seen, email in ((ada, "ada@acme.example"), (ben, "ben@acme.example")):
        seen.sign_in(email)
        expect(seen.page.locator("#live")).to_be_visible()
    _propose(ada)
    ben.page.locator('a.button[href*="/settings/proposals#proposal-"]').first.click()
    looked_at(ben.page, "proposal-dark")
    ben.page.get_by_role("button", name="Approve it").click()
    expect(ben.page.get_by_role("status").first).to_contain_text("Approved, and carried out.")


def _propose(ada: Watched) -> None:
    page = ada.page
    page.goto(f"{ada.server.url}/projects/acme/settings/sources")
    page.get_by_text("Settings of metrics").click()
    entered = page.get_by_label("Settings as JSON of metrics")
    entered.fill(json.dumps({**json.loads(entered.input_value()), "lag_s": 60}))
    page.get_by_role("button", name="Save").click()
    reason = page.get_by_label("Reason, for who approves it")
    expect(reason).to_be_visible()
    looked_at(page, "source-refused-phone")
    reason.fill("the server answers late")
    page.get_by_role("button", name="Propose it instead").click()
    expect(page.get_by_role("status").first).to_contain_text("Proposed. Somebody else has to approve it.")
    looked_at(page, "sources-proposed-phone")
    page.goto(f"{ada.server.url}/projects/acme/settings/proposals")
    looked_at(page, "proposals-phone")
    # The browser itself reports what was refused.
    ada.troubles[:] = [trouble for trouble in ada.troubles if "409" not in trouble]


def test_a_new_release_is_approved_as_it_is_shown(told: Served, look: Look) -> None:
    stages = {key: {"release_approvals": 1} for key in ("beta", "pilot", "scaled")}
    told.call("PUT", f"{PROJECT}/plans", {"tightening": {"tiers": {"T2": stages}}, "reason": "two look"})
    bundle = {"prompt": {"ref": "prompts/claims-assistant@3"}, "model": {"provider": "acme", "id": "m-1"}}
    told.call("POST", f"{PROJECT}/features/claims-assistant/releases", {"bundle": bundle})
    for options, name in ((DESKTOP, ""), (DESKTOP | {"color_scheme": "dark"}, "-dark"), (PHONE, "-phone")):
        seen = look(told, **options)
        seen.sign_in("ben@acme.example")
        expect(seen.page.locator("#live")).to_be_visible()
        seen.page.goto(told.url + FEATURE)
        seen.page.get_by_role("link", name="What stands before users, and who agreed").first.click()
        expect(seen.page.get_by_role("button", name="Approve what is shown here")).to_be_visible()
        looked_at(seen.page, f"release{name}")
    seen.page.get_by_role("button", name="Approve what is shown here").click()
    expect(seen.page.get_by_role("status").first).to_contain_text("Approved, as it was shown.")
    expect(seen.page.get_by_text("You agreed to what is shown here.")).to_be_visible()
    looked_at(seen.page, "release-approved-phone")
