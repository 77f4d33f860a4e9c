from __future__ import annotations

import pytest

from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor

FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/claims"


def test_the_review_is_a_link_away_from_the_feature(live: str, ada: Visitor) -> None:
    assert live == "claims"
    assert f'href="{FEATURE}/pre-ship-review"' in ada.get(FEATURE).text
    page = ada.get(f"{FEATURE}/pre-ship-review")
    assert page.status_code == 200
    assert "Pre-ship review of claims" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("live")
def test_the_records_it_rests_on_can_be_read(ada: Visitor) -> None:
    review = ada.get(f"{FEATURE}/pre-ship-review.json").get_json()
    assert len(review["answers"]) == 8
    assert ada.get(f"{FEATURE}/releases/{review['release']}").get_json()["id"] == review["release"]
    for address in ("evidence/999999", "evidence/999999.json"):
        assert ada.get(f"{FEATURE}/{address}").status_code == 404


@pytest.mark.usefixtures("live")
def test_nobody_reads_it_who_has_not_signed_in(visitor: Visitor) -> None:
    for path in (
        "pre-ship-review",
        "pre-ship-review.json",
        "releases/r-000000000000",
        "evidence/1",
        "evidence/1.json",
    ):
        assert visitor.get(f"{FEATURE}/{path}").status_code in (302, 303)


def test_a_new_idea_without_a_release_has_its_page(house: Installation, ada: Visitor) -> None:
    house.project()
    house.feature("idea", "An idea", "Claims team", "T1")
    page = ada.get(FEATURE.replace("claims", "idea"))
    assert page.status_code == 200
    assert "No release yet" in page.text


@pytest.mark.usefixtures("live")
def test_every_link_of_the_review_leads_to_something_that_people_who_signed_in_can_read(
    house: Installation, ada: Visitor
) -> None:
    house.outcomes("claims", 1)
    pages = ada.get(f"{FEATURE}/pre-ship-review").text
    links = {link.split('"')[0] for link in pages.split('href="')[1:]}
    assert any(link.endswith("/approval") for link in links)
    assert any("/promotion#need-" in link for link in links)
    assert any(link.endswith("/triggers") for link in links)
    for link in links:
        assert link.startswith("http://")
        address = link.split("#")[0].split("/", 3)[3]
        assert ada.get(f"/{address}").status_code == 200, link


def test_a_release_whose_model_may_change_says_so_on_its_pages(house: Installation, ada: Visitor) -> None:
    house.project()
    house.feature("idea", "An idea", "Claims team", "T1")
    idea = FEATURE.replace("claims", "idea")
    floating, pinned = (house.release("idea", "p@1", model) for model in ("m-latest", "m-2026-01-01"))
    for page in (
        ada.get(idea).text.split(f'id="release-{floating}"')[1],
        ada.get(f"{idea}/releases/{floating}/approval").text,
    ):
        assert "The model m-latest may change" in page
    assert "may change" not in ada.get(f"{idea}/releases/{pinned}/approval").text
