"""A body that is not JSON as it should be is refused before anything of it is believed."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from controller.api.parsing import MAX_BODY_BYTES
from tests.controller.api.world import FEATURES, MOVES, TRIGGERS, World, nothing_came_of_it, refusal

DEEP = b'{"x":' * 100 + b"1" + b"}" * 100

BODIES = {
    "nothing": b"",
    "a space": b" ",
    "half of it": b'{"move": "disable"',
    "NaN": b'{"move": "disable", "share": NaN}',
    "infinity": b'{"move": "disable", "share": -Infinity}',
    "too large a number": b'{"move": "disable", "share": 1e999}',
    "a huge whole number": b'{"move": "disable", "share": ' + b"9" * 5000 + b"}",
    "a key twice": b'{"move": "disable", "move": "hold", "reason": "x"}',
    "a key twice, once escaped": b'{"move": "disable", "\\u006dove": "hold", "reason": "x"}',
    "deep nesting": DEEP,
    "very deep nesting": b"[" * 200_000,
    "no UTF-8": b'{"move": "disable", "reason": "\xff"}',
    "half of a surrogate pair": b'{"move": "disable", "reason": "\\ud800"}',
    "UTF-16": '{"move": "disable", "reason": "x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"move": "disable", "reason": "x"}',
    "two values": b'{"move": "disable", "reason": "x"} {}',
    "a comment": b'{"move": "disable" /* now */, "reason": "x"}',
    "single quotes": b"{'move': 'disable', 'reason': 'x'}",
    "a form": b"move=disable&reason=x",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize(
    "path",
    [MOVES, FEATURES, TRIGGERS, "/sdk/v1/outcomes", "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/x"],
)
def test_a_body_that_is_not_json_as_the_standard_has_it_is_refused(
    still: World, path: str, body: bytes
) -> None:
    found = nothing_came_of_it(still, "POST", path, data=body, content_type="application/json")
    assert found == (400, "invalid_json", ["body"])


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
@pytest.mark.parametrize("path", [MOVES, "/sdk/v1/outcomes", "/ofrep/v1/evaluate/flags"])
def test_a_body_that_is_not_declared_as_json_is_refused(still: World, path: str, media_type: str) -> None:
    body = json.dumps({"move": "disable", "reason": "x"})
    found = nothing_came_of_it(still, "POST", path, data=body, headers={"Content-Type": media_type})
    assert found == (415, "not_json", ["Content-Type"])


@pytest.mark.parametrize("path", [MOVES, FEATURES, "/sdk/v1/outcomes", "/ofrep/v1/evaluate/flags"])
def test_a_body_above_the_limit_is_refused_whether_its_length_is_announced_or_not(
    still: World, path: str
) -> None:
    body = b'{"reason": "' + b"x" * MAX_BODY_BYTES + b'"}'
    announced = {"data": body, "content_type": "application/json"}
    chunked = {
        "input_stream": io.BytesIO(body),
        "content_type": "application/json",
        "environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    }
    for kwargs in (announced, chunked):
        assert nothing_came_of_it(still, "POST", path, **kwargs) == (413, "body_too_large", ["body"])


@pytest.mark.parametrize("content", [[], "text", 1, True, [{"move": "disable"}]])
def test_a_body_that_is_not_an_object_is_refused_as_a_whole(still: World, content: Any) -> None:
    for path in (MOVES, FEATURES, TRIGGERS, "/sdk/v1/outcomes"):
        assert nothing_came_of_it(still, "POST", path, json=content) == (422, "invalid_field", ["body"])


@pytest.mark.parametrize(
    "context",
    [[], "text", 0, False, "", 1.5, {"targetingKey": 1}, {"targetingKey": None}, {"targetingKey": []}],
)
def test_an_evaluation_context_that_is_none_is_refused_in_the_words_of_both_protocols(
    still: World, context: Any
) -> None:
    for path in ("/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/claims-assistant"):
        answer = still.ask("POST", path, json={"context": context})
        status, code, fields = refusal(answer)
        assert (status, code) == (400, "invalid_context")
        assert fields[0].startswith("context")
        assert answer.get_json()["errorCode"] == "INVALID_CONTEXT"
