from __future__ import annotations

import pytest

from triggers import WATCHED_FIRST_S, unproven


@pytest.mark.parametrize(
    ("watched_s", "evaluations", "telling", "why"),
    [
        (WATCHED_FIRST_S - 1, 100, 100, "it has watched for 23 h of 24 h under this rule"),
        (WATCHED_FIRST_S, 100, 49, "only 49 of 100 evaluations could tell good from bad"),
        (WATCHED_FIRST_S, 0, 0, "only 0 of 0 evaluations could tell good from bad"),
        (WATCHED_FIRST_S, 100, 50, ""),
    ],
)
def test_a_record_says_something_after_a_day_of_which_half_could_tell(
    watched_s: float, evaluations: int, telling: int, why: str
) -> None:
    assert unproven(watched_s, evaluations, telling) == why
