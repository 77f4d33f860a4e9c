from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.importers import IMPORTERS, limits, read_report

PAGE = (Path(__file__).parents[3] / "docs" / "evidence-files.md").read_text()
EXAMPLES = re.findall(r"```(?:json|csv)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_on_the_page_can_be_read(example: str) -> None:
    assert read_report(example.encode()).tool == "generic"


def test_the_page_has_examples_of_both_forms() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("tool", IMPORTERS)
def test_the_page_names_every_tool(tool: str) -> None:
    assert f"`{tool}`" in PAGE


def test_the_page_tells_the_limits() -> None:
    told = PAGE.partition("**Limits.**")[2].partition("\n\n")[0]
    numbers = (limits.MAX_DEPTH, limits.MAX_VALUES, limits.MAX_ELEMENTS, limits.MAX_CASES, limits.MAX_METRICS)
    assert all(f"{number:,}" in told for number in numbers)
    sizes = (limits.MAX_FILE_BYTES, limits.MAX_OPENED_BYTES)
    assert all(f"{size // 1_000_000} MB" in told for size in sizes)
