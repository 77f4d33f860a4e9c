"""The page to try the API works without any other server."""

from __future__ import annotations

import re

from flask import Flask

SOURCES = re.compile(r"""(?:src|href)="([^"]+)\"""")


def test_the_page_loads_everything_from_here(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/docs/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    found = SOURCES.findall(page.get_data(as_text=True))
    assert len(found) == 3
    for address in found:
        assert address.startswith("/docs/")
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.mimetype == ("text/css" if address.endswith(".css") else "text/javascript")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        answer.close()


def test_what_the_page_starts_is_our_own_document(app: Flask) -> None:
    started = app.test_client().get("/docs/start.js").get_data(as_text=True)
    assert 'url: "/openapi.json"' in started
    assert "validatorUrl: null" in started
    assert "http" not in started.replace("https", "")


def test_the_policy_of_the_page_lets_nothing_in_from_elsewhere(app: Flask) -> None:
    policy = app.test_client().get("/docs/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "frame-ancestors": "'none'",
    }


def test_the_page_has_no_script_of_its_own(app: Flask) -> None:
    page = app.test_client().get("/docs/").get_data(as_text=True)
    assert re.findall(r"<script(?![^>]*src=)", page) == []
    assert re.findall(r"\son[a-z]+=", page) == []


def test_an_asset_that_is_not_of_the_package_is_not_given_out(app: Flask) -> None:
    for name in ("../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py", "nothing.js", "%00"):
        answer = app.test_client().get(f"/docs/assets/{name}")
        assert answer.status_code == 404
        assert answer.mimetype == "application/problem+json"
