"""The page about registries is held to the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller.http import Outbound
from controller.registries import REGISTRIES, Outcome
from controller.registries.login import Scheme
from controller.registries.request_template import WRITING
from controller.secrets import Secrets

PAGE = (Path(__file__).parents[3] / "docs" / "registries.md").read_text("utf-8")
EXAMPLES = [
    json.loads(text) for text in re.findall(r"^```json registry\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
]
SECRETS = Secrets(
    {
        "HEADGATE_SECRET_LANGFUSE": "https://langfuse.example.com pk-lf-1234:sk-lf-5678",
        "HEADGATE_SECRET_MLFLOW": "https://mlflow.example.com 0123456789",
        "HEADGATE_SECRET_GIT": "https://git.example.com claims:0123456789",
        "HEADGATE_SECRET_LAUNCHDARKLY": "https://app.launchdarkly.com api-0123456789",
        "HEADGATE_SECRET_PROMPTS": "https://prompts.example.com 0123456789",
    }
)


def test_every_kind_has_an_example_and_a_section() -> None:
    assert {example["kind"] for example in EXAMPLES} == set(REGISTRIES)
    assert set(re.findall(r"^### `([a-z]+)`$", PAGE, re.MULTILINE)) == set(REGISTRIES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["kind"])
def test_every_example_is_accepted(example: dict[str, Any]) -> None:
    REGISTRIES[example["kind"]].from_settings(example["settings"], Outbound(), SECRETS)


def test_the_example_of_a_secret_is_one() -> None:
    (variable, value) = re.search(r'^(HEADGATE_SECRET_[A-Z]+)="(.+)"$', PAGE, re.MULTILINE).groups()  # type: ignore[union-attr]
    secrets = Secrets({variable: value})
    assert secrets.reveal("env:LANGFUSE", "https://langfuse.example.com/api") == "pk-lf-1234:sk-lf-5678"


@pytest.mark.parametrize("word", [*Outcome, *Scheme, *(f"${{{name}}}" for name in WRITING)])
def test_every_word_is_described(word: str) -> None:
    assert f"`{word}`" in PAGE
