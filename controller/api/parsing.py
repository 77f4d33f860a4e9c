"""Requests are read strictly: what we do not understand, we refuse by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, TypeAlias

import flask
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from controller.errors import HeadgateError, InvalidInput, Problem
from controller.strict_json import InvalidJSON, loads

MAX_BODY_BYTES = 1_000_000
MAX_FILE_BYTES = 20_000_000
"""A report file may be larger than anything else that comes in."""


Place: TypeAlias = Schema | fields.Field[Any] | None
"""What describes a place in a body; none where nothing does."""


class UnreadableBody(HeadgateError):
    """The body is not JSON as it should be."""


class WrongMediaType(HeadgateError):
    """The body is not declared as JSON."""


class StrictParser(FlaskParser):
    """Reads JSON without NaN, infinity or repeated keys, and says field by field what is wrong."""

    # A filter that nobody knows would let everything through.
    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def _raw_load_json(self, req: flask.Request) -> Any:
        return read_json(req)

    def handle_error(
        self,
        error: ValidationError,
        req: flask.Request,  # noqa: ARG002 - the parser passes it
        schema: Schema,
        **_: object,
    ) -> NoReturn:
        """Turn marshmallow's messages into problems that carry a remedy."""
        messages = _by_field(error)
        located = (
            messages if set(messages) - {"json", "query", "headers", "form", "path"} else _unwrapped(messages)
        )
        raise InvalidInput(*_problems(located, schema))


class Blueprint(SmorestBlueprint):
    """A blueprint whose arguments are read by `StrictParser`."""

    ARGUMENTS_PARSER = StrictParser()


def read_json(req: flask.Request) -> Any:
    """The JSON body of a request.

    Raises:
        WrongMediaType: It is not declared as JSON.
        RequestEntityTooLarge: It is longer than the limit.
        UnreadableBody: It is not JSON, or JSON that means nothing or two things.
    """
    if not req.is_json:
        given = req.headers.get("Content-Type", "")
        problem = Problem("Content-Type", f"{given!r} is not JSON", "send Content-Type: application/json")
        raise WrongMediaType("not_json", "the body is not declared as JSON", problem)
    text = req.get_data(cache=True)
    if req.content_length is None and len(text) >= MAX_BODY_BYTES:
        # A body whose length nobody announced is cut off at the limit without a word.
        raise RequestEntityTooLarge
    return _strictly(text)


def read_json_file(req: flask.Request) -> Any:
    """The JSON in a file that is the body of a request, whatever the request calls it.

    Raises:
        RequestEntityTooLarge: It is more than `MAX_FILE_BYTES`.
        InvalidInput: It is empty.
        UnreadableBody: It is not JSON, or JSON that means nothing or two things.
    """
    return _strictly(read_file(req))


def _strictly(text: bytes) -> Any:
    try:
        return loads(text)
    except InvalidJSON as invalid:
        problem = Problem("body", str(invalid), "send one JSON value (RFC 8259)")
        raise UnreadableBody("invalid_json", f"the body is not valid JSON: {invalid}", problem) from invalid


def read_file(req: flask.Request) -> bytes:
    """The bytes of a file that is the body of a request.

    Raises:
        RequestEntityTooLarge: They are more than `MAX_FILE_BYTES`.
        InvalidInput: There are none.
    """
    req.max_content_length = MAX_FILE_BYTES
    data = req.get_data(cache=False)
    if req.content_length is None and len(data) >= MAX_FILE_BYTES:
        raise RequestEntityTooLarge
    if not data:
        raise InvalidInput(Problem("body", "is empty", "send the bytes of the file"))
    return data


def load(schema: Schema, content: Any) -> Any:
    """Check content by a schema outside of a view's arguments."""
    try:
        return schema.load(content)
    except ValidationError as error:
        raise InvalidInput(*_problems(_by_field(error), schema)) from error


def _by_field(error: ValidationError) -> Mapping[str, Any]:
    messages = error.messages
    return messages if isinstance(messages, dict) else {"": messages}


def _unwrapped(messages: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for content in messages.values():
        found |= content if isinstance(content, dict) else {"": content}
    return found


def _problems(messages: Mapping[Any, Any], where: Place, path: str = "") -> Iterator[Problem]:
    for name, content in messages.items():
        # What is wrong with an object as a whole is told of the object, not of a field of that name.
        field = ".".join(part for part in (path, "" if name == "_schema" else str(name)) if part)
        told = _of_entry(content) if isinstance(where, fields.Dict) else content
        if isinstance(told, dict):
            yield from _problems(told, _inside(where, name), field)
        else:
            for message in told if isinstance(told, list) else [told]:
                yield Problem(field or "body", str(message), _remedy(str(message), where))


def _of_entry(content: Any) -> Any:
    """What is wrong with an entry of a mapping, whether with its name or with its value."""
    if not isinstance(content, dict):
        return content
    return content["value"] if "value" in content else content.get("key", content)


def _inside(where: Place, name: object) -> Place:
    """What stands under a name, so that what is told of its parts is about them."""
    if isinstance(where, Schema) and isinstance(name, str):
        found = next(
            (each for own, each in where.load_fields.items() if name == (each.data_key or own)), None
        )
    elif isinstance(where, fields.List):
        found = where.inner
    elif isinstance(where, fields.Dict):
        found = where.value_field
    else:
        return where if isinstance(name, int) else None
    return found.schema if isinstance(found, fields.Nested) else found


def _remedy(message: str, where: Place) -> str:
    if message == "Unknown field.":
        known = where.load_fields.items() if isinstance(where, Schema) else ()
        names = sorted(field.data_key or name for name, field in known)
        return f"leave it out; known here are {', '.join(names)}" if names else "leave it out"
    begun = (remedy for beginning, remedy in _REMEDIES_BY_BEGINNING.items() if message.startswith(beginning))
    return _REMEDIES.get(message) or next(begun, AS_IT_SAYS)


AS_IT_SAYS = "send what the message asks for"
"""The remedy where the message names it already."""
_REMEDIES = {
    "Missing data for required field.": "add it",
    "Field may not be null.": "give a value or leave it out",
    "Not a valid integer.": "send a whole number",
    "Not a valid number.": "send a number",
    "Not a valid string.": "send a text in quotes",
    "Not a valid boolean.": "send true or false",
    "Not a valid list.": "send a list",
    "Not a valid datetime.": "send a time with its zone, such as 2026-01-31T12:00:00Z",
    "Control characters are not allowed.": "leave out what cannot be seen; line breaks and tabs may stay",
    "Not a valid mapping type.": "send an object",
    "Invalid input type.": "send an object",
    "Not a valid aware datetime.": "send a time with its zone, such as 2026-01-31T12:00:00Z",
    "Special numeric values (nan or infinity) are not permitted.": "send a finite number",
}
_REMEDIES_BY_BEGINNING = {
    "Length must be": "keep to that length",
    "Longer than": "shorten it",
    "Shorter than": "give more",
    "Must be one of": "choose one of them",
    "Must be greater": "send a number within these bounds",
    "Must be less": "send a number within these bounds",
    "A key has": "write it like reply-drafts",
}
