from __future__ import annotations

import pytest

from controller.json_path import JSONPath
from controller.registries.json_path import value_at, version_at
from controller.registries.registry import Nonsense

PATH = JSONPath("read.path", "$.a")


@pytest.mark.parametrize(("answer", "version"), [({"a": 7}, "7"), ({"a": "v3"}, "v3")])
def test_a_path_leads_to_one_version(answer: object, version: str) -> None:
    assert version_at(PATH, answer) == version


@pytest.mark.parametrize("answer", [{"a": None}, {"a": True}, {"a": 1.0}, {"a": ""}, {"a": []}, {"a": {}}])
def test_a_version_is_a_text_or_a_whole_number(answer: object) -> None:
    with pytest.raises(Nonsense, match="neither a text nor a whole number"):
        version_at(PATH, answer)


def test_an_answer_without_the_value_is_nonsense() -> None:
    with pytest.raises(Nonsense, match=r"read\.path leads to no value"):
        value_at(PATH, {"b": 1})
