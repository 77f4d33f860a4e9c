"""Fields that take exactly what they say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate

KEY = r"^[a-z0-9][a-z0-9-]{1,62}$"


class Key(fields.String):
    """The key of something: what appears in addresses, flags and metrics."""

    def __init__(self, **kwargs: Any) -> None:
        message = "A key has 2 to 63 of a-z, 0-9 and -, and does not begin with -."
        # \Z and not $: the latter would let a line break through.
        super().__init__(validate=validate.Regexp(KEY.replace("$", r"\Z"), error=message), **kwargs)


class Whole(fields.Integer):
    """A whole number within bounds; true, "1" and 1.0 are none."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(low, high), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryWhole(fields.Integer):
    """A whole number in an address, where everything is text."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(low, high), **kwargs)


class Number(fields.Float):
    """A finite number; true and "1" are none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> float:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class ParamNumber(fields.Field[Any]):
    """A finite number that stays whole if it is whole."""

    default_error_messages = {"invalid": "Not a valid number."}  # noqa: RUF012 - marshmallow declares it so

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002
        if type(value) not in (int, float):
            raise self.make_error("invalid")
        return value


class Truth(fields.Boolean):
    """true or false; 1 and "yes" are none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Text(fields.String):
    """A text up to a length. Control characters other than line breaks and tabs have no place in it."""

    def __init__(self, longest: int = 2000, *, shortest: int = 0, **kwargs: Any) -> None:
        super().__init__(validate=[validate.Length(shortest, longest), _no_control_characters], **kwargs)


class Choice(fields.String):
    """One word of an enumeration."""

    def __init__(self, words: type[StrEnum], **kwargs: Any) -> None:
        self._words = words
        super().__init__(validate=validate.OneOf([word.value for word in words]), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        return self._words(text) if text in list(self._words) else text


def _no_control_characters(text: str) -> None:
    if any((ord(character) < 32 and character not in "\n\r\t") or character == "\x7f" for character in text):  # noqa: PLR2004
        raise ValidationError("Control characters are not allowed.")
