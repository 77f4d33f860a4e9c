from __future__ import annotations

import gzip
import re

import pytest

from controller.console.form_tokens import masked, unmasked
from tests.controller.console.conftest import Visitor

TOKEN = "csrf-of-ada"


def test_a_token_is_never_written_twice_in_the_same_way() -> None:
    written = {masked(TOKEN) for _ in range(20)}
    assert len(written) == 20
    assert {unmasked(each) for each in written} == {TOKEN}


@pytest.mark.parametrize("text", ["", "x", "é", "====", "AAA=", "//79"])
def test_what_nobody_masked_is_no_token(text: str) -> None:
    assert unmasked(text) != TOKEN


def test_pages_are_sent_small_and_hold_no_token_as_it_is(ada: Visitor, live: str) -> None:
    answer = ada.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    page = gzip.decompress(answer.data).decode()
    assert len(answer.data) < len(page) / 2
    assert TOKEN not in page
    [sent] = set(re.findall(r'name="csrf" value="([^"]*)"', page))
    assert unmasked(sent) == TOKEN
    assert "Content-Encoding" not in ada.get("/").headers


def test_what_shows_a_secret_once_is_not_compressed(ada: Visitor, live: str) -> None:
    keys = "/projects/acme/settings/keys"
    form = {"csrf": TOKEN, "kind": "server", "name": "desk", "environment": "production"}
    answer = ada.client.post(keys, data=form, headers={"Accept-Encoding": "gzip"})
    assert b"hg_server_" in answer.data
