from __future__ import annotations

import pytest

from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.conftest import Visitor

PAGES = ["/", "/password", "/stop/acme/production/claims", "/resume/acme/production/claims"]
POSTS = [
    "/sign-out",
    "/password",
    "/stop/acme/production/claims",
    "/resume/acme/production/claims",
    "/acknowledge/acme/production/claims/unsupported",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_to_the_sign_in_and_back(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next={path}")


def test_signing_out_twice_leads_to_the_sign_in_and_then_the_board(visitor: Visitor) -> None:
    assert visitor.client.post("/sign-out").location == "/sign-in?next=/"


def test_whoever_sends_a_form_too_late_is_told_and_comes_back_to_it(visitor: Visitor, live: str) -> None:
    stop = f"/stop/{PROJECT}/{PRODUCTION}/{live}"
    answer = visitor.client.post(stop, headers={"Referer": f"http://localhost{stop}?to=off"})
    assert answer.location == f"/sign-in?next={stop}?to%3Doff&undone=1"
    assert "Nothing was done." in visitor.get(answer.location).text
    foreign = visitor.client.post(stop, headers={"Referer": "http://evil.example/x"})
    assert foreign.location == "/sign-in?next=/&undone=1"


@pytest.mark.parametrize("path", ["/nowhere", f"/projects/{PROJECT}/incidents/first", "/users/a/password"])
def test_an_address_that_nothing_is_at_is_a_page_for_people_and_json_for_programs(
    visitor: Visitor, path: str
) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = visitor.get(path, headers=browser)
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    assert visitor.get(path).mimetype == "application/problem+json"


def test_the_script_of_an_open_page_is_told_by_the_status(visitor: Visitor) -> None:
    answer = visitor.get("/live")
    assert (answer.status_code, answer.text) == (401, "")


def test_a_made_up_session_opens_nothing(visitor: Visitor) -> None:
    visitor.client.set_cookie("headgate_session", "x" * 43)
    assert visitor.get("/").status_code == 303


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("csrf", ["", "x", "é"])
def test_a_form_without_the_token_of_the_session_does_nothing(ada: Visitor, path: str, csrf: str) -> None:
    answer = ada.client.post(path, data={"csrf": csrf, "reason": "x", "choice": "off"})
    assert answer.status_code == 403
    assert "reload the page" in answer.text
    assert ada.get("/").status_code == 200


def test_a_form_that_another_site_sent_does_nothing(ada: Visitor) -> None:
    answer = ada.client.post("/sign-in", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path", [*PAGES, "/sign-in", "/live", "/?project=nobody", "/static/console/style.css"]
)
def test_nothing_on_a_page_may_come_from_elsewhere_or_run_inline(ada: Visitor, path: str) -> None:
    with ada.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", [*PAGES, "/live", "/sign-in"])
def test_pages_are_kept_by_nobody(ada: Visitor, path: str) -> None:
    headers = ada.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert "Cookie" in headers["Vary"]


@pytest.mark.parametrize("name", ["style.css", "live.js", "favicon.svg"])
def test_static_files_are_open_and_their_folder_is_all_there_is(house: Installation, name: str) -> None:
    client = house.app.test_client()
    with client.get(f"/static/console/{name}") as answer:
        assert answer.status_code == 200
    with client.get("/static/console/../auth.py") as answer:
        assert answer.status_code == 404


def test_a_session_opens_the_console_and_not_the_api(ada: Visitor, live: str) -> None:
    assert ada.get("/api/v1/projects").status_code == 401
    assert ada.get("/").status_code == 200
