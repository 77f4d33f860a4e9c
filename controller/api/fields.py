"""Fields that take exactly what they say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate

KEY = r"^[a-z0-9][a-z0-9-]{1,62}$"
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_LANGUAGE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"
_WRITABLE = "\n\r\t"


class Pattern(validate.Regexp):
    """A text that matches from its first to its last character: a line break at the end is one character too many."""

    def __call__(self, value: Any) -> Any:
        """Check a text."""
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class Key(fields.String):
    """The key of something: what appears in addresses, flags and metrics."""

    def __init__(self, **kwargs: Any) -> None:
        message = "A key has 2 to 63 of a-z, 0-9 and -, and does not begin with -."
        super().__init__(validate=Pattern(KEY, error=message), **kwargs)


class Language(fields.String):
    """A language as BCP 47 writes it, in the case it recommends: clients compare what they send letter by letter."""

    def __init__(self, **kwargs: Any) -> None:
        message = "A language is written like de, de-CH or zh-Hant-TW."
        super().__init__(validate=Pattern(_LANGUAGE, error=message), **kwargs)


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

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryTruth(fields.Boolean):
    """true or false in an address, where everything is text."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if value not in ("true", "false"):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Number(fields.Float):
    """A finite number; true and "1" are none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> float:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Param(fields.Field[Any]):
    """A number that stays whole if it is whole, or a text."""

    default_error_messages = {"invalid": "Neither a number nor a text."}  # noqa: RUF012 - marshmallow declares it so

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"anyOf": [{"type": "number"}, {"type": "string"}]}, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if type(value) not in (int, float, str):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Truth(fields.Boolean):
    """true or false; 1 and "yes" are none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Text(fields.String):
    """A text up to a length. Control characters other than line breaks and tabs have no place in it.

    One that has to be there has to say something: blanks alone are no reason, and nobody's name.
    """

    def __init__(self, longest: int = 2000, *, shortest: int = 0, **kwargs: Any) -> None:
        length = validate.Length(shortest, longest)
        more = [_not_blank] if shortest else []
        super().__init__(validate=[length, _no_control_characters, *more], **kwargs)


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


class FreeForm(fields.Dict):
    """An object of JSON values that mean something to its owner alone. Its texts obey the same rule as `Text`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), validate=_only_clean_texts, **kwargs)


class Moment(fields.AwareDateTime):
    """A time with its zone as RFC 3339 writes it, from 1970 to the year 9998; it is kept in UTC."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        moment = super()._deserialize(value, attr, data, **kwargs)
        if not _EARLIEST <= moment < _LATEST:
            raise ValidationError("Must be between the years 1970 and 9998.")
        return moment.astimezone(UTC)


def has_control_characters(text: str) -> bool:
    """Whether a text holds characters that are neither seen nor break a line."""
    return any(unicodedata.category(character) == "Cc" and character not in _WRITABLE for character in text)


def _no_control_characters(text: str) -> None:
    if has_control_characters(text):
        raise ValidationError("Control characters are not allowed.")


def _not_blank(text: str) -> None:
    # What is empty is refused for its length.
    if text and not text.strip():
        raise ValidationError("There is nothing but blanks in it.")


def _only_clean_texts(content: Any) -> None:
    """Look at every text in a JSON value, names included."""
    if isinstance(content, str):
        _no_control_characters(content)
    elif isinstance(content, Mapping):
        _each_clean([*content.keys(), *content.values()])
    elif isinstance(content, list):
        _each_clean(content)


def _each_clean(parts: Iterable[Any]) -> None:
    for part in parts:
        _only_clean_texts(part)
