"""The simulated traffic."""

from __future__ import annotations

import itertools

from examples.support_assistant.customers import QUESTIONS, one_round, people, visits


def test_a_round_holds_every_person_and_question_once() -> None:
    customers_and_staff = one_round(seed=3)
    assert len(customers_and_staff) == len(set(customers_and_staff)) == (32 + 8 + 8) * len(QUESTIONS)


def test_only_staff_draft_replies() -> None:
    drafts = [visit for visit in one_round() if visit.feature.key == "reply-drafts"]
    assert drafts
    assert all("staff" in visit.person.cohorts for visit in drafts)


def test_visits_repeat_the_round_of_their_seed() -> None:
    size = len(one_round(5))
    first = tuple(itertools.islice(visits(5), 2 * size))
    assert first == one_round(5) * 2


def test_another_seed_is_another_order_of_the_same_visits() -> None:
    assert one_round(1) != one_round(2)
    assert set(one_round(1)) == set(one_round(2))


def test_more_people_keep_the_ids_of_those_who_were_there() -> None:
    assert {person.id for person in people(10, 2)} < {person.id for person in people(500, 20)}
