"""What a JSONPath finds in the answer of a registry."""

from __future__ import annotations

from typing import Any

from controller.json_path import JSONPath, NoSingleValue
from controller.registries.registry import Nonsense


def value_at(path: JSONPath, document: Any) -> Any:
    """The only value a path leads to.

    Raises:
        Nonsense: It leads nowhere, or to several values.
    """
    try:
        return path.one(document)
    except NoSingleValue as error:
        raise Nonsense(str(error)) from None


def version_at(path: JSONPath, document: Any) -> str:
    """The only value a path leads to, which has to be a text or a whole number.

    Raises:
        Nonsense: It is not.
    """
    value = value_at(path, document)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise Nonsense(f"{path.field} leads to something that is neither a text nor a whole number")
    return str(value)
