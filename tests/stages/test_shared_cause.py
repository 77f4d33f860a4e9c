from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stages import Model, Suffering, control_is_beyond, control_suffers_too, find_shared_cause

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GPT, MINI = Model("openai", "gpt-4.1-2025-04-14"), Model("OpenAI", "gpt-4.1-mini-2025-04-14")
CLAUDE = Model("anthropic", "claude-sonnet-4-5-20250929")


def suffering(feature: str, model: Model = GPT, minutes: float = 0) -> Suffering:
    return Suffering(feature, NOW + timedelta(minutes=minutes), model)


MINE = suffering("claims")


def test_three_features_on_one_model_have_it_in_common() -> None:
    found = find_shared_cause(MINE, [suffering("letters", minutes=-15), suffering("search", minutes=15)])
    assert found is not None
    assert (found.provider, found.model) == ("openai", "gpt-4.1-2025-04-14")
    assert found.why == "claims, letters, search began to suffer together, all on gpt-4.1-2025-04-14"


def test_features_on_several_models_have_their_provider_in_common_however_it_is_spelled() -> None:
    found = find_shared_cause(MINE, [suffering("letters", MINI), suffering("search", MINI)])
    assert found is not None
    assert (found.provider, found.model) == ("openai", "")
    assert found.touches(GPT)
    assert found.touches(MINI)
    assert not found.touches(CLAUDE)


@pytest.mark.parametrize(
    "others",
    [
        [],
        [suffering("letters")],
        [suffering("letters"), suffering("letters"), suffering("claims")],
        [suffering("letters"), suffering("search", CLAUDE)],
        [suffering("letters"), suffering("search", minutes=16)],
        [suffering("letters"), suffering("search", Model("openai", GPT.id, host="azure"))],
    ],
)
def test_fewer_features_elsewhere_or_at_another_time_have_nothing_in_common(others: list[Suffering]) -> None:
    assert find_shared_cause(MINE, others) is None


def test_a_control_beyond_the_limit_says_that_the_candidate_is_not_to_blame() -> None:
    assert control_suffers_too(5, 20, 0.2) == "the stable release suffers too: 5 of 20 of its answers are bad"
    assert control_suffers_too(4, 20, 0.2) == ""
    assert control_suffers_too(19, 19, 0.2) == ""


def test_a_control_with_a_value_beyond_the_limit_suffers_too() -> None:
    assert control_is_beyond(3.5, 2, 20) == "the stable release suffers too: its value is 3.5, the limit 2"
    assert control_is_beyond(3.5, 2, None) != ""
    assert control_is_beyond(3.5, 2, 19) == ""
    assert control_is_beyond(2, 2, 20) == ""
    assert control_is_beyond(1, 2, 20, below=True) != ""
    assert control_is_beyond(3, 2, 20, below=True) == ""
