from __future__ import annotations

from datetime import timedelta

import pytest

from controller.console.words import about, change_word, duration, duration_of, holder, percent, sentence, who


@pytest.mark.parametrize(("share", "text"), [(0, "0%"), (1, "0.01%"), (250, "2.5%"), (10_000, "100%")])
def test_a_share_is_told_as_a_percentage(share: int, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (900, "15 min"), (7200, "2 h"), (86_400, "1 day"), (172_800, "2 days")],
)
def test_a_time_is_told_in_its_largest_whole_unit(seconds: int, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("the trigger fires", "The trigger fires."),
        ("r-7f3a12ab34cd is bad", "r-7f3a12ab34cd is bad."),
        ("35 of 336", "35 of 336."),
        ("Done.", "Done."),
        ("", ""),
    ],
)
def test_a_text_becomes_a_sentence_and_names_stay_as_they_are(text: str, told: str) -> None:
    assert sentence(text) == told


def test_actors_and_holders_are_told_without_their_kind() -> None:
    assert [who(name) for name in ("user:ada@x", "key:ci", "trigger:slow", "headgate")] == [
        "ada@x",
        "API key ci",
        "slow",
        "headgate",
    ]
    assert [holder(name) for name in ("person", "trigger:slow", "audit")] == [
        "a person",
        "trigger slow",
        "audit",
    ]


def test_a_change_nobody_has_words_for_is_told_by_its_name() -> None:
    assert change_word("something.new") == "something.new"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"),
        (-1, "0"),
        (0.5, "0.5"),
        (1.04, "1"),
        (12.4, "12"),
        (99.6, "100"),
        (1203, "1,200"),
        (43_078, "43,000"),
    ],
)
def test_what_is_roughly_known_is_told_with_two_digits(number: float, told: str) -> None:
    assert about(number) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "at once"),
        (0.084, "84 ms"),
        (12.4, "12 s"),
        (185, "3 min 5 s"),
        (180, "3 min"),
        (7800, "2 h 10 min"),
        (259_200, "3 days"),
    ],
)
def test_a_measured_time_is_told_as_finely_as_it_matters(seconds: float, told: str) -> None:
    assert duration_of(timedelta(seconds=seconds)) == told
