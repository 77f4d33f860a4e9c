from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from controller import plans
from controller.plans import load_plans
from controller.settings import BadSettingValue
from stages import EXPOSED, UNPROTECTED, Tier
from tests.controller.tenant import PLANS


def test_the_plans_that_come_with_headgate_are_stricter_the_higher_the_tier() -> None:
    shipped = load_plans()
    for stage in EXPOSED:
        first, second, third = (shipped.of(tier, protected=True)[stage] for tier in Tier)
        for lower, higher in ((first, second), (second, third)):
            assert lower.ceiling >= higher.ceiling
            assert lower.approvals <= higher.approvals
            assert lower.soak_s <= higher.soak_s
            assert lower.armed_triggers <= higher.armed_triggers
    assert all(tier.value for tier in Tier)


def test_an_environment_that_is_not_protected_asks_for_nothing() -> None:
    assert load_plans().of("T3", protected=False) is UNPROTECTED


def test_plans_can_be_ones_own(tmp_path: Path) -> None:
    (tmp_path / "plans.yaml").write_text(PLANS)
    own = load_plans(str(tmp_path / "plans.yaml"))
    assert set(own.requirements) == {"evaluation-report", "runbook"}
    assert own.requirements["evaluation-report"].per_release


def changed(**change: object) -> str:
    content = yaml.safe_load(Path(plans.__file__).with_name("plans.yaml").read_text())
    content["tiers"]["T1"]["scaled"] |= change
    return yaml.safe_dump(content, sort_keys=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "requirements: {}",
        "requirements: {}\ntiers: {T1: {}, T2: {}, T3: {}}",
        "{",
        "requirements: {x: {gate: nothing, title: X}}\ntiers: {}",
        changed(ceiling=100, start=100),
        changed(start=0),
        changed(surprise=1),
        changed(requirements=["never-heard-of"]),
        changed(requirements=[]),
        changed(soak_s="long"),
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_plans_that_cannot_be_used_are_refused_with_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    with pytest.raises(BadSettingValue, match=r"HEADGATE_PLANS=.*plans\.yaml cannot be used"):
        load_plans(str(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettingValue, match=r"missing\.yaml"):
        load_plans(str(tmp_path / "missing.yaml"))
