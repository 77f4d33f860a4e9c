"""One story of two people: ask and approve, stop and watch the receipts, close an incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from playwright.sync_api import expect

from tests.browser.conftest import Served, Watched

Look = Callable[..., Watched]
INSTANCES = tuple(str(UUID(int=number)) for number in (1, 2))
PLACE = "/projects/acme/environments/production/features"


def test_two_people_promote_stop_and_close(told: Served, look: Look) -> None:
    body = {"kind": "server", "name": "product", "environment": "production"}
    product = told.call("POST", "/api/v1/projects/acme/keys", body)["text"]
    ada, ben = look(told), look(told, viewport={"width": 360, "height": 740})
    ada.sign_in()
    expect(ada.page.locator("#live")).to_be_visible()
    ben.sign_in("ben@acme.example")
    expect(ben.page.locator("#live")).to_be_visible()

    _ask(ada, told)
    _approve(ben)
    ada.page.goto(f"{told.url}{PLACE}/letter-drafts")
    expect(ada.page.locator("[aria-current=step]")).to_contain_text("Pilot")

    _stop(ada, told, product)
    _close(ben, told)


def _ask(ada: Watched, told: Served) -> None:
    page = ada.page
    page.goto(f"{told.url}/resume/acme/production/letter-drafts")
    page.get_by_label("Reason").fill("the works council agreed")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("link", name="Evidence and promotion").click()
    page.get_by_label("Reason").fill("beta went well")
    page.get_by_role("button", name="Ask for pilot").click()
    expect(page.get_by_text("You asked for it, so somebody else approves it.")).to_be_visible()


def _approve(ben: Watched) -> None:
    """The other one is told on the page that is open, and approves on the phone."""
    page = ben.page
    page.get_by_role("link", name="Look and approve").click()
    expect(page.get_by_text("beta went well")).to_be_visible()
    assert ben.fits()
    page.get_by_role("button", name="Approve what is shown here").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved")


def _stop(ada: Watched, told: Served, product: str) -> None:
    page, revision = ada.page, _revision(told, product)
    for instance in INSTANCES:
        _receipt(told, product, instance, revision)
    page.goto(f"{told.url}/")
    page.get_by_role("link", name="Stop Claims search").click()
    expect(page.get_by_text("2 instances connected")).to_be_visible()
    page.get_by_label("Reason").fill("it cites what is not there")
    page.get_by_role("button", name="Stop now").click()
    expect(page.locator(".reached")).to_contain_text("0 of 2")
    for count, instance in enumerate(INSTANCES, start=1):
        _receipt(told, product, instance, _revision(told, product))
        expect(page.locator(".reached")).to_contain_text(f"{count} of 2")


def _close(ben: Watched, told: Served) -> None:
    page = ben.page
    page.goto(f"{told.url}/projects/acme/incidents?open=1")
    page.get_by_role("link", name="claims-search").click()
    page.get_by_label("Take my word").fill("I read fifty answers")
    page.get_by_role("button", name="It is verified").click()
    page.get_by_role("radio", name="A regression test").check()
    page.get_by_label("What was or will be done").fill("forty cases with policies of last year")
    page.get_by_role("button", name="Close the incident").click()
    expect(page.get_by_text("Regression test", exact=True)).to_be_visible()
    assert ben.fits()


def _revision(told: Served, product: str) -> int:
    return int(told.call("GET", "/sdk/v1/flags", key=product)["metadata"]["revision"])


def _receipt(told: Served, product: str, instance: str, revision: int) -> None:
    receipt = {"instance": instance, "sdk": "headgate-python/0.1.0", "revision": revision}
    receipt["applied_at"] = datetime.now(UTC).isoformat()
    told.call("POST", "/sdk/v1/receipts", receipt, key=product)
