"""Plans from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from controller.plans.node import grow
from controller.plans.plans import Plans
from controller.settings import BadSettingValue

DEFAULT = Path(__file__).with_name("default.yaml")
"""The plans that come with Headgate."""


class _Strict(yaml.SafeLoader):
    """YAML in which no name stands twice; the usual reader would keep the last one and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as it is in the base
        """A mapping without names that stand twice."""
        names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise yaml.constructor.ConstructorError(
                None, None, f"the name {twice!r} stands twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def load_plans(path: str = "") -> Plans:
    """Read plans from a file, or the ones that come with Headgate.

    Raises:
        BadSettingValue: The file cannot be used; names the place in it and the remedy.
    """
    file = Path(path) if path else DEFAULT
    try:
        return Plans(grow(yaml.load(file.read_text(encoding="utf-8"), _Strict)))  # noqa: S506 - it is a safe one
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadSettingValue(f"HEADGATE_PLANS={file} cannot be used: {error}") from error
