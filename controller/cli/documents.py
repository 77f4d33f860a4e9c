"""Files that a command is given, as JSON or YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller import strict_json, strict_yaml


def document(path: str) -> dict[str, Any]:
    """Read a file with one JSON or YAML object; its name ends in .json, .yaml or .yml.

    Raises:
        click.BadParameter: It is none.
    """
    try:
        return parse(Path(path).read_bytes(), path)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path}: {error}") from error


def parse(data: bytes, name: str) -> dict[str, Any]:
    """What a file of that name holds.

    Raises:
        ValueError: It is neither JSON nor YAML, or no object; says why.
    """
    if name.endswith(".json"):
        content = strict_json.loads(data)
    elif name.endswith((".yaml", ".yml")):
        content = strict_yaml.loads(data)
    else:
        raise ValueError("the name ends neither in .json nor in .yaml; rename the file")
    if not isinstance(content, dict):
        raise ValueError("it holds no object; write one, such as {name: value}")  # noqa: TRY004 - it is no mistake of ours
    return content
