"""Finding the one value in a JSON answer that says which version is live (JSONPath, RFC 9535)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

from controller.errors import BadSetting
from controller.registries.registry import Nonsense

MAX_LENGTH = 200

_STANDARD = JSONPathEnvironment(strict=True)
for _needs_regex in ("match", "search"):  # An expression can be written that does not end in a lifetime.
    del _STANDARD.function_extensions[_needs_regex]


@dataclass(frozen=True, slots=True)
class JSONPath:
    """A path that was found to be one. ``field`` is where a user entered it.

    What following it can cost grows no faster than the answer it is applied to.
    """

    field: str
    text: str

    @classmethod
    def parse(cls, field: str, text: str) -> JSONPath:
        """Read a path as a user entered it in ``field``.

        Raises:
            BadSetting: It is not a path of the standard, or could be expensive.
        """
        if len(text) > MAX_LENGTH:
            raise BadSetting(field, f"has {len(text)} characters", f"keep it to {MAX_LENGTH}")
        if ".." in text or "$" in text[1:]:
            raise BadSetting(
                field, "looks everywhere in the answer", "lead to the value, without .. and a second $"
            )
        try:
            _STANDARD.compile(text)
        except (JSONPathError, RecursionError):
            raise BadSetting(
                field, "is not a JSONPath of RFC 9535", "enter one such as $.prompt.version"
            ) from None
        return cls(field, text)

    def one(self, document: Any) -> Any:
        """The only value it leads to.

        Raises:
            Nonsense: It leads nowhere, or to several values.
        """
        if not isinstance(document, (dict, list)):
            raise Nonsense("the answer is neither an object nor an array")
        found = _STANDARD.compile(self.text).findall(document)
        if len(found) != 1:
            raise Nonsense(f"{self.field} leads to {len(found)} values in the answer, not to one")
        return found[0]

    def version(self, document: Any) -> str:
        """The only value it leads to, which has to be a text or a whole number.

        Raises:
            Nonsense: It is not.
        """
        value = self.one(document)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            raise Nonsense(f"{self.field} leads to something that is neither a text nor a whole number")
        return str(value)
