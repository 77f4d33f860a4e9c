"""garak: ``garak.<id>.report.jsonl``, the records of one scan, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.importers.bad_report import BadReport
from controller.importers.file import ReportFile
from controller.importers.importer import Importer
from controller.importers.limits import MAX_METRICS
from controller.importers.measures import pass_rate
from controller.importers.part import Part
from controller.importers.wording import clean
from stages import Dataset, EvalReport, Metric

_OVERALL = "attack_resistance"
_SETUP, _INIT, _EVAL = "start_run setup", "init", "eval"
_ENDS = {"completion", "digest"}
_NAMED = 10
_NOTE_LENGTH = 500


class Garak(Importer):
    """A pass rate for each probe and detector, and one over all probes: an attack that failed has passed."""

    tool = "garak"
    written_by = "garak, in garak.<id>.report.jsonl"

    def recognises(self, file: ReportFile) -> bool:
        """JSON Lines of which the first is the set-up of a run."""
        line = file.first_line()
        return line is not None and line.value.get("entry_type") in (_SETUP, _INIT)

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        lines = file.json_lines()
        scan = _Scan.of(lines.parts)
        return EvalReport(
            tool=self.tool,
            tool_version=scan.init.text_of("garak_version"),
            run_id=scan.init.text_of("run"),
            partial="; ".join(scan.unfinished(torn=lines.torn)),
            subject=_subject(scan.setup),
            dataset=Dataset(size=sum(attacks.n for attacks in _hardest(scan.attacks))),
            metrics=(_overall(scan.attacks), *(attacks.metric() for attacks in scan.attacks)),
            notes=tuple(_notes(scan.attacks)),
        )


@dataclass(frozen=True, slots=True)
class _Attacks:
    """What one detector made of the answers to one probe."""

    probe: str
    detector: str
    passed: int
    failed: int
    nones: int
    place: str

    @classmethod
    def of(cls, record: Part) -> _Attacks:
        """Read an evaluation. Releases up to 0.11 told ``total`` and neither the failures nor the unscored."""
        passed, nones = record["passed"].count(), record.count_of("nones")
        judged = record["total_evaluated" if "total_evaluated" in record else "total"].count()
        failed = judged - passed
        if failed < 0 or ("fails" in record and record["fails"].count() != failed):
            raise record.refusal("has passed and fails that do not make its total")
        probe, detector = record["probe"].text(), record["detector"].text()
        return cls(
            probe.removeprefix("probes."),
            detector.removeprefix("detectors.").removeprefix("detector."),
            passed,
            failed,
            nones,
            record.place,
        )

    @property
    def n(self) -> int:
        """How many answers there were."""
        return self.passed + self.failed + self.nones

    @property
    def name(self) -> str:
        """Probe and detector."""
        return f"{self.probe}/{self.detector}"

    def metric(self) -> Metric:
        """The share of the attacks that failed."""
        return pass_rate(
            clean(self.name), self.place, passed=self.passed, failed=self.failed, unscored=self.nones
        )


@dataclass(frozen=True, slots=True)
class _Scan:
    """The records of a scan that matter here."""

    setup: Part
    init: Part
    attacks: Sequence[_Attacks]
    ended: bool

    @classmethod
    def of(cls, lines: Sequence[Part]) -> _Scan:
        """Sort the lines by what they are.

        Raises:
            BadReport: The scan has no beginning or no evaluation, or more than one run is in the file.
        """
        records: dict[str, list[Part]] = {}
        for line in lines:
            records.setdefault(line["entry_type"].raw_text(), []).append(line)
        if len(records.get(_EVAL, [])) > MAX_METRICS:
            raise BadReport("file", f"holds more than {MAX_METRICS} evaluations", "scan with fewer probes")
        found = [_Attacks.of(record) for record in records.get(_EVAL, [])]
        if not found:
            raise BadReport("file", "holds no evaluation of a probe", "run garak to its end")
        return cls(_only(_SETUP, records), _only(_INIT, records), found, bool(_ENDS & set(records)))

    def unfinished(self, *, torn: bool) -> list[str]:
        """Why the scan is not whole."""
        reasons = [] if self.ended else ["the scan did not reach its end"]
        if torn:
            reasons.append("the file breaks off in its last line")
        if missing := _planned(self.setup) - {attacks.probe for attacks in self.attacks}:
            reasons.append(_listed("no result of", sorted(missing)))
        return reasons


def _only(kind: str, records: dict[str, list[Part]]) -> Part:
    """The one record of a kind; an empty one if there is none: old releases wrote no set-up."""
    found = records.get(kind, [])
    if len(found) > 1:
        raise found[1].refusal(f"is a second {kind}", "hand in the runs one by one")
    return found[0] if found else Part({})


def _planned(setup: Part) -> set[str]:
    """The probes that were chosen; told from 0.14 on."""
    probes = setup.get("transient.active_probes")
    return {probe.text().removeprefix("probes.") for probe in probes} if probes else set()


def _overall(found: Sequence[_Attacks]) -> Metric:
    hardest = _hardest(found)
    return pass_rate(
        _OVERALL,
        "file",
        passed=sum(attacks.passed for attacks in hardest),
        failed=sum(attacks.failed for attacks in hardest),
        unscored=sum(attacks.nones for attacks in hardest),
    )


def _hardest(found: Sequence[_Attacks]) -> list[_Attacks]:
    """Of each probe the detector that saw most attacks succeed: an answer counts once, however many look at it."""
    hardest: dict[str, _Attacks] = {}
    for attacks in found:
        so_far = hardest.setdefault(attacks.probe, attacks)
        if _held(attacks) < _held(so_far):
            hardest[attacks.probe] = attacks
    return list(hardest.values())


def _held(attacks: _Attacks) -> float:
    return attacks.passed / attacks.n if attacks.n else 1.0


def _subject(setup: Part) -> dict[str, str]:
    """The target by name; releases up to 0.13 called it the model."""
    return {
        key: setup[name].id() for key, names in _TARGET.items() for name in reversed(names) if name in setup
    }


def _notes(found: Sequence[_Attacks]) -> list[str]:
    notes = ["passed is an attack that failed", "prompts, answers and the configuration were left out"]
    if len(found) > len(_hardest(found)):
        notes.append(f"{_OVERALL} takes of each probe the detector that saw most attacks succeed")
    return notes


def _listed(what: str, names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return clean(f"{what} {', '.join(names[:_NAMED])}{more}", _NOTE_LENGTH)


_TARGET = {
    "generator": ("plugins.target_type", "plugins.model_type"),
    "model": ("plugins.target_name", "plugins.model_name"),
}
