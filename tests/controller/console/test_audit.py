from __future__ import annotations

import csv
import io
import json
import re

import pytest
from sqlalchemy import event, text

from tests.browser.story import Installation
from tests.controller.console.conftest import Visitor

PAGE = "/projects/acme/audit"
SERVED = f"{PAGE}/served"
DAY = "2026-03-02"


def numbers(page: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'<li id="change-(\d+)">', page)]


def damage(house: Installation, sql: str) -> None:
    with house.parts.database.write() as tx:
        tx.execute(text(sql))


def statements(house: Installation, ada: Visitor, path: str) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(house.parts.database.engine, "before_cursor_execute", note)
    assert ada.get(path).status_code == 200
    event.remove(house.parts.database.engine, "before_cursor_execute", note)
    return len(seen)


def test_nobody_reads_verifies_or_exports_the_record_without_a_session(visitor: Visitor, live: str) -> None:
    for path in (PAGE, SERVED, f"{PAGE}/export.csv", f"{PAGE}/export.json"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.location.split("?")[0]) == (303, "/sign-in")
    assert visitor.client.post(f"{PAGE}/verify").location.startswith("/sign-in")


def test_a_form_that_is_not_of_the_session_verifies_nothing(ada: Visitor, live: str) -> None:
    assert ada.client.post(f"{PAGE}/verify").status_code == 403


def test_the_record_is_searched_by_text_feature_kind_name_and_days(
    house: Installation, ada: Visitor, live: str
) -> None:
    every = numbers(ada.get(PAGE).text)
    assert every == sorted(every, reverse=True)
    by_text = ada.get(f"{PAGE}?text=shorter+ANSWERS").text
    assert len(numbers(by_text)) == 1
    assert "shorter answers" in by_text
    assert (
        numbers(ada.get(f"{PAGE}?text=promoted").text) == numbers(ada.get(f"{PAGE}?name=promote").text) != []
    )
    assert numbers(ada.get(f"{PAGE}?feature=claims&name=introduce").text) != []
    assert numbers(ada.get(f"{PAGE}?feature=nothing").text) == []
    assert numbers(ada.get(f"{PAGE}?kind=trigger").text) == []
    assert numbers(ada.get(f"{PAGE}?since={DAY}&until={DAY}").text) == every
    assert numbers(ada.get(f"{PAGE}?since=2026-03-03").text) == []
    assert numbers(ada.get(f"{PAGE}?until=2026-03-01").text) == []
    assert numbers(ada.get(f"{PAGE}?seq=3").text) == [3]


@pytest.mark.parametrize("wild", ["%", "_", "'", '"; DROP TABLE changes', "\\", "%00", "\ud800"])
def test_a_search_takes_every_letter_as_it_is(ada: Visitor, live: str, wild: str) -> None:
    page = ada.get(PAGE, query_string={"text": wild.encode("utf-8", "replace").decode() + "zzz"})
    assert page.status_code == 200
    assert numbers(page.text) == []


def test_pages_of_the_record_follow_one_another_and_keep_what_is_asked(
    house: Installation, ada: Visitor, live: str
) -> None:
    for number in range(40):
        house.move(live, f"hold {number}", move="hold" if number % 2 == 0 else "resume")
    first = ada.get(f"{PAGE}?feature=claims").text
    older = re.search(r'href="([^"]*before=[^"]*)"', first)
    assert older
    assert "feature=claims" in older[1]
    second = ada.get(older[1].replace("&amp;", "&")).text
    assert len(numbers(first)) == 30
    assert max(numbers(second)) < min(numbers(first))
    assert ">Newest</a>" in second


def test_however_many_changes_a_page_shows_the_number_of_questions_is_the_same(
    house: Installation, ada: Visitor, live: str
) -> None:
    few = statements(house, ada, PAGE)
    for number in range(20):
        house.move(live, f"hold {number}", move="hold" if number % 2 == 0 else "resume")
    assert statements(house, ada, PAGE) == few


@pytest.mark.parametrize(
    "asked",
    [
        "since=yesterday",
        "until=2026-13-01",
        "since=2026-03-03&until=2026-03-02",
        "until=2026-03-02&zone=X",
        "seq=first",
        "seq=0",
        "seq=99999999999",
    ],
)
def test_a_day_that_is_none_is_told_beside_its_field(ada: Visitor, live: str, asked: str) -> None:
    answer = ada.get(f"{PAGE}?{asked}")
    assert answer.status_code == 422
    assert 'class="wrong"' in answer.text
    assert numbers(answer.text) == []
    assert ada.get(f"{PAGE}/export.csv?{asked}").status_code == 422


def test_a_row_opens_to_all_that_was_recorded(house: Installation, ada: Visitor, live: str) -> None:
    page = ada.get(f"{PAGE}?name=introduce&text=shorter").text
    assert '<blockquote class="told">shorter answers</blockquote>' in page
    [row] = re.findall(r'<th scope="row">candidate share</th>(.*?)</tr>', page)
    assert re.findall(r">([^<>]+)</td>", row) == ["0%", "10%"]
    assert "other values stayed" in page
    assert "<dt>revision</dt>" in page
    assert len(re.findall(r"<dt>(?:this change|the one before)</dt><dd[^>]*><code>\w{64}</code>", page)) == 2


def test_what_people_write_is_never_markup(house: Installation, ada: Visitor, live: str) -> None:
    house.move(live, "<img src=x onerror=alert(1)>", move="hold")
    for path in (PAGE, f"{PAGE}?text=<img src=x onerror=alert(1)>", f"{SERVED}?day={DAY}&cohort=<script>"):
        page = ada.get(path).text
        assert "<img src=x" not in page
        assert "<script>" not in page


def test_verifying_says_that_the_record_is_whole(house: Installation, ada: Visitor, live: str) -> None:
    answer = ada.post(f"{PAGE}/verify", _form=PAGE)
    assert answer.status_code == 200
    assert f"All {max(numbers(ada.get(PAGE).text))} changes were hashed anew" in answer.text


def test_verifying_names_the_first_bad_row(house: Installation, ada: Visitor, live: str) -> None:
    damage(house, "UPDATE changes SET reason = 'nothing happened' WHERE seq IN (5, 7)")
    answer = ada.post(f"{PAGE}/verify", _form=PAGE).text
    assert "change 5 is the first that is not as it was written" in answer
    assert "Its content is not what was recorded." in answer
    assert f'href="{PAGE}?seq=5"' in answer


def test_a_damaged_row_is_shown_as_damaged_and_exported_as_it_stands(
    house: Installation, ada: Visitor, live: str
) -> None:
    damage(house, "UPDATE changes SET after = '{\"stage\": ', at = 'then' WHERE seq = 5")
    page = ada.get(PAGE)
    assert page.status_code == 200
    assert "Its content cannot be read" in page.text
    rows = json.loads(ada.get(f"{PAGE}/export.json").text)
    assert next(row["after"] for row in rows if row["seq"] == 5) == 'unreadable: {"stage": '
    assert ada.get(f"{PAGE}/export.csv").status_code == 200


def test_the_filtered_record_is_taken_along_as_json(ada: Visitor, live: str) -> None:
    answer = ada.get(f"{PAGE}/export.json?name=introduce")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="headgate-acme-audit-')
    rows = json.loads(answer.text)
    assert [row["name"] for row in rows] == ["introduce", "introduce"]
    assert rows[0]["after"]["candidate_share"] == 1000
    assert len(rows[0]["hash"]) == 64
    assert json.loads(ada.get(f"{PAGE}/export.json?feature=nothing").text) == []


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝"])
def test_no_cell_of_a_csv_is_a_formula(house: Installation, ada: Visitor, live: str, begin: str) -> None:
    house.move(live, f'{begin}HYPERLINK("http://evil.example","x"), and "more"\nlines', move="hold")
    answer = ada.get(f"{PAGE}/export.csv?name=hold")
    assert answer.mimetype == "text/csv"
    header, row = csv.reader(io.StringIO(answer.text, newline=""))
    told = dict(zip(header, row, strict=True))
    assert told["reason"] == f'\'{begin}HYPERLINK("http://evil.example","x"), and "more"\nlines'
    assert json.loads(told["after"])["mode"] == "live"


def test_more_than_a_file_may_have_is_refused_with_the_way_out(
    ada: Visitor, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.console.audit.MOST", 5)
    answer = ada.get(f"{PAGE}/export.csv")
    assert answer.status_code == 422
    assert "more than 5 changes match" in answer.text
    assert ada.get(f"{PAGE}/export.csv?seq=3").status_code == 200


def test_an_export_of_an_unknown_kind_or_project_is_not_found(ada: Visitor, live: str) -> None:
    assert ada.get(f"{PAGE}/export.xml").status_code == 404
    assert ada.get("/projects/nobody/audit/export.csv").status_code == 404
    assert ada.get("/projects/nobody/audit").status_code == 404
