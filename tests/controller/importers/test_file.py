from __future__ import annotations

import io
import warnings
import zipfile

import pytest

from controller.importers import BadReport, ReportFile, read_report
from controller.importers.limits import MAX_DEPTH


def refusal(opened: object) -> str:
    with pytest.raises(BadReport) as caught:
        opened()  # type: ignore[operator]
    return str(caught.value)


def archive(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as members_of:
        for name, content in members.items():
            members_of.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_is_none_is_read_as_null(written: str) -> None:
    assert ReportFile(f'{{"score": {written}}}'.encode()).json().value == {"score": None}


def test_a_long_whole_number_is_no_count() -> None:
    part = ReportFile(b'{"n": 12345678901234567890}').json()["n"]
    assert "not a whole number" in refusal(part.count)
    assert part.number() == 12345678901234567890.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "a key twice"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "a key twice"),
        ('{"a": }', "line 1, column 7"),
        ("{", "not JSON"),
        ("[1] [2]", "not JSON"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "levels of nesting"),
        ("[" * 100_000, "levels of nesting"),
        ("[" + "[]," * 1_500_000 + "[]]", "more than 2000000 values"),
    ],
)
def test_json_that_cannot_be_trusted_is_refused(text: str, said: str) -> None:
    assert said in refusal(ReportFile(text.encode()).json)


def test_the_deepest_document_allowed_is_read() -> None:
    assert ReportFile(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).json().parts()


@pytest.mark.parametrize("data", [b"", b" \r\n\t", b"\x1f\x8b\x08", b"x" * 20_000_001])
def test_what_no_importer_needs_to_see_is_refused_at_once(data: bytes) -> None:
    assert refusal(lambda: ReportFile(data)).startswith("file: ")


@pytest.mark.parametrize("data", [b"\xfe{\x00}\x00", b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}'])
def test_what_is_not_utf8_is_refused(data: bytes) -> None:
    assert "not UTF-8" in refusal(ReportFile(data).json)


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ('{"results": {"stats": {}}}'.encode("utf-16"), "", "is UTF-16 text"),
        (b"\x89PNG\r\n\x1a\n", "", "is not UTF-8 text: see byte 0"),
        (b'{"results": {"stats": {', "", "is not JSON: expecting property name"),
        (
            b'{\n "format": "headgate-evaluation/1",\n "metrics": [',
            "",
            "is not JSON: expecting value at line 3",
        ),
        (b'{"format": "headgate-evaluation/1", "format": "x"}', "", "has a key twice"),
        (b"PK\x03\x04 and no more", "", "is a damaged zip archive"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite/>", "", "has a document type"),
        (b"<testcase", "", "is not XML"),
        (b"case,metric,metric\n1,2,3\n", "cases.csv", "has no header with a name of its own"),
        (b"case,metric,metric\n1,2,3\n", "", "is of none of these"),
        (b'{"spec": 1}\n{"other"', "", "is of none of these"),
        (archive(header=b"{}"), "", "is of none of these"),
        (b"[1, 2]", "", "is of none of these"),
        (b"<html></html>", "", "is of none of these"),
        (b"a,b\n1,2\n", "cases.csv", "is of none of these"),
    ],
)
def test_a_file_that_no_importer_recognises_is_told_what_is_wrong_with_it(
    data: bytes, name: str, said: str
) -> None:
    assert said in refusal(lambda: read_report(data, name))


def test_lines_are_read_one_by_one() -> None:
    lines = ReportFile('{"a": "\u2028"}\r\n\n{"a": 2}'.encode()).json_lines()
    assert [part["a"].value for part in lines.parts] == ["\u2028", 2]
    assert [part["a"].place for part in lines.parts] == ["line 1.a", "line 3.a"]
    assert not lines.torn


def test_a_last_line_that_broke_off_is_told() -> None:
    lines = ReportFile(b'{"a": 1}\n{"a": ').json_lines()
    assert lines.torn
    assert len(lines.parts) == 1


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": \n{"a": 3}', '{"a": 1}\n{"a": \n'])
def test_a_damaged_line_is_refused_by_its_number(text: str) -> None:
    assert refusal(ReportFile(text.encode()).json_lines).startswith("line 2: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,a\n1,2\n", "name of its own"),
        ("a,b\n1\n", "row 1 has 1 fields, not 2"),
        ('a,b\n"1,2\n', "not CSV"),
        ('a,b\n"1"2,3\n', "not CSV"),
        ("a,b\n1,2", "breaks off"),
        ("a,b\n" + "x" * 200_000 + ",1\n", "not CSV"),
        ("a,b\n" + "1,2\n" * 200_001, "more than 200000 rows"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, said: str) -> None:
    assert said in refusal(ReportFile(text.encode()).csv)


def test_fields_may_hold_commas_quotes_and_lines() -> None:
    table = ReportFile(b'a,b\n"1,\n2","say ""hi"""\n').csv()
    assert table.rows[0].fields == {"a": "1,\n2", "b": 'say "hi"'}


def test_members_of_an_archive_are_read_by_name() -> None:
    opened = ReportFile(archive(header=b"{}", sample=b"x" * 1000)).archive()
    assert opened.names == ("header", "sample")
    assert "header" in opened
    assert opened.read("sample") == b"x" * 1000
    assert "is not in the archive" in refusal(lambda: opened.read("other"))


def test_a_member_that_unpacks_to_far_more_is_refused() -> None:
    bomb = ReportFile(archive(header=b"\0" * 50_000_000)).archive()
    assert refusal(lambda: bomb.read("header")) == "header: unpacks to more than is allowed"


def test_many_members_share_one_limit() -> None:
    members = {f"m{at}": b"\0" * 1_000_000 for at in range(70)}
    opened = ReportFile(archive(**members)).archive()
    for at in range(64):
        opened.read(f"m{at}")
    assert "more than is allowed" in refusal(lambda: opened.read("m64"))


def test_two_members_of_one_name_are_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as members, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members.writestr("a", b"1")
        members.writestr("a", b"2")
    assert "two members of one name" in refusal(ReportFile(packed.getvalue()).archive)


@pytest.mark.parametrize(("at", "put"), [(6, b"\x01\x00"), (8, b"\x0c\x00")])
def test_a_member_that_is_encrypted_or_packed_in_another_way_is_refused(at: int, put: bytes) -> None:
    """The two fields stand in the local header of the first member and, two bytes later, in the directory."""
    data = bytearray(archive(header=b"{}"))
    directory = data.index(b"PK\x01\x02")
    data[at : at + 2] = put
    data[directory + at + 2 : directory + at + 4] = put
    said = refusal(lambda: ReportFile(bytes(data)).archive().read("header"))
    assert "is encrypted" in said or "is packed in a way" in said


@pytest.mark.parametrize("end", range(4, 110, 7))
def test_a_damaged_archive_is_refused(end: int) -> None:
    whole = archive(header=b"{}")
    assert refusal(lambda: ReportFile(whole[: min(end, len(whole) - 1)]).archive().read("header"))
