"""Ragas: the rows of ``result.to_pandas()``, as CSV or as JSON Lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.importers.bad_report import BadReport
from controller.importers.file import ReportFile
from controller.importers.generic_csv import is_header
from controller.importers.importer import Importer
from controller.importers.measures import SCALE, mean_of
from controller.importers.part import Part
from controller.importers.wording import clean
from stages import Dataset, EvalReport, Metric

_ASKED = {"user_input", "question"}
_GIVEN = {
    *("response", "responses", "multi_responses", "reference", "retrieved_contexts", "reference_contexts"),
    *("retrieved_context_ids", "reference_context_ids", "reference_tool_calls", "reference_topics"),
    *("answer", "contexts", "ground_truth", "ground_truths"),
}
_ABOUT = {
    "rubric",
    "rubrics",
    "persona_name",
    "query_style",
    "query_length",
    "synthesizer_name",
    "episode_done",
}
_INDEX = {"", "Unnamed: 0", "index"}
_NO_METRICS = _ASKED | _GIVEN | _ABOUT | _INDEX
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII
)
_MISSING = {"", "nan", "none", "null", "<na>", "inf", "-inf", "infinity", "-infinity"}
_ROUNDING = 1e-9
_NAMED = 10
_NOTE_LENGTH = 500
_REMEDY = "write the table with result.to_pandas().to_csv(path), every line of it"


class Ragas(Importer):
    """A mean for each column of scores. NaN is a judge that failed: that case is unscored."""

    tool = "ragas"
    written_by = "result.to_pandas().to_csv(path), or to_json(path, orient='records', lines=True)"

    def recognises(self, file: ReportFile) -> bool:
        """A table or JSON Lines with the columns that Ragas gives a sample: what was asked and what came of it."""
        line = file.first_line()
        return _is_sample(line.fields() if line else file.csv_columns())

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        rows, partial = _rows_of_lines(file) if file.first_line() else (_rows_of_table(file), "")
        if not rows or not _is_sample(rows[0]):
            remedy = "hand in the table of to_pandas(), or the generic format (docs/evidence-files.md)"
            raise BadReport("file", "has no row with the columns of Ragas, such as user_input", remedy)
        columns = [_Column.of(name, rows) for name in rows[0] if name not in _NO_METRICS]
        return EvalReport(
            tool=self.tool,
            partial=partial,
            dataset=Dataset(size=len(rows)),
            metrics=tuple(column.metric() for column in columns if column.is_metric),
            notes=tuple(_notes(columns)),
        )


_Rows = Sequence[Mapping[str, object]]


def _is_sample(columns: Iterable[str]) -> bool:
    names = set(columns)
    return bool(names & _ASKED) and bool(names & _GIVEN) and not is_header(tuple(names))


def _rows_of_table(file: ReportFile) -> _Rows:
    return [row.fields for row in file.csv(_REMEDY).rows]


def _rows_of_lines(file: ReportFile) -> tuple[_Rows, str]:
    """The rows of JSON Lines; one that broke off tells that the rest is missing too."""
    lines = file.json_lines()
    rows = [{name: part.value for name, part in line.fields().items()} for line in lines.parts]
    for row, line in zip(rows, lines.parts, strict=True):
        _refuse_other_columns(row, rows[0], line)
    cut = lines.torn or not file.data.endswith(b"\n")
    return rows, "the file breaks off in its last line" if cut else ""


def _refuse_other_columns(row: Mapping[str, object], first: Mapping[str, object], line: Part) -> None:
    if row.keys() != first.keys():
        raise line.refusal("has other columns than the first", _REMEDY)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: scores where every field is a number or missing, or else text."""

    name: str
    scores: Sequence[float]
    unscored: int
    is_text: bool

    @classmethod
    def of(cls, name: str, rows: _Rows) -> _Column:
        """Read the fields of a column."""
        fields = [row[name] for row in rows]
        given = [field for field in fields if not _is_missing(field)]
        numbers = [number for number in map(_number, given) if number is not None]
        return cls(
            name, [_within(number) for number in numbers], len(fields) - len(given), len(numbers) < len(given)
        )

    @property
    def is_metric(self) -> bool:
        """Whether these are scores from 0 to 1. A judge that failed everywhere is a metric without a value."""
        return not self.is_text and all(0.0 <= score <= 1.0 for score in self.scores)

    def metric(self) -> Metric:
        """The mean of the scores."""
        return mean_of(clean(self.name), f"column {clean(self.name)}", self.scores, unscored=self.unscored)


def _is_missing(field: object) -> bool:
    return field is None or (isinstance(field, str) and field.strip().lower() in _MISSING)


def _number(field: object) -> float | None:
    """A finite number, or None: text, a list, true and false are none."""
    if isinstance(field, str):
        return _finite(field.strip()) if _NUMBER.fullmatch(field.strip()) else None
    if isinstance(field, bool) or not isinstance(field, int | float):
        return None
    return _finite(field)


def _finite(number: str | float) -> float | None:
    read = float(number)
    return read if math.isfinite(read) else None


def _within(number: float) -> float:
    """A score that rounding carried past 0 or 1, as that of BLEU does, is 0 or 1."""
    nearest = min(1.0, max(0.0, number))
    return nearest if abs(number - nearest) <= _ROUNDING else number


def _notes(columns: Sequence[_Column]) -> Iterator[str]:
    yield "what was asked and answered was left out"
    others = {
        "columns of text were left out": [column.name for column in columns if column.is_text],
        SCALE: [column.name for column in columns if not column.is_text and not column.is_metric],
    }
    for why, names in others.items():
        if names:
            more = ", …" if len(names) > _NAMED else ""
            yield clean(f"{why}: {', '.join(names[:_NAMED])}{more}", _NOTE_LENGTH)
