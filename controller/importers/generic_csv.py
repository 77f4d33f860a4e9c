"""The generic format as CSV: a row for each case and metric."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from controller.importers.bad_report import BadReport
from controller.importers.csv_text import Row, Table
from controller.importers.measures import SCALE, mean_of, pass_rate
from controller.importers.wording import clean
from stages import Dataset, EvalReport, Metric

_NEEDED = {"case", "metric"}
_JUDGED = {"passed", "score"}
_KNOWN = _NEEDED | _JUDGED | {"layer", "error"}
_TRUTHS = {"true": True, "false": False, "": None}
_NUMBER = re.compile(r"[01](?:\.[0-9]{1,20})?|0?\.[0-9]{1,20}|[0-9](?:\.[0-9]{1,20})?e-[0-9]{1,2}", re.ASCII)
_LAYER_LENGTH = 40
_REMEDY = "see the generic format in docs/evidence-files.md"


def is_header(columns: Sequence[str]) -> bool:
    """Whether these are the columns of the format."""
    return set(columns) >= _NEEDED and bool(_JUDGED & set(columns))


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What one row says: neither passed nor score is a case that nobody could judge."""

    case: str
    metric: str
    passed: bool | None
    score: float | None
    errored: bool
    layer: str


def report_of(table: Table, tool: str) -> EvalReport:
    """Read the rows under a header.

    Raises:
        BadReport: A column is unknown, a field cannot be used, a case is judged twice by one metric, or a metric is
            of two kinds.
    """
    if unknown := sorted(set(table.columns) - _KNOWN):
        raise BadReport(clean(unknown[0]), "is not a column of the format", _REMEDY)
    judgements = [_judgement(row) for row in table.rows]
    _refuse_repeated(judgements, table.rows)
    layers = _layers(judgements)
    kinds = _JUDGED & set(table.columns)
    by_metric: dict[str, list[_Judgement]] = {}
    for judgement in judgements:
        by_metric.setdefault(judgement.metric, []).append(judgement)
    return EvalReport(
        tool=tool,
        dataset=Dataset(size=len({judgement.case for judgement in judgements}), layers=layers),
        metrics=tuple(
            _metric(name, rows, only_scores=kinds == {"score"}) for name, rows in by_metric.items()
        ),
    )


def _judgement(row: Row) -> _Judgement:
    fields = {name: text.strip() for name, text in row.fields.items()}
    passed, score = fields.get("passed", "").lower(), fields.get("score", "")
    errored = bool(fields.get("error"))
    if passed not in _TRUTHS:
        raise BadReport(f"{row.place}.passed", "is not true, false or empty", _REMEDY)
    if score and not (_NUMBER.fullmatch(score) and float(score) <= 1):
        raise BadReport(f"{row.place}.score", "is not a number between 0 and 1, or empty", SCALE)
    if sum(map(bool, (passed, score, errored))) > 1:
        raise BadReport(row.place, "says more than one of passed, score and error", _REMEDY)
    for name in ("case", "metric"):
        if not fields[name]:
            raise BadReport(f"{row.place}.{name}", "is empty", _REMEDY)
    return _Judgement(
        case=fields["case"],
        metric=clean(fields["metric"]),
        passed=_TRUTHS[passed],
        score=float(score) if score else None,
        errored=errored,
        layer=clean(fields.get("layer", ""), _LAYER_LENGTH),
    )


def _refuse_repeated(judgements: Sequence[_Judgement], rows: Sequence[Row]) -> None:
    seen = set()
    for judgement, row in zip(judgements, rows, strict=True):
        key = (judgement.case, judgement.metric)
        if key in seen:
            raise BadReport(row.place, "judges a case by a metric that an earlier row judged it by", _REMEDY)
        seen.add(key)


def _layers(judgements: Sequence[_Judgement]) -> dict[str, int]:
    """How many cases each layer has; a case is in one layer at most."""
    layer_of: dict[str, str] = {}
    for judgement in judgements:
        if judgement.layer and layer_of.setdefault(judgement.case, judgement.layer) != judgement.layer:
            raise BadReport("layer", "differs between rows of one case", _REMEDY)
    return dict(Counter(layer_of.values()))


def _metric(name: str, rows: Sequence[_Judgement], *, only_scores: bool) -> Metric:
    passed = [row.passed for row in rows if row.passed is not None]
    scores = [row.score for row in rows if row.score is not None]
    errored = sum(row.errored for row in rows)
    unscored = len(rows) - len(passed) - len(scores) - errored
    if passed and scores:
        raise BadReport(name, "has rows with passed and rows with a score", "give them two names")
    if scores or only_scores:
        return mean_of(name, name, scores, errored=errored, unscored=unscored)
    wins = sum(passed)
    return pass_rate(name, name, passed=wins, failed=len(passed) - wins, errored=errored, unscored=unscored)
