"""Lists come in pages. A cursor is opaque to its reader: it only says where the next page begins."""

from __future__ import annotations

import base64
import binascii
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
    try:
        return int(base64.urlsafe_b64decode(query["cursor"].encode() + b"=="))
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            Problem("cursor", "is not a cursor", "use the next_cursor of the page before")
        ) from error


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


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")
