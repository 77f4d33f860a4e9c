"""Inspect AI: ``logs/*.eval``, an archive, and ``logs/*.json``, both of version 2."""

from __future__ import annotations

from dataclasses import dataclass

from controller.importers.bad_report import BadReport
from controller.importers.file import ReportFile
from controller.importers.importer import Importer
from controller.importers.inspect_scores import Cases, Run, metrics_of
from controller.importers.part import Part
from controller.importers.wording import moment
from stages import Dataset, EvalReport

_VERSION = 2
_HEADER = "header.json"
_REDUCTIONS = "reductions.json"
_JOURNAL = "_journal/start.json"
_WHOLE = "success"
_UNFINISHED = ("cancelled", "error", "started")
_FINISH = "run it to its end, with inspect eval-retry for example"


class InspectAI(Importer):
    """The accuracy and the mean of every scorer, over the cases as they were after the epochs were reduced."""

    tool = "inspect"
    written_by = "inspect eval, in logs/*.eval, or in logs/*.json with --log-format json"

    def recognises(self, file: ReportFile) -> bool:
        """An archive with the header or the journal of a log, or a JSON object with a status and a task."""
        if file.is_archive:
            return _is_log(file)
        content = file.json_object()
        return content is not None and "status" in content and "eval" in content and "task" in content["eval"]

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        log = _opened(file)
        run, planned = log.run(), _planned(log.header)
        metrics, notes = metrics_of(log.header["results"], run, log.cases())
        evaluated, times = log.header["eval"], log.header.get("stats")
        return EvalReport(
            tool=self.tool,
            tool_version=_tool_version(evaluated),
            run_id=evaluated.text_of("run_id"),
            started_at=moment(times.text_of("started_at")) if times else None,
            finished_at=moment(times.text_of("completed_at")) if times else None,
            partial=_unfinished(log.header["status"].raw_text(), run, planned),
            subject=_subject(evaluated),
            dataset=Dataset(name=evaluated["dataset"].text_of("name"), size=planned),
            metrics=tuple(metrics),
            notes=tuple(notes),
        )


def _is_log(file: ReportFile) -> bool:
    try:
        archive = file.archive()
    except BadReport:
        return False
    return _HEADER in archive or _JOURNAL in archive


@dataclass(frozen=True, slots=True)
class _Log:
    """A finished log: all of it but the answers, and the scores of the cases where the log has them."""

    header: Part
    reductions: Part | None

    def run(self) -> Run:
        """How many answers there were, and how many to each case."""
        results, config = self.header["results"], self.header["eval"].get("config")
        epochs = config.get("epochs") if config else None
        return Run(
            total=results["total_samples"],
            completed=results["completed_samples"],
            epochs=epochs.count() if epochs else 1,
        )

    def cases(self) -> Cases:
        """The scores of the cases."""
        return Cases.of(self.reductions)


def _opened(file: ReportFile) -> _Log:
    """Read a log, and refuse one that has nothing to say."""
    log = _unpacked(file) if file.is_archive else _parsed(file)
    header = log.header
    if header["version"].count() != _VERSION:
        raise header["version"].refusal(f"is not {_VERSION}", "convert the log with inspect log convert")
    if "invalidated" in header and header["invalidated"].flag():
        raise header["invalidated"].refusal("is true: somebody withdrew this log", "hand in another run")
    status = header["status"].raw_text()
    if status not in (_WHOLE, *_UNFINISHED):
        raise header["status"].refusal("is none that Inspect has")
    if "results" not in header and status != _WHOLE:
        raise BadReport("results", f"is missing, because the run ended with status {status}", _FINISH)
    return log


def _parsed(file: ReportFile) -> _Log:
    log = file.json()
    return _Log(log, log.get("reductions"))


def _unpacked(file: ReportFile) -> _Log:
    archive = file.archive()
    if _HEADER not in archive and _JOURNAL in archive:
        raise BadReport(_HEADER, "is missing, because the run was stopped before its end", _FINISH)
    header = ReportFile(archive.read(_HEADER)).json()
    has_scores = _REDUCTIONS in archive
    return _Log(header, ReportFile(archive.read(_REDUCTIONS)).json() if has_scores else None)


def _planned(header: Part) -> int | None:
    """How many cases the dataset has; a limit may have asked fewer."""
    size = header["eval"]["dataset"].get("samples")
    return size.count() if size else None


def _unfinished(status: str, run: Run, planned: int | None) -> str:
    """Why the run is not whole; empty if it is."""
    reasons = [] if status == _WHOLE else [f"the run ended with status {status}"]
    total, completed = run.total.count(), run.completed.count()
    if completed < total:
        reasons.append(f"{completed} of {total} samples were completed")
    if planned is not None and run.asked < planned:
        reasons.append(f"{run.asked} of the {planned} cases of the dataset were asked")
    return "; ".join(reasons)


def _tool_version(evaluated: Part) -> str:
    packages = evaluated.get("packages")
    return packages.text_of("inspect_ai") if packages else ""


def _subject(evaluated: Part) -> dict[str, str]:
    """What was evaluated, by name: arguments and settings stay behind."""
    named = {"model": evaluated["model"].id(), "task": evaluated["task"].text()}
    version = evaluated.get("task_version")
    named["task_version"] = _version(version) if version else ""
    named["judge"] = _judge(evaluated)
    revision = evaluated.get("revision")
    named["commit"] = revision.text_of("commit") if revision else ""
    return {key: name for key, name in named.items() if name}


def _version(part: Part) -> str:
    return part.text() if isinstance(part.value, str) else str(part.count())


def _judge(evaluated: Part) -> str:
    """The model in the role of the grader."""
    roles = evaluated.get("model_roles")
    grader = roles.get("grader") if roles else None
    model = grader.get("model") if grader else None
    return model.id() if model else ""
