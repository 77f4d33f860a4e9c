"""YAML that means the same as JSON: no name twice, no dates, nothing that JSON could not say."""

from __future__ import annotations

import json
from typing import Any

import yaml

from controller import strict_json

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class InvalidYAML(ValueError):
    """The text is not YAML that means one thing; the message says what is wrong and where."""


class Loader(yaml.SafeLoader):
    """The usual reader would keep the last of two equal names, and make a date of the version 2026-11-01.

    It is not the one in C, which a text that is nested deeply enough kills together with its process.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as it is in the base
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as it is in the base
        """A mapping without names that stand twice."""
        names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            message = f"the name {twice!r} stands twice"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
        return super().construct_mapping(node, deep)


def loads(text: bytes | str) -> Any:
    """Read YAML as if it were JSON. A date that is written without quotes stays the text it is.

    Raises:
        InvalidYAML: It is not YAML, a name stands twice, or it holds what JSON has no word for.
    """
    try:
        return strict_json.loads(json.dumps(yaml.load(text, Loader)))  # noqa: S506 - it is a safe one
    except yaml.YAMLError as error:
        raise InvalidYAML(" ".join(str(error).split())) from None
    except strict_json.InvalidJSON as error:
        raise InvalidYAML(str(error).partition(" at line ")[0]) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidYAML(f"it holds what JSON has no word for: {error}") from None
