"""Checks of the claims assistant's answers: some pass, one fails, one breaks, one is left out."""

import pytest

ANSWERS = {
    "Is water damage covered?": "Yes, under section 4. [policy:4]",
    "What is the excess?": "The excess is 250 euros. [policy:7]",
    "Does it cover meteorites?": "Probably.",
}


@pytest.fixture
def index():
    raise ConnectionError("the index did not answer")


@pytest.mark.parametrize("question", ANSWERS)
def test_answers_cite_the_policy(question, record_property):
    record_property("layer", "happy_path")
    assert "[policy:" in ANSWERS[question]


def test_card_numbers_are_kept(record_property):
    record_property("layer", "safety")


def test_the_index_is_fresh(index, record_property):
    pass


@pytest.mark.skip(reason="no human at hand")
def test_a_human_agrees():
    pass
