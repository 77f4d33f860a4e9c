"""Plans are read from a file whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.plans import load_plans
from controller.settings import BadSettingValue
from stages import Part, Stage
from tests.controller.tenant import PLANS

ROOT = Path(__file__).parents[3]


def test_plans_can_be_ones_own(tmp_path: Path) -> None:
    (tmp_path / "plans.yaml").write_text(PLANS)
    own = load_plans(str(tmp_path / "plans.yaml"))
    assert set(own.requirements) == {"evaluation-report", "runbook"}
    assert own.requirements["evaluation-report"].proves == frozenset(Part)
    assert [need.key for need in own.of("T3", protected=True)[Stage.SCALED].requirements] == [
        "evaluation-report",
        "runbook",
    ]


def test_the_plans_of_the_demo_can_be_used() -> None:
    demo = load_plans(str(ROOT / "examples" / "demo" / "plans.yaml"))
    assert len(demo.of("T2", protected=True)[Stage.SCALED].requirements) == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the whole: is not a mapping"),
        ("[]", "the whole: is not a mapping"),
        ("{", "while parsing"),
        ("requirements: {}", "tiers: is missing; add it"),
        ("tiers: {T1: {}, T2: {}, T3: {}}", "tiers.T1.beta: is missing; add it"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("tiers: {}\nrequirements: {}\ntiers: {}", "the name 'tiers' stands twice"),
        ("tiers: {T1: &deep [*deep]}", "found undefined alias|is nested too deeply"),
        ("tiers: 2026-13-45", "is not a mapping"),
        ("tiers: &a\n  T1: *a\n", "is nested too deeply"),
        ("tiers: {1: {}}", "tiers.1: is not named by a text; put the name in quotation marks"),
        ("\x00", "special characters are not allowed"),
    ],
)
def test_plans_that_cannot_be_used_are_refused_with_the_file_and_the_place(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    with pytest.raises(
        BadSettingValue, match=rf"(?s)HEADGATE_PLANS=.*plans\.yaml cannot be used: .*({told})"
    ):
        load_plans(str(file))


def test_a_file_that_is_not_there_or_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettingValue, match=r"missing\.yaml cannot be used: "):
        load_plans(str(tmp_path / "missing.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(BadSettingValue, match=r"binary\.yaml cannot be used: "):
        load_plans(str(tmp_path / "binary.yaml"))
