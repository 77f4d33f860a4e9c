"""OFREP answers of a snapshot: encoded once, whole, and for clients only what clients may see."""

from __future__ import annotations

import json
from typing import Any

from controller.delivery.answers import Answers
from tests.controller.delivery.test_served import snapshot


def flag(variants: dict[str, Any], default: str | None, **more: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": variants, "defaultVariant": default, **more}


FLAGS = {
    "ratio": flag({"low": 10, "high": 2.5}, "low"),
    "count": flag({"few": 10, "many": 20}, "few"),
    "seen": flag({"on": True}, "on", metadata={"client_visible": True, "broken": "column x", "team": "a"}),
    "nearly": flag({"on": True}, "on", metadata={"client_visible": "true"}),
    "nothing": flag({"on": True}, None),
    "off": flag({"on": True}, "on", state="DISABLED"),
    "mad": flag({"on": True}, "on", targeting={"cat": ["x", {"var": "who"}]}),
}


def answers(*, only_visible: bool = False) -> Answers:
    return Answers(snapshot(3, FLAGS), only_visible=only_visible)


def content(mine: Answers, key: str, **context: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mine.encoded(key, mine.evaluate(key, context)).body)
    return found


def test_a_number_that_may_have_a_fraction_always_has_its_point() -> None:
    mine = answers()
    assert b'"value":10.0' in mine.encoded("ratio", mine.evaluate("ratio", {})).body
    assert b'"value":10}' in mine.encoded("count", mine.evaluate("count", {})).body


def test_every_answer_has_a_variant_and_metadata_and_no_value_where_the_callers_applies() -> None:
    for key, reason in (("nothing", "DEFAULT"), ("off", "DISABLED")):
        found = content(answers(), key)
        assert (found["variant"], found["reason"], found["metadata"]) == (None, reason, {"revision": 3})
        assert "value" not in found


def test_an_answer_is_encoded_once_and_an_error_every_time() -> None:
    mine = answers()
    first = mine.encoded("count", mine.evaluate("count", {"who": 1}))
    assert mine.encoded("count", mine.evaluate("count", {"who": 2})) is first
    for number in range(50):
        assert content(mine, "mad", who=number)["errorCode"] == "GENERAL"
    assert not mine._made["mad"]


def test_clients_see_flags_that_are_marked_for_them_and_nothing_of_operators() -> None:
    mine = answers(only_visible=True)
    assert [json.loads(one.body)["key"] for one in mine.all({})] == ["seen"]
    assert [key for key in FLAGS if key in mine] == ["seen"]
    assert content(mine, "seen")["metadata"] == {"revision": 3, "client_visible": True, "team": "a"}
    assert content(answers(), "seen")["metadata"]["broken"] == "column x"


def test_different_answers_have_different_digests() -> None:
    given = answers().all({})
    assert len({one.digest for one in given}) == len(given) == len(FLAGS)
