"""Evaluation reports: one file per tool, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from controller.importers.bad_report import BadReport
from controller.importers.deepeval import DeepEval
from controller.importers.file import ReportFile
from controller.importers.garak import Garak
from controller.importers.generic import Generic
from controller.importers.importer import Importer
from controller.importers.inspect_ai import InspectAI
from controller.importers.junit import JUnit
from controller.importers.limits import MAX_METRICS
from controller.importers.openai_evals import OpenAIEvals
from controller.importers.promptfoo import Promptfoo
from controller.importers.ragas import Ragas
from stages import EvalReport, MetricKind

IMPORTERS: Mapping[str, Importer] = {
    importer.tool: importer
    for importer in (
        Promptfoo(),
        DeepEval(),
        InspectAI(),
        Garak(),
        Ragas(),
        OpenAIEvals(),
        JUnit(),
        Generic(),
    )
}
"""Every importer by the name of its tool."""

_JUDGE = "hand in a run that judged something"
_WAY_OUT = "name the tool, or write the generic format (docs/evidence-files.md)"

__all__ = ["IMPORTERS", "BadReport", "Importer", "ReportFile", "read_report"]


def read_report(data: bytes, name: str = "", tool: str = "") -> EvalReport:
    """Read a report file into the normal form.

    Args:
        data: What the file holds.
        name: What the file is called; it helps only people.
        tool: The name of the importer to read it with; without one, the importer that recognises the file.

    Raises:
        BadReport: There is no such tool, no importer recognises the file, or the one that does cannot use it.
    """
    file = ReportFile(data, name)
    return _checked((_named(tool) if tool else _recognising(file)).read(file))


def _named(tool: str) -> Importer:
    if tool not in IMPORTERS:
        raise BadReport("tool", "is not known here", f"name one of {', '.join(sorted(IMPORTERS))}")
    return IMPORTERS[tool]


def _recognising(file: ReportFile) -> Importer:
    """The one importer that recognises a file; where two do, nobody guesses."""
    found = [importer for importer in IMPORTERS.values() if importer.recognises(file)]
    if not found:
        file.refuse_damage()
        raise BadReport("file", f"is of none of these: {', '.join(sorted(IMPORTERS))}", _WAY_OUT)
    if len(found) > 1:
        tools = " and of ".join(importer.tool for importer in found)
        raise BadReport("file", f"could be of {tools}", "name the tool it is of")
    return found[0]


def _checked(report: EvalReport) -> EvalReport:
    names = [metric.name for metric in report.metrics]
    if not names:
        raise BadReport("file", "holds no metric", _JUDGE)
    if not any(metric.n or metric.kind is MetricKind.COUNT for metric in report.metrics):
        raise BadReport("file", "holds no case", _JUDGE)
    if len(names) > MAX_METRICS:
        raise BadReport("file", f"holds more than {MAX_METRICS} metrics", "hand in a smaller run")
    if len(set(names)) < len(names):
        raise BadReport("file", "names two metrics alike", "give every metric a name of its own")
    return report
