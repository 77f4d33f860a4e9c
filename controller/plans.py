"""The plans of the risk tiers, read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from controller.settings import BadSettingValue
from stages import UNPROTECTED, Gate, Plan, Requirement, Stage, StagePlan, Tier


class Plans:
    """Which plan a rollout follows."""

    def __init__(self, by_tier: Mapping[Tier, Plan], requirements: Mapping[str, Requirement]) -> None:
        self._by_tier = by_tier
        self.requirements = requirements

    def of(self, tier: str, *, protected: bool) -> Plan:
        """The plan of a tier; an environment that is not protected asks for nothing."""
        return self._by_tier[Tier(tier)] if protected else UNPROTECTED


def load_plans(path: str = "") -> Plans:
    """Read plans from a file, or the ones that come with Headgate.

    Raises:
        BadSettingValue: The file does not hold a plan for every tier, or a later stage is laxer than an earlier one.
    """
    file = Path(path) if path else Path(__file__).with_name("plans.yaml")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        needs = {key: _requirement(key, value) for key, value in content["requirements"].items()}
        return Plans({tier: _plan(content["tiers"][tier], needs) for tier in Tier}, needs)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadSettingValue(
            f"HEADGATE_PLANS={file} cannot be used: {type(error).__name__}: {error}"
        ) from error


def _requirement(key: str, value: Mapping[str, Any]) -> Requirement:
    return Requirement(key=key, **(dict(value) | {"gate": Gate(value["gate"])}))


def _plan(stages: Mapping[str, Mapping[str, Any]], needs: Mapping[str, Requirement]) -> Plan:
    return Plan({Stage(stage): _stage_plan(step, needs) for stage, step in stages.items()})


def _stage_plan(step: Mapping[str, Any], needs: Mapping[str, Requirement]) -> StagePlan:
    required = tuple(needs[key] for key in step.get("requirements", ()))
    return StagePlan(**(dict(step) | {"requirements": required}))
