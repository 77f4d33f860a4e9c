"""The generic format, for whatever has no importer of its own: JSON with metrics, or CSV with a row for each case.

docs/evidence-files.md describes both; generic.schema.json is the JSON Schema of the first.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from controller.importers.file import ReportFile
from controller.importers.generic_csv import is_header, report_of
from controller.importers.importer import Importer
from controller.importers.measures import count, mean, pass_rate
from controller.importers.part import Part
from controller.importers.wording import MAX_NAME, moment
from stages import Dataset, EvalReport, Metric, MetricKind

FORMAT = "headgate-evaluation/1"
_REMEDY = "write it as docs/evidence-files.md describes the generic format"
_MAX_SENTENCE = 500
_REPORT = {
    "format", "harness", "run_id", "started_at", "finished_at", "partial", "subject", "dataset", "metrics", "notes"
}  # fmt: skip
_DATASET = {"name", "version", "size", "layers"}
_METRIC = {
    MetricKind.PASS_RATE: {"name", "kind", "passed", "failed", "errored", "unscored"},
    MetricKind.MEAN: {"name", "kind", "value", "n", "errored", "unscored"},
    MetricKind.COUNT: {"name", "kind", "value", "n"},
}


class Generic(Importer):
    """What a team's own harness writes."""

    tool = "generic"
    written_by = "your own harness, in the format of docs/evidence-files.md"

    def recognises(self, file: ReportFile) -> bool:
        """A JSON object that names the format, or a CSV with the columns of it."""
        content = file.json_object()
        if content is None:
            return is_header(file.csv_columns())
        named = content.get("format")
        return named is not None and str(named.value).startswith(FORMAT.partition("/")[0] + "/")

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        if file.json_object() is None and is_header(file.csv_columns()):
            return report_of(file.csv(_REMEDY), self.tool)
        return _of_json(file.json(_REMEDY), self.tool)


def _of_json(content: Part, tool: str) -> EvalReport:
    _refuse_unknown(content, _REPORT)
    if content["format"].raw_text() != FORMAT:
        raise content["format"].refusal("is not a format that is read here", f"write {FORMAT}")
    dataset, metrics = _dataset(content.get("dataset")), tuple(map(_metric, content["metrics"]))
    return EvalReport(
        tool=tool,
        tool_version=content.text_of("harness"),
        run_id=content.text_of("run_id"),
        started_at=_moment(content, "started_at"),
        finished_at=_moment(content, "finished_at"),
        partial=content.text_of("partial", _MAX_SENTENCE) or _left_out(dataset, metrics),
        subject={name: part.id() for name, part in _named(content.get("subject")).items()},
        dataset=dataset,
        metrics=metrics,
        notes=tuple(note.text(_MAX_SENTENCE) for note in content.get("notes") or ()),
    )


def _left_out(dataset: Dataset, metrics: tuple[Metric, ...]) -> str:
    """Why a run is partial that asked fewer cases than its dataset has; empty if it did not."""
    asked = max((metric.n for metric in metrics), default=0)
    return f"{asked} of {dataset.size} cases were asked" if asked < (dataset.size or 0) else ""


def _dataset(part: Part | None) -> Dataset:
    if part is None:
        return Dataset()
    _refuse_unknown(part, _DATASET)
    size = part.count_of("size") if "size" in part else None
    layers = {name: cases.count() for name, cases in _named(part.get("layers")).items()}
    if size is not None and sum(layers.values()) > size:
        raise part["layers"].refusal(f"has more cases than the {size} of the dataset")
    return Dataset(name=part.text_of("name"), version=part.text_of("version"), size=size, layers=layers)


def _metric(part: Part) -> Metric:
    kind = _kind(part["kind"])
    _refuse_unknown(part, _METRIC[kind])
    name = part["name"].text()
    if not name:
        raise part["name"].refusal("is empty")
    if kind is MetricKind.COUNT:
        return count(name, part.place, found=part["value"].count(), n=part.count_of("n"))
    errored, unscored = part.count_of("errored"), part.count_of("unscored")
    if kind is MetricKind.PASS_RATE:
        passed, failed = part["passed"].count(), part["failed"].count()
        return pass_rate(name, part.place, passed=passed, failed=failed, errored=errored, unscored=unscored)
    value = part.get("value")
    return mean(
        name,
        part.place,
        value=value.number() if value else None,
        n=part["n"].count(),
        errored=errored,
        unscored=unscored,
    )


def _kind(part: Part) -> MetricKind:
    try:
        return MetricKind(part.raw_text())
    except ValueError:
        raise part.refusal("is not pass_rate, mean or count") from None


def _refuse_unknown(part: Part, known: Collection[str]) -> None:
    for key, unknown in part.fields().items():
        if key not in known:
            raise unknown.refusal("is not a field of the format")


def _named(part: Part | None) -> dict[str, Part]:
    """The parts of an object whose keys are names that may enter a report."""
    found = part.fields() if part else {}
    for key, inner in found.items():
        if not key.isprintable() or not 0 < len(key) <= MAX_NAME:
            raise inner.refusal(f"has a name that is not 1 to {MAX_NAME} printable characters")
    return found


def _moment(part: Part, key: str) -> datetime | None:
    found = part.get(key)
    if found is None:
        return None
    read = moment(found.raw_text())
    if read is None:
        raise found.refusal("is not a moment with its zone, such as 2026-11-20T09:30:00Z")
    return read
