import pytest

from controller.sources.prometheus.joining import MAX_CHARACTERS, MAX_QUERIES, groups, is_joinable


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(m[5m]))",
        "m{a=\"(\",b=')]',c=`}`}",
        'm{a="\\""}',
        "m # ) not a bracket",
        "-sum(m)",
        "vector(1)",
        "time_of_day",
    ],
)
def test_an_expression_with_its_own_brackets_can_be_joined(query: str) -> None:
    assert is_joinable(query)


@pytest.mark.parametrize(
    "query",
    [
        'a), "headgate_q", "1", "", "") or label_replace((b',
        "sum(a)) + (sum(b)",
        "m[5m)",
        "sum(m",
        "m{a='b",
    ],
)
def test_an_expression_that_would_reach_into_its_neighbours_is_not_joined(query: str) -> None:
    assert not is_joinable(query)


@pytest.mark.parametrize("query", ["1", " -0.5", "scalar(m)", "time()", ".5 * 2"])
def test_a_plain_number_is_not_joined(query: str) -> None:
    assert not is_joinable(query)


def test_a_group_is_bounded_in_queries_and_in_characters() -> None:
    assert [len(group) for group in groups(["q"] * (2 * MAX_QUERIES + 1))] == [MAX_QUERIES, MAX_QUERIES, 1]
    long = "q" * (MAX_CHARACTERS // 2)
    assert [len(group) for group in groups([long, long, "q", "q"])] == [2, 2]
    assert list(groups([])) == []
