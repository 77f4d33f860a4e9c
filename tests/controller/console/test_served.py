from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from stages import Autonomy, Exposure
from tests.browser.story import Installation
from tests.controller.console.conftest import Visitor

PAGE = "/projects/acme/audit/served"


def told(page: str) -> str:
    """What is told of users who had something."""
    return page.split('aria-labelledby="had"')[1].split("</section>", maxsplit=1)[0]


def values(part: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", part))


def test_what_was_served_is_told_with_the_change_that_set_it(ada: Visitor, live: str) -> None:
    page = told(ada.get(f"{PAGE}?day=2026-03-02&time=09:02").text)
    assert "25% of all users" in page
    assert ">live</span>" in page
    assert values(page)["stage"] == "beta"
    assert re.fullmatch(r"r-\w+, and r-\w+ for 10% of those who had it", values(page)["release"])
    [number] = re.findall(r"audit\?seq=(\d+)", page)
    assert "shorter answers" in ada.get(f"/projects/acme/audit?seq={number}").text


def test_before_it_was_promoted_nobody_had_it(ada: Visitor, live: str) -> None:
    page = ada.get(f"{PAGE}?day=2026-03-01").text
    assert "None of them had any feature" in page
    assert 'aria-labelledby="others"' not in page  # There was no feature yet.


def test_a_day_is_told_change_by_change(house: Installation, ada: Visitor, live: str) -> None:
    house.clock.pass_(days=1)
    house.move(live, "reviewers are there", move="review")
    house.clock.pass_(hours=2)
    house.move(live, "an odd answer", move="disable")
    house.clock.pass_(days=3)
    ada.sign_in()
    page = told(ada.get(f"{PAGE}?day=2026-03-03").text)
    assert re.findall(r'class="sign \w+">.*?</svg>([^<]+)<', page) == [
        "live",
        "human review",
        "nobody had it",
    ]
    assert "an odd answer" in page
    assert "switched off" in page
    later = ada.get(f"{PAGE}?day=2026-03-04").text
    assert "None of them had any feature" in told(later)
    assert "It was in beta, and switched off." in later


def test_a_cohort_has_what_was_for_it_or_for_everybody(house: Installation, ada: Visitor, live: str) -> None:
    kept = Exposure(share=2500, cohorts=frozenset({"staff"}), autonomy=Autonomy.DRAFT)
    house.move(live, "staff alone", move="narrow", exposure=kept)
    page = f"{PAGE}?day=2026-03-02&time=09:02"
    assert "25% of the users of staff" in told(ada.get(f"{page}&cohort=staff").text)
    assert "25% of the users of staff" in told(ada.get(page).text)
    others = ada.get(f"{page}&cohort=brokers").text
    assert "None of them had any feature" in told(others)
    assert "for others: staff" in others


def test_an_instant_is_that_of_the_move_itself(house: Installation, ada: Visitor, live: str) -> None:
    house.clock.pass_(days=1)
    house.move(live, "off", move="disable")
    ada.sign_in()
    assert "None of them had any feature" in told(ada.get(f"{PAGE}?day=2026-03-03&time=09:02").text)
    assert "25% of all users" in told(ada.get(f"{PAGE}?day=2026-03-03&time=09:01").text)


def test_what_the_record_does_not_tell_is_said(house: Installation, ada: Visitor, live: str) -> None:
    with house.parts.database.write() as tx:
        damaged = (
            'UPDATE changes SET after = \'{"stage_since": "x"}\' WHERE seq = (SELECT max(seq) FROM changes)'
        )
        tx.execute(text(damaged))
    page = ada.get(f"{PAGE}?day=2026-03-02&time=09:02").text
    assert "cannot be told" in told(page)
    assert "What the record cannot tell." in page


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("day=2026-03-03", "Has not come yet."),
        ("day=2026-03-02&time=23:00", "Has not come yet."),
        ("day=soon", "is no day"),
        ("day=2026-03-02&time=noon", "is no time"),
        ("day=9999-12-31", "Has not come yet."),
    ],
)
def test_a_day_that_cannot_be_told_is_refused_beside_its_field(
    ada: Visitor, live: str, asked: str, why: str
) -> None:
    answer = ada.get(f"{PAGE}?{asked}")
    assert answer.status_code == 422
    assert why in answer.text.split('class="wrong"')[1].split("</p>")[0]


def test_without_a_day_the_page_asks_for_one(ada: Visitor, live: str) -> None:
    assert "Which day?" in ada.get(PAGE).text
    assert ada.get(f"{PAGE}?environment=nowhere").status_code == 404
