"""A file that somebody handed in: bytes of unknown intent, opened within limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from controller.importers import csv_text, json_text, xml_text
from controller.importers.archive import Archive
from controller.importers.bad_report import AS_WRITTEN, BadReport
from controller.importers.limits import MAX_CASES, MAX_FILE_BYTES, MAX_VALUES
from controller.importers.part import Part

__all__ = ["BadReport", "Lines", "ReportFile"]

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LONGEST_FIRST_LINE = 1_000_000

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a JSON Lines file.

    ``torn``: the last line broke off, so whoever wrote it was stopped; it is left out.
    """

    parts: tuple[Part, ...]
    torn: bool


@dataclass(frozen=True)
class ReportFile:
    """The bytes of a file and the name it came with, which may be empty.

    Every way to open it is bounded in time and memory, and raises BadReport and nothing else.
    """

    data: bytes
    name: str = ""

    def __post_init__(self) -> None:
        """Raise BadReport for what no importer needs to see."""
        if not self.data.strip():
            raise BadReport("file", "is empty")
        if len(self.data) > MAX_FILE_BYTES:
            raise BadReport(
                "file", f"is larger than {MAX_FILE_BYTES // 1_000_000} MB", "hand in a smaller run"
            )
        if self.data.startswith(_GZIP):
            raise BadReport("file", "is packed with gzip", "unpack it, then hand it in")

    def text(self) -> str:
        """The whole as text: UTF-8, with or without a byte order mark."""
        if self.data.startswith(_UTF_16):
            raise BadReport("file", "is UTF-16 text", "write it as UTF-8")
        try:
            return self.data.removeprefix(_BOM).decode()
        except UnicodeDecodeError as error:
            raise BadReport(
                "file", f"is not UTF-8 text: see byte {error.start}", "write it as UTF-8"
            ) from None

    def json(self, remedy: str = AS_WRITTEN) -> Part:
        """The whole as one JSON value. NaN, infinity and what is beyond a double are null in it."""
        if isinstance(self._json, BadReport):
            raise self._json
        return Part(self._json, remedy=remedy)

    def json_object(self) -> Part | None:
        """The whole as one JSON object, or None if it is none: for `Importer.recognises`."""
        return Part(self._json) if isinstance(self._json, dict) else None

    def json_lines(self) -> Lines:
        """One JSON value a line; places begin with the number of the line. Empty lines are left out."""
        lines = self.text().split("\n")
        filled = [at for at, line in enumerate(lines) if line.strip()]
        if len(filled) > MAX_CASES or sum(map(self.data.count, (b"[", b"{", b","))) > MAX_VALUES:
            raise BadReport("file", "has too many lines or values", "hand in a smaller run")
        parts = tuple(Part(_line(lines[at], at + 1), (f"line {at + 1}",)) for at in filled[:-1])
        last = filled[-1]
        ended = last < len(lines) - 1
        try:
            return Lines((*parts, Part(_line(lines[last], last + 1), (f"line {last + 1}",))), torn=False)
        except BadReport:
            if ended:
                raise
            return Lines(parts, torn=True)

    def first_line(self) -> Part | None:
        """The first line as a JSON object, or None if it is none: for `Importer.recognises`."""
        head = self.data[:_LONGEST_FIRST_LINE].removeprefix(_BOM).lstrip().partition(b"\n")[0]
        try:
            content = json_text.loads(head.decode())
        except ValueError:
            return None
        return Part(content, ("line 1",)) if isinstance(content, dict) else None

    def csv(self, remedy: str = AS_WRITTEN) -> csv_text.Table:
        """The whole as a table with a header. Every line is ended: one that is not was cut off."""
        if not self.data.endswith((b"\n", b"\r")):
            raise BadReport("file", "breaks off in its last line", remedy)
        return _opened(csv_text.loads, self.text(), remedy)

    def csv_columns(self) -> tuple[str, ...]:
        """The names in the first line of a table, or none: for `Importer.recognises`."""
        head = self.data[:_LONGEST_FIRST_LINE].removeprefix(_BOM).partition(b"\n")[0]
        return csv_text.columns_of(head.decode(errors="replace"))

    def xml(self) -> xml_text.Element:
        """The outermost element of the whole as XML; a document type is refused."""
        return _opened(xml_text.loads, self.text(), AS_WRITTEN)

    def xml_tag(self) -> str:
        """The tag of the outermost element, or nothing: for `Importer.recognises`."""
        head = self.data[:_LONGEST_FIRST_LINE].removeprefix(_BOM).lstrip()
        return xml_text.outermost_tag(head.decode(errors="replace")) if head.startswith(b"<") else ""

    @property
    def is_archive(self) -> bool:
        """Whether it begins as a zip archive does."""
        return self.data.startswith(_ZIP)

    def archive(self) -> Archive:
        """The whole as a zip archive."""
        return Archive(self.data)

    def refuse_damage(self) -> None:
        """Raise BadReport for a file that begins like something it cannot be opened as, and says why."""
        if self.is_archive:
            self.archive()
            return
        begin = self.text().lstrip()[:1]
        if begin == "<":
            self.xml()
        elif begin in ("{", "[") and self.first_line() is None:
            self.json()
        elif self.name.lower().endswith(".csv"):
            self.csv()

    @cached_property
    def _json(self) -> Any:
        """The content, or the reason why there is none: importers in turn ask for it."""
        try:
            return _opened(json_text.loads, self.text(), AS_WRITTEN)
        except BadReport as refusal:
            return refusal


def _line(text: str, number: int) -> Any:
    try:
        return json_text.loads(text)
    except json_text.NotJSON as error:
        raise BadReport(f"line {number}", str(error)) from None


def _opened(loads: Callable[[str], Read], text: str, remedy: str) -> Read:
    try:
        return loads(text)
    except (json_text.NotJSON, xml_text.NotXML, csv_text.NotCSV) as error:
        raise BadReport("file", str(error), remedy) from None
