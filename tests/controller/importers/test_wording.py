from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.importers.wording import clean, clean_id, moment, moment_of_unix


@given(st.text(), st.integers(10, 50))
def test_a_cleaned_text_is_short_in_one_line_and_can_be_written(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.isprintable()
    cleaned.encode()
    assert clean(cleaned, limit) == cleaned


@pytest.mark.parametrize(
    "name", ["faithfulness", "answer@14", "openai:gpt-5-2026-08-01", "sk-learn-baseline", "日本語"]
)
def test_names_stay_as_they_are(name: str) -> None:
    assert clean(name) == clean_id(name) == name


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghij0123456789",
        "sk-ant-api03-abcdefghij0123456789",
        "pk-lf-1234abcd-12ab-34cd",
        "ghp_abcdefghijklmnopqrst",
        "xoxb-123456789012-abcdef",
        "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "hg_server_abcdefgh",
        "Bearer abcdefghijkl",
        "api_key=hunter2",
        "password: hunter2",
    ],
)
def test_what_looks_like_a_secret_is_removed(secret: str) -> None:
    cleaned = clean(f"before {secret} after")
    assert cleaned.startswith("before ")
    assert cleaned.endswith("[removed] after")


def test_the_address_of_a_provider_keeps_neither_user_nor_query() -> None:
    assert clean_id("https://me:hunter2@example.com/v1/chat?key=hunter2#x") == "https://example.com/v1/chat"


def test_addresses_in_a_text_keep_neither_user_nor_query() -> None:
    text = "of https://me:hunter2@example.com/set.csv?sig=hunter2#x and s3://b/c, why?"
    assert clean(text) == "of https://example.com/set.csv and s3://b/c, why?"


def test_nothing_is_kept_of_a_private_key() -> None:
    assert clean("judge -----BEGIN RSA PRIVATE KEY-----\nMIIabc") == "judge [removed]"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-20T02:00:00", "9999-12-31T23:59:59-12:00", "2026-13-01T00:00Z"]
)
def test_a_moment_that_cannot_be_told_is_none(text: str) -> None:
    assert moment(text) is None


def test_a_moment_is_in_utc() -> None:
    assert moment("2026-11-20T02:00:00+02:00") == datetime(2026, 11, 20, tzinfo=UTC)
    assert moment_of_unix(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment_of_unix(1e300) is None


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "part", ["sk-a-", "sk_a_", "key", "bearer ", "eyJaaaaaaaa-", "token=", "://@", "hg_a_"]
)
def test_no_text_takes_long_to_clean(part: str) -> None:
    for _ in range(500):
        clean_id(part * 1000)
