"""openai/evals: the record of a run, a line for each event, and among them the final report."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.importers.bad_report import BadReport
from controller.importers.file import ReportFile
from controller.importers.importer import Importer
from controller.importers.limits import MAX_METRICS
from controller.importers.measures import mean_of, pass_rate
from controller.importers.part import Part
from controller.importers.wording import clean, moment
from stages import Dataset, EvalReport, Metric

_ACCURACY = "accuracy"
_MATCH, _METRICS, _ERROR = "match", "metrics", "error"
_SPEC, _FINAL = "spec", "final_report"
_SAME = 1e-6
_SAMPLE_NUMBER = re.compile(r"\.([0-9]{1,9})\Z", re.ASCII)
_NAMED = 10
_NOTE_LENGTH = 500
_UTC = "+00:00"


class OpenAIEvals(Importer):
    """The accuracy over the answers that were compared, and a mean of each score that every answer was given."""

    tool = "openai_evals"
    written_by = "oaieval <model> <eval> --record_path run.jsonl"

    def recognises(self, file: ReportFile) -> bool:
        """JSON Lines of which the first is the specification of a run."""
        line = file.first_line()
        return line is not None and _SPEC in line and "completion_fns" in line[_SPEC]

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        lines = file.json_lines()
        run = _Run.of(lines.parts)
        metrics, notes = _metrics(run)
        return EvalReport(
            tool=self.tool,
            run_id=run.spec.text_of("run_id"),
            started_at=moment(run.spec.text_of("created_at") + _UTC),
            partial="; ".join(run.unfinished(torn=lines.torn)),
            subject=_subject(run.spec),
            dataset=Dataset(
                name=run.spec.text_of("base_eval"), version=run.spec.text_of("split"), size=len(run.samples())
            ),
            metrics=tuple(metrics),
            notes=tuple(notes),
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """The lines of a record, sorted. The final report may stand before events that were written after it."""

    spec: Part
    final: Part | None
    events: Mapping[str, Sequence[Part]]
    """The events by their kinds."""

    @classmethod
    def of(cls, lines: Sequence[Part]) -> _Run:
        """Sort the lines.

        Raises:
            BadReport: The first is no specification, a line is missing, or one is of another run.
        """
        if not lines:
            raise BadReport("line 1", "breaks off")
        spec = lines[0][_SPEC]
        finals = [line for line in lines[1:] if _FINAL in line]
        if len(finals) > 1:
            raise finals[1].refusal("is a second final report", "hand in the runs one by one")
        events = [line for line in lines[1:] if _FINAL not in line]
        _refuse_other_runs(spec["run_id"].raw_text(), [*events, *finals])
        _refuse_gaps(events)
        by_kind: dict[str, list[Part]] = {}
        for event in events:
            by_kind.setdefault(event["type"].raw_text(), []).append(event)
        return cls(spec, finals[0][_FINAL] if finals else None, by_kind)

    def samples(self, *kinds: str) -> set[str]:
        """The samples that something of these kinds was recorded of; of any kind if none is given."""
        wanted = kinds or tuple(self.events)
        return {event["sample_id"].raw_text() for kind in wanted for event in self.events.get(kind, ())}

    def data(self, kind: str) -> list[Part]:
        """What the events of a kind recorded."""
        return [event["data"] for event in self.events.get(kind, ())]

    def broken(self) -> int:
        """How many samples ended in an error, with nothing to judge."""
        return len(self.samples(_ERROR) - self.samples(_MATCH, _METRICS))

    def unfinished(self, *, torn: bool) -> Iterator[str]:
        """Why the run is not whole."""
        if self.final is None:
            yield "the run did not reach its final report"
        if torn:
            yield "the file breaks off in its last line"
        if missing := self._missing():
            yield f"{missing} samples have no event"

    def _missing(self) -> int:
        """How many samples nothing was recorded of, as far as their numbers tell: they are asked in random order.

        A run that was limited to some samples skips numbers; of that one nothing can be told.
        """
        config = self.spec.get("run_config")
        numbers = [_SAMPLE_NUMBER.search(sample) for sample in self.samples()]
        known = {int(number[1]) for number in numbers if number}
        if not known or (config and "max_samples" in config):
            return 0
        return max(known) + 1 - len(known)


def _refuse_other_runs(run_id: str, lines: Sequence[Part]) -> None:
    for line in lines:
        if line["run_id"].raw_text() != run_id:
            raise line["run_id"].refusal("is of another run", "hand in the runs one by one")


def _refuse_gaps(events: Sequence[Part]) -> None:
    """Events are numbered from 0 on, without a gap."""
    for at, event in enumerate(events):
        if event["event_id"].count() != at:
            raise event["event_id"].refusal(f"is not {at}: events are missing, or out of order")


def _metrics(run: _Run) -> tuple[list[Metric], list[str]]:
    """What the final report says and the events bear out; of a run without one, what the events say."""
    told = run.final.fields() if run.final else {_ACCURACY: Part(None, (_FINAL, _ACCURACY))}
    if run.final and len(told) > MAX_METRICS:
        raise run.final.refusal(f"has more than {MAX_METRICS} numbers", "hand in a smaller run")
    broken = run.broken()
    found = {name: _metric(name, part, run, broken) for name, part in told.items()}
    left_out = [name for name, metric in found.items() if metric is None]
    return [metric for metric in found.values() if metric], list(_notes(run, left_out))


def _metric(name: str, told: Part, run: _Run, broken: int) -> Metric | None:
    """None for a number behind which the record shows no cases, or none on a scale from 0 to 1."""
    if name == _ACCURACY and _MATCH in run.events:
        return _accuracy(told, run.data(_MATCH), broken)
    return _mean(name, told, run.events.get(_METRICS, ()), broken)


def _accuracy(told: Part, matches: Sequence[Part], broken: int) -> Metric:
    correct = sum(match["correct"].flag() for match in matches)
    if _differ(told, correct / len(matches)):
        raise told.refusal(f"is not the {correct} of {len(matches)} that the match events show")
    return pass_rate(_ACCURACY, "match events", passed=correct, failed=len(matches) - correct, errored=broken)


def _mean(name: str, told: Part, events: Sequence[Part], broken: int) -> Metric | None:
    """The mean of a score that the metrics events have, each of them."""
    if not events or not all(_has(event, name) for event in events):
        return None
    scored = [event["data"][name] for event in events if name in event["data"]]
    if not all(_is_score(score) for score in scored):
        return None
    scores = [score.number() for score in scored]
    if scores and _differ(told, math.fsum(scores) / len(scores)):
        raise told.refusal("is not the mean that the metrics events show")
    return mean_of(clean(name), told.place, scores, errored=broken, unscored=len(events) - len(scores))


def _has(event: Part, name: str) -> bool:
    data = event.value.get("data")
    return isinstance(data, dict) and name in data


def _is_score(part: Part) -> bool:
    known = isinstance(part.value, int | float) and not isinstance(part.value, bool)
    return known and 0.0 <= part.value <= 1.0


def _differ(told: Part, found: float) -> bool:
    return told.value is not None and abs(told.number() - found) > _SAME


def _subject(spec: Part) -> dict[str, str]:
    """The model and the eval by name."""
    models = [model.id() for model in spec["completion_fns"]]
    named = {"model": clean(", ".join(models)), "eval": spec.text_of("eval_name")}
    return {key: name for key, name in named.items() if name}


def _notes(run: _Run, left_out: Sequence[str]) -> Iterator[str]:
    yield "answers and the configuration of the run were left out"
    matches = len(run.data(_MATCH))
    if matches > len(run.samples()):
        yield f"{matches} answers to {len(run.samples())} samples were compared; each counts"
    if left_out:
        more = ", …" if len(left_out) > _NAMED else ""
        shown = ", ".join(left_out[:_NAMED])
        yield clean(
            f"{shown}{more} had to be left out: no cases with scores from 0 to 1 behind it", _NOTE_LENGTH
        )
