from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import QUESTIONS, Answer, Fact, Gate, Missed, Question, Reply, Requirement, Standing, answer

QUESTION = Question(key="rollback", text="Is it settled what takes it back?", about=("drill", "runbook"))
SO, NOT_SO = Fact("a trigger may take it back", holds=True), Fact("no trigger may", holds=False)


def standing(result: Answer, key: str = "drill", missed: Missed = Missed.BLOCK) -> Standing:
    need = Requirement(key=key, gate=Gate.OPERATIONS, title=key, missed=missed)
    return Standing(requirement=need, answer=result)


def test_there_are_eight_questions_each_about_something() -> None:
    assert len({question.key for question in QUESTIONS}) == len(QUESTIONS) == 8
    assert all(question.about and question.text.endswith("?") for question in QUESTIONS)


def test_no_requirement_answers_a_question_twice() -> None:
    assert all(len(set(question.about)) == len(question.about) for question in QUESTIONS)


@pytest.mark.parametrize("result", [Answer.MET, Answer.WAIVED])
def test_yes_rests_on_what_holds(result: Answer) -> None:
    answered = answer(QUESTION, [standing(result), standing(Answer.MISSING, "another")], [SO])
    assert (answered.reply, len(answered.standings), answered.facts) == (Reply.YES, 1, (SO,))


@pytest.mark.parametrize("result", [Answer.STALE, Answer.EXPIRED])
def test_what_was_true_once_is_stale(result: Answer) -> None:
    assert answer(QUESTION, [standing(result), standing(Answer.MET, "runbook")], [SO]).reply is Reply.STALE


@pytest.mark.parametrize("result", [Answer.MISSING, Answer.UNCHECKED, Answer.INSUFFICIENT, Answer.FAILED])
def test_one_thing_that_is_not_shown_makes_it_no(result: Answer) -> None:
    known = [standing(result), standing(Answer.STALE, "runbook")]
    assert answer(QUESTION, known).reply is Reply.NO


def test_a_fact_that_does_not_hold_makes_it_no() -> None:
    assert answer(QUESTION, [standing(Answer.MET)], [SO, NOT_SO]).reply is Reply.NO
    assert answer(QUESTION, [standing(Answer.STALE)], [NOT_SO]).reply is Reply.NO


def test_facts_alone_may_answer_and_nothing_at_all_is_no() -> None:
    assert answer(QUESTION, [], [SO]).reply is Reply.YES
    assert answer(QUESTION, [standing(Answer.MET, "another")]).reply is Reply.NO


def test_what_the_stage_only_reminds_of_is_not_taken_for_shown() -> None:
    reminder = standing(Answer.MISSING, "runbook", Missed.REMIND)
    assert answer(QUESTION, [standing(Answer.MET), reminder], [SO]).reply is Reply.NO
    assert answer(QUESTION, [standing(Answer.STALE, "runbook", Missed.REMIND)]).reply is Reply.STALE


@given(st.lists(st.sampled_from(Answer)), st.lists(st.sampled_from([SO, NOT_SO])))
def test_yes_is_never_said_while_anything_is_open(results: list[Answer], facts: list[Fact]) -> None:
    answered = answer(QUESTION, [standing(result) for result in results], facts)
    all_hold = all(each.holds for each in answered.standings) and all(fact.holds for fact in facts)
    assert (answered.reply is Reply.YES) == (all_hold and bool(results or facts))
