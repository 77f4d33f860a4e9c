"""The list of models that end, read from YAML: the one that comes with Headgate, and an operator's own over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from controller.settings import BadSettingValue
from controller.strict_yaml import Loader
from stages.models import Calendar, ModelEnd

VARIABLE = "HEADGATE_MODEL_CALENDAR"
SHIPPED = Path(__file__).with_name("models.yaml")
_PARTS = ("models", "sources")
_NEEDED = ("provider", "id", "ends_at")
_FIELDS = (*_NEEDED, "replacement", "source", "checked_at")


class _Unusable(ValueError):
    """Something in a file cannot be used; names the place, what is wrong and what to do."""

    def __init__(self, place: str, message: str, remedy: str) -> None:
        super().__init__(f"{place} {message}; {remedy}")


def load_calendar(path: str = "") -> Calendar:
    """Read the list that comes with Headgate, and lay the operator's own file over it, if there is one.

    Raises:
        BadSettingValue: A file is not such a list; names the file, the entry and the field.
    """
    return _shipped().merged_with(_read(Path(path))) if path else _shipped()


@cache
def _shipped() -> Calendar:
    return _read(SHIPPED)


def _read(file: Path) -> Calendar:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 - it is a safe one
        return Calendar(_ends(content))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error) if isinstance(error, _Unusable) else f"{type(error).__name__}: {error}"
        raise BadSettingValue(f"{VARIABLE}={file} cannot be used: {reason}") from error


def _ends(content: object) -> Iterator[ModelEnd]:
    parts = _mapping(content, "the file", _PARTS)
    sources = dict(_sources(parts.get("sources") or {}))
    entries = parts.get("models")
    if not isinstance(entries, list):
        raise _Unusable("models", "is not a list", "write one entry for each model")
    places: dict[tuple[str, str], str] = {}
    for number, entry in enumerate(entries, start=1):
        end = _end(entry, f"models, entry {number}:", sources)
        first = places.setdefault((end.provider.lower(), end.id.lower()), f"entry {number}")
        if first != f"entry {number}":
            raise _Unusable(
                f"models, entry {number}:", f"names the model of {first} again", "keep one of them"
            )
        yield end


def _sources(content: object) -> Iterator[tuple[str, str]]:
    if not isinstance(content, Mapping):
        raise _Unusable("sources", "is not a mapping", "give each source a name")
    for name, value in content.items():
        place = f"sources, {name}:"
        source = _mapping(value, place, ("title", "address"))
        yield str(name), f"{_text(source, 'title', place)} <{_text(source, 'address', place)}>"


def _end(entry: object, place: str, sources: Mapping[str, str]) -> ModelEnd:
    fields = _mapping(entry, place, _FIELDS)
    for name in _NEEDED:
        if fields.get(name) in (None, ""):
            raise _Unusable(place, f"{name} is missing", f"an entry needs {', '.join(_NEEDED)}")
    source = _text(fields, "source", place)
    return ModelEnd(
        provider=_text(fields, "provider", place),
        id=_text(fields, "id", place),
        ends_at=_date(fields["ends_at"], "ends_at", place),
        replacement=_text(fields, "replacement", place),
        source=sources.get(source, source),
        checked_at=_date(fields["checked_at"], "checked_at", place) if fields.get("checked_at") else None,
    )


def _mapping(value: object, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Unusable(place, "is not a mapping", f"it has the fields {', '.join(known)}")
    if unknown := sorted(set(map(str, value)) - set(known)):
        raise _Unusable(place, f"{unknown[0]} is unknown", f"known are {', '.join(known)}")
    return value


def _text(fields: Mapping[str, Any], name: str, place: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise _Unusable(place, f"{name} is not a text", "put it in quotes")
    return value.strip()


def _date(value: object, name: str, place: str) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    # A time of day is a date as well in Python, but cannot be compared with one.
    elif isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise _Unusable(place, f"{name} is not a date", "write it as 2027-01-31")
