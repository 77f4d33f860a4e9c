"""Lists come in pages. A cursor is opaque to its reader: it only says where the next page begins."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from marshmallow import Schema, fields

from controller.api.fields import QueryWhole
from controller.errors import InvalidInput, Problem

T = TypeVar("T")


class PageQuery(Schema):
    """Which page of a list."""

    limit = QueryWhole(1, 200, load_default=50, metadata={"description": "How many items at most"})
    cursor = fields.String(metadata={"description": "The next_cursor of the page before"})


def page_of(item: type[Schema]) -> type[Schema]:
    """The schema of a page of items."""
    name = item.__name__.removesuffix("Schema") + "Page"
    content: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(required=True, allow_none=True),
    }
    return Schema.from_dict(content, name=name)


def after(query: dict[str, Any]) -> int | None:
    """The place a cursor points to, None at the beginning.

    Raises:
        InvalidInput: The cursor is not one of ours.
    """
    if "cursor" not in query:
        return None
    place = _decoded(query["cursor"])
    if not re.fullmatch(r"[0-9]{1,18}", place):
        raise InvalidInput(Problem("cursor", "is not a cursor", "use the next_cursor of the page before"))
    return int(place)


def page(
    items: Sequence[T], limit: int, place: Callable[[T], int], view: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """A page made of up to ``limit`` items, of which one more was fetched to see whether there is a next page."""
    shown: Iterable[T] = items[:limit]
    more = len(items) > limit
    return {
        "items": [view(item) for item in shown],
        "next_cursor": _cursor(place(items[limit - 1])) if more else None,
    }


def _decoded(cursor: str) -> str:
    """The text behind a cursor; nothing if it is not written as we write them."""
    try:
        text = base64.urlsafe_b64decode(f"{cursor}==").decode("ascii")
    except ValueError:
        return ""
    return text if _encoded(text) == cursor else ""


def _cursor(place: int) -> str:
    return _encoded(str(place))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
