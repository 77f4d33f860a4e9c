"""Finding the one value in a JSON answer that matters (JSONPath, RFC 9535)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonpath import CompoundJSONPath, JSONPathEnvironment
from jsonpath import JSONPath as Compiled
from jsonpath.exceptions import JSONPathError

from controller.errors import BadSetting

MAX_LENGTH = 200

_STANDARD = JSONPathEnvironment(strict=True)
for _needs_regex in ("match", "search"):  # An expression can be written that does not end in a lifetime.
    del _STANDARD.function_extensions[_needs_regex]


class NoSingleValue(ValueError):
    """A path leads nowhere in a document, or to several values."""


@dataclass(frozen=True, slots=True)
class JSONPath:
    """A path that was found to be one. ``field`` is where a user entered it.

    What following it can cost grows no faster than the answer it is applied to.
    """

    field: str
    text: str

    @classmethod
    def parse(cls, field: str, text: str, *, descents: int = 0) -> JSONPath:
        """Read a path as a user entered it in ``field``; it may look everywhere so many times, with ``..``.

        Raises:
            BadSetting: It is not a path of the standard, or could be expensive.
        """
        if len(text) > MAX_LENGTH:
            raise BadSetting(field, f"has {len(text)} characters", f"keep it to {MAX_LENGTH}")
        if text.count("..") > descents or "$" in text[1:]:
            more = "" if not descents else f" more than {descents} times"
            remedy = "lead to the value, without .. and a second $"
            raise BadSetting(field, f"looks everywhere in the answer{more}", remedy)
        try:
            _compiled(text)
        except (JSONPathError, RecursionError):
            raise BadSetting(
                field, "is not a JSONPath of RFC 9535", "enter one such as $.prompt.version"
            ) from None
        return cls(field, text)

    def one(self, document: Any) -> Any:
        """The only value it leads to. Looking ends as soon as there is a second one.

        Raises:
            NoSingleValue: It leads nowhere, or to several values.
        """
        if not isinstance(document, (dict, list)):
            raise NoSingleValue("the answer is neither an object nor an array")
        found = [match.obj for match in islice(_compiled(self.text).finditer(document), 2)]
        if len(found) != 1:
            many = "several values" if found else "no value"
            raise NoSingleValue(f"{self.field} leads to {many} in the answer, not to one")
        return found[0]


@functools.lru_cache(maxsize=1000)
def _compiled(text: str) -> Compiled | CompoundJSONPath:
    return _STANDARD.compile(text)
