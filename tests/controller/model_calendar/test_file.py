"""The list that is kept by hand: the one that comes with Headgate, and an operator's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from controller.model_calendar.file import SHIPPED, load_calendar
from controller.settings import BadSettingValue

CONTENT = yaml.safe_load(SHIPPED.read_text())
OWN = """
models:
  - {provider: openai, id: gpt-5-2025-08-07, ends_at: "2027-06-30", source: our contract}
  - {provider: Acme, id: claims-7b, ends_at: 2027-01-31}
"""


def write(folder: Path, text: str) -> str:
    file = folder / "own.yaml"
    file.write_text(text)
    return str(file)


def test_the_list_that_comes_with_headgate_is_read_whole() -> None:
    shipped = load_calendar()
    assert len(shipped) == len(CONTENT["models"]) > 100
    found = shipped.end_of("openai", "gpt-5-2025-08-07")
    assert found is not None
    assert (found.ends_at, found.replacement) == (date(2026, 12, 11), "gpt-6.1-sol")
    assert found.source == "OpenAI deprecations <https://developers.openai.com/api/docs/deprecations>"


@pytest.mark.parametrize("entry", CONTENT["models"], ids=lambda entry: f"{entry['provider']}:{entry['id']}")
def test_every_entry_names_a_public_source_and_when_it_was_read(entry: dict) -> None:
    assert entry["source"] in CONTENT["sources"]
    assert date(2026, 1, 1) < entry["checked_at"]
    assert date(2025, 1, 1) < entry["ends_at"] < date(2030, 1, 1)


def test_every_source_is_used_and_is_a_page_of_the_provider() -> None:
    assert {entry["source"] for entry in CONTENT["models"]} == set(CONTENT["sources"])
    assert all(source["address"].startswith("https://") for source in CONTENT["sources"].values())


def test_the_providers_of_the_models_that_teams_use_are_there() -> None:
    providers = {entry["provider"] for entry in CONTENT["models"]}
    assert providers >= {"openai", "anthropic", "google", "vertex", "azure", "bedrock", "mistral", "cohere"}


@pytest.mark.parametrize(
    "asked",
    [
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x"),
        ("anthropic", "claude-sonnet-4-5"),
        ("gcp.gemini", "models/gemini-2.5-pro"),
        ("vertex_ai", "gemini-2.5-pro"),
        ("azure", "gpt-4o@2024-11-20:NoAutoUpgrade"),
        ("anthropic", "us.anthropic.claude-opus-4-1-20250805-v1:0", "bedrock"),
        ("mistral", "mistral-large-2411"),
    ],
)
def test_a_model_of_the_list_is_found_as_releases_write_it(asked: tuple[str, ...]) -> None:
    assert load_calendar().end_of(*asked) is not None


def test_an_operators_file_is_laid_over_it(tmp_path: Path) -> None:
    calendar = load_calendar(write(tmp_path, OWN))
    ours = calendar.end_of("openai", "gpt-5-2025-08-07")
    assert ours is not None
    assert (ours.ends_at, ours.source, ours.replacement) == (date(2027, 6, 30), "our contract", "gpt-6.1-sol")
    new = calendar.end_of("acme", "claims-7b")
    assert new is not None
    assert (new.ends_at, new.checked_at) == (date(2027, 1, 31), None)
    assert len(calendar) == len(load_calendar()) + 1


GOOD = {"provider": "acme", "id": "one", "ends_at": date(2027, 1, 31)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file is not a mapping"),
        ([], "the file is not a mapping"),
        ({}, "models is not a list"),
        ({"models": {}}, "models is not a list; write one entry for each model"),
        ({"models": [], "extra": 1}, "the file extra is unknown; known are models, sources"),
        ({"models": [], "sources": []}, "the file is whole"),
        ({"models": [], "sources": [1]}, "sources is not a mapping"),
        ({"models": [], "sources": {"a": "b"}}, "sources, a: is not a mapping"),
        ({"models": [], "sources": {"a": {"url": "b"}}}, "sources, a: url is unknown"),
        ({"models": ["one"]}, "models, entry 1: is not a mapping"),
        ({"models": [GOOD, {**GOOD, "end": 1}]}, "models, entry 2: end is unknown; known are provider"),
        (
            {"models": [{**GOOD, "id": ""}]},
            "models, entry 1: id is missing; an entry needs provider, id, ends_at",
        ),
        ({"models": [{**GOOD, "provider": None}]}, "models, entry 1: provider is missing"),
        ({"models": [{**GOOD, "id": 5}]}, "models, entry 1: id is not a text; put it in quotes"),
        ({"models": [{**GOOD, "ends_at": None}]}, "models, entry 1: ends_at is missing"),
        ({"models": [{**GOOD, "ends_at": "soon"}]}, "ends_at is not a date; write it as 2027-01-31"),
        ({"models": [{**GOOD, "ends_at": 20270131}]}, "models, entry 1: ends_at is not a date"),
        ({"models": [{**GOOD, "checked_at": "x"}]}, "models, entry 1: checked_at is not a date"),
        ({"models": [{**GOOD, "replacement": [1]}]}, "models, entry 1: replacement is not a text"),
        ({"models": [GOOD, {**GOOD, "id": "ONE"}]}, "models, entry 2: names the model of entry 1 again"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, content: object, reason: str
) -> None:
    file = write(tmp_path, yaml.safe_dump(content))
    if reason == "the file is whole":
        load_calendar(file)
        return
    with pytest.raises(BadSettingValue) as refused:
        load_calendar(file)
    assert str(refused.value).startswith(f"HEADGATE_MODEL_CALENDAR={file} cannot be used: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "text", ["{", "models: [2027-13-45T99:99:99]", "!!python/object/apply:os.system ['true']", "\0"]
)
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadSettingValue, match=r"HEADGATE_MODEL_CALENDAR=.*own\.yaml cannot be used"):
        load_calendar(write(tmp_path, text))


def test_a_time_of_day_is_not_taken_for_a_date(tmp_path: Path) -> None:
    text = "models: [{provider: a, id: b, ends_at: 2027-01-31T10:00:00Z}]"
    with pytest.raises(BadSettingValue, match="ends_at is not a date"):
        load_calendar(write(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettingValue, match=r"missing\.yaml"):
        load_calendar(str(tmp_path / "missing.yaml"))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(b"models: [\xff]")
    with pytest.raises(BadSettingValue, match="cannot be used"):
        load_calendar(str(file))
