from __future__ import annotations

import re

import pytest
from sqlalchemy import event, text

from controller.console.words import percent
from controller.rollouts import Where
from controller.settings import Role
from tests.browser.story import ADA, BEN, PROJECT, Installation
from tests.controller.console.conftest import Visitor, let_it_fire

PULSE = "/live"
FEATURE = "/projects/acme/environments/production/features/claims"
NASTY = """<script>alert("x")</script>'"><img src=x onerror=alert(1)>"""


def corrupt(house: Installation, statement: str) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text(statement))


def card(page: str, key: str) -> str:
    return page.split(f'id="{key}"')[1].split("</article>", maxsplit=1)[0]


def test_without_a_project_the_page_leads_to_the_first_run(ada: Visitor) -> None:
    page = ada.get("/").text
    assert "Welcome to Headgate" in page
    assert 'href="/first-run"' in page
    assert 'href="/docs/"' in page


def test_without_an_environment_the_page_leads_to_where_one_is_made(
    house: Installation, ada: Visitor
) -> None:
    house.parts.catalog.make_project("acme", "Acme", "", ADA)
    page = ada.get("/").text
    assert "Acme has no environment yet" in page
    assert 'href="/first-run?project=acme"' in page


def test_without_a_feature_the_page_leads_to_where_one_is_made(house: Installation, ada: Visitor) -> None:
    house.project()
    page = ada.get("/").text
    assert "No feature in Acme Insurance yet" in page
    assert 'href="/first-run?project=acme&amp;environment=production"' in page


def test_the_first_project_with_features_and_its_protected_environment_are_shown(
    house: Installation, ada: Visitor
) -> None:
    house.project("aaa", "Empty")
    house.project()
    house.feature("claims", "Claims", "x", "T1")
    page = ada.get("/").text
    assert "<title>Acme Insurance / Production · Headgate</title>" in page
    assert 'href="/?project=aaa&amp;environment=staging"' in page


@pytest.mark.parametrize("query", ["project=nobody", "project=acme&environment=nowhere"])
def test_what_does_not_exist_is_said_in_a_page(ada: Visitor, live: str, query: str) -> None:
    answer = ada.get(f"/?{query}")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_a_card_tells_where_the_feature_stands(ada: Visitor, live: str) -> None:
    shown = card(ada.board(), live)
    for told in (
        "Claims assistant",
        "Claims team",
        "T1",
        "live",
        percent(2500),
        "In beta since today",
        "1 trigger",
        "quiet",
    ):
        assert told in shown
    assert '<rect class="fill" width="25.0"' in shown
    assert '<rect class="trial" width="2.5"' in shown


def test_a_card_tells_what_stands_before_the_next_stage(house: Installation, ada: Visitor, live: str) -> None:
    shown = card(ada.board(), live)
    assert 'title="Before pilot"' in shown
    assert "A candidate release is being tried" in shown
    house.move(live, "it is better", move="adopt")
    assert "The feature has been in beta for too short a time" in card(ada.board(), live)


def test_a_quiet_trigger_is_told_with_its_sentence_and_arming(ada: Visitor, live: str) -> None:
    shown = ada.get(FEATURE).text
    assert "quiet" in shown
    assert "0 of 100" in shown
    assert "does what its ladder says" in shown


def test_a_firing_trigger_is_told_in_the_strip_and_on_the_card(
    house: Installation, ada: Visitor, live: str
) -> None:
    let_it_fire(house)
    page = ada.board()
    strip = page.split('id="attention"')[1].split("</section>")[0]
    assert '<b class="alarm">firing</b>' in strip
    assert "60 of" in strip
    assert f"/acknowledge/acme/production/{live}/unsupported" in strip
    assert "Done: send to human review." in strip
    assert "firing" in card(page, live)
    assert "human review" in card(page, live)


def test_a_trigger_that_was_never_evaluated_says_so_and_one_that_is_overdue_alarms(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.trigger(live, "fresh", "error", 0.5)
    assert "no evaluation yet" in card(ada.board(), live)
    house.clock.pass_(minutes=10)
    page = ada.board()
    assert "overdue" in card(page, live)
    assert "evaluations are late" in page
    assert "No trigger can stop anything until that is mended" in page


def test_a_scheduler_that_stands_still_is_an_alarm(house: Installation, ada: Visitor, live: str) -> None:
    house.parts.ticks._beat -= 3600
    assert "not evaluating" in ada.board()


def test_a_process_that_does_not_evaluate_does_not_pretend_to(
    house: Installation, ada: Visitor, live: str
) -> None:
    object.__setattr__(house.parts.settings, "role", Role.WEB)
    house.parts.ticks._beat -= 3600
    page = ada.board()
    assert "evaluated by workers" in page
    assert "not evaluating" not in page


@pytest.mark.parametrize("damage", ["params = '['", "verdict = 'maybe'", "ladder = '[1]'"])
def test_a_trigger_that_cannot_be_read_is_an_alarm_on_its_card_only(
    house: Installation, ada: Visitor, live: str, damage: str
) -> None:
    house.feature("other", "Other", "x", "T1")
    corrupt(house, f"UPDATE triggers SET {damage}")
    page = ada.board()
    assert "set aside" in card(page, live)
    assert "set aside" not in card(page, "other")
    house.clock.pass_(minutes=2)
    house.tick()
    assert "cannot be read" in ada.board().split('id="attention"')[1].split("</section>")[0]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rollouts SET exposure = '{' WHERE stage = 'beta'",
        "UPDATE rollouts SET mode = 'sideways' WHERE stage = 'beta'",
        "UPDATE rollouts SET holds = '7' WHERE stage = 'beta'",
    ],
)
def test_a_rollout_that_cannot_be_read_harms_no_other(
    house: Installation, ada: Visitor, live: str, damage: str
) -> None:
    house.feature("other", "Other", "x", "T1")
    corrupt(house, damage)
    page = ada.board()
    assert "Cannot be read, and is served as off" in card(page, live)
    assert "Other" in card(page, "other")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE changes SET before = '{', after = '['",
        'UPDATE changes SET after = \'{"exposure": {"share": "x"}}\', before = \'{"a": 1}\'',
        "UPDATE changes SET actor_kind = 'ghost'",
        "UPDATE triggers SET evaluated_at = 'yesterday'",
    ],
)
def test_what_cannot_be_read_of_the_past_does_not_hide_the_present(
    house: Installation, ada: Visitor, live: str, damage: str
) -> None:
    corrupt(house, damage)
    assert "Claims assistant" in card(ada.board(), live)


def test_last_changes_tell_what_moved_by_whom_and_why(house: Installation, ada: Visitor, live: str) -> None:
    let_it_fire(house)
    changes = ada.board().split('id="changes-list"')[1]
    first = changes.split("</li>")[0]
    for told in ("sent to human review", "live", "human review", 'title="trigger"', "unsupported", "60 of"):
        assert told in first
    assert "promoted" in changes
    assert "2026-03-02 09:03:00 UTC" in first


def test_changes_of_another_environment_are_left_out(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "only in staging", where="staging", move="hold")
    assert "only in staging" not in ada.board()
    assert "only in staging" in ada.get("/?project=acme&environment=staging").text


def test_a_stopped_feature_is_told_with_its_reason(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "it answers what nobody asks", move="stop")
    ended = ada.board().split('id="stage-stopped"')[1].split("</section>")[0]
    assert "Claims assistant" in ended
    assert "it answers what nobody asks" in ended


def test_whatever_people_write_is_shown_as_text(house: Installation, ada: Visitor) -> None:
    house.project(PROJECT, NASTY)
    house.feature("claims", NASTY, NASTY, "T1", fallback=NASTY)
    house.move("claims", NASTY, move="hold")
    house.feature("gone", NASTY, NASTY, "T1")
    house.move("gone", NASTY, move="stop")
    corrupt(house, "UPDATE rollouts SET stage = 'beta', mode = 'live' WHERE id = 1")
    paths = (
        "/",
        "/?project=acme&environment=staging",
        PULSE,
        FEATURE,
        "/stop/acme/staging/claims",
        f"/?project={NASTY}",
    )
    pages = [ada.get(path).text for path in paths]
    pages.append(ada.post("/stop/acme/staging/claims", reason=NASTY, choice=NASTY).text)
    pages.append(Visitor(house).sign_in(NASTY, "x", next=NASTY).text)
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert sum("&lt;script&gt;" in page for page in pages) >= 5


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/password", "/stop/acme/production/claims", "/?project=nobody"]
)
def test_no_page_has_inline_style_or_script(ada: Visitor, live: str, path: str) -> None:
    page = ada.get(path).text
    assert " style=" not in page
    assert "<style" not in page
    assert "<script>" not in page
    assert " onclick=" not in page


def test_the_pulse_is_another_one_only_when_something_changed(
    house: Installation, ada: Visitor, live: str
) -> None:
    first = ada.get(PULSE).text
    house.clock.pass_(seconds=5)
    assert ada.get(PULSE).text == first
    house.move(live, "look at this", move="review")
    changed = ada.get(PULSE).text
    assert changed != first
    let_it_fire(house)
    assert ada.get(PULSE).text != changed


def test_the_page_knows_the_pulse_it_was_rendered_from(ada: Visitor, live: str) -> None:
    assert f'data-live="{PULSE}" data-seen="{ada.get(PULSE).text}"' in ada.board()


def test_looking_changes_nothing(house: Installation, ada: Visitor, live: str) -> None:
    def everything() -> list[object]:
        with house.parts.database.read() as tx:
            return [
                tuple(tx.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all())
                for table in ("rollouts", "changes", "triggers", "sessions", "environments")
            ]

    before = everything()
    for path in (
        "/",
        PULSE,
        FEATURE,
        "/password",
        "/stop/acme/production/claims",
        "/resume/acme/production/claims",
    ):
        assert ada.get(path).status_code == 200
    assert everything() == before


def test_the_board_asks_the_database_as_often_for_many_features_as_for_one(
    house: Installation, ada: Visitor, live: str
) -> None:
    asked: list[str] = []
    counted: list[int] = []

    @event.listens_for(house.parts.database.engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_rest) -> None:
        asked.append(statement)

    for number in range(12):
        house.feature(f"more-{number}", f"More {number}", "x", "T2")
        house.move(f"more-{number}", "x", move="stop" if number % 2 else "hold")
        if number in (1, 11):
            asked.clear()
            ada.board()
            counted.append(len(asked))
    assert counted[0] == counted[1]


def test_search_and_filter_are_in_the_address(house: Installation, ada: Visitor, live: str) -> None:
    house.feature("letters", "Letter 100% drafts", "Correspondence", "T2")

    def shown(query: str) -> set[str]:
        page = ada.get(f"/?project=acme&environment=production&{query}").text
        return set(re.findall(r'<article class="card[^"]*" id="([^"]+)"', page))

    assert shown("text=CORRESP") == {"letters"}
    assert shown("text=100%25") == {"letters"}
    assert shown("text=%25") == {"letters"}
    assert shown("tier=T1") == {live}
    assert shown("mode=off") == {"letters"}
    assert shown("stage=beta") == {live}
    assert shown("troubled=1") == set()
    let_it_fire(house)
    assert shown("troubled=1") == {live}
    assert shown("tier=nonsense&skip=x&stage=y") == {"letters", live}


def test_a_column_shows_its_first_cards_and_leads_to_the_rest(house: Installation, ada: Visitor) -> None:
    house.project()
    for number in range(10):
        house.feature(f"f{number}", f"Feature {number}", "x", "T1")
    page = ada.board()
    assert page.count("<article") == 6
    assert 'href="/?project=acme&amp;environment=production&amp;stage=readiness"' in page
    assert ada.get("/?project=acme&environment=production&stage=readiness").text.count("<article") == 10
    assert ada.get("/?project=acme&environment=production&stage=readiness&skip=9").text.count("<article") == 1


def test_a_looser_trigger_waits_for_somebody_else_than_who_proposed_it(
    house: Installation, ada: Visitor, live: str
) -> None:
    where = Where(PROJECT, "production", live)
    for actor in (ADA, BEN):
        house.parts.trigger_reviews.propose(where, "unsupported", None, actor, "not needed")
        strip = ada.board().partition('id="attention"')[2].partition("</section>")[0]
        assert ("wants to loosen unsupported" in strip) is (actor is not ADA)
