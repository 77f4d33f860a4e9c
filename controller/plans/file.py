"""Plans from a YAML file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from controller.plans.node import grow
from controller.plans.plans import Plans
from controller.settings import BadSettingValue
from controller.strict_yaml import Loader

DEFAULT = Path(__file__).with_name("default.yaml")
"""The plans that come with Headgate."""


def load_plans(path: str = "") -> Plans:
    """Read plans from a file, or the ones that come with Headgate.

    Raises:
        BadSettingValue: The file cannot be used; names the place in it and the remedy.
    """
    return _read(Path(path)) if path else _shipped()


@cache
def _shipped() -> Plans:
    return _read(DEFAULT)


def _read(file: Path) -> Plans:
    try:
        return Plans(grow(yaml.load(file.read_text(encoding="utf-8"), Loader)))  # noqa: S506 - it is a safe one
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadSettingValue(f"HEADGATE_PLANS={file} cannot be used: {error}") from error
