"""promptfoo: what ``promptfoo eval -o out.json`` writes, in versions 2 and 3 of its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.importers.file import ReportFile
from controller.importers.importer import Importer
from controller.importers.limits import MAX_METRICS
from controller.importers.measures import SCALE, mean_of, pass_rate
from controller.importers.part import Part
from controller.importers.promptfoo_rows import Outcome, Row, cases_of, rows_of
from controller.importers.wording import clean, moment, moment_of_unix
from stages import Dataset, EvalReport, Metric

_SHORT = 48
_SAME = 1e-6
_NAMED = 5


class Promptfoo(Importer):
    """Every combination of a prompt and a provider gets metrics of its own; promptfoo's totals only check them."""

    tool = "promptfoo"
    written_by = "promptfoo eval -o results.json"

    def recognises(self, file: ReportFile) -> bool:
        """A JSON object with results that hold statistics, and prompts or a table."""
        content = file.json_object()
        results = content.get("results") if content else None
        return results is not None and "stats" in results and ("prompts" in results or "table" in results)

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        content = file.json()
        results, metadata = content["results"], content.get("metadata")
        contestants = _contestants(results, repeated=_times(content) > 1)
        outcomes = sum((one.outcomes for one in contestants), Counter())
        _compare(results["stats"], ("successes", "failures", "errors"), outcomes)
        metrics, notes = _measured(contestants)
        started_at = moment(results.text_of("timestamp"))
        wanted = _wanted(content.get("config"))
        return EvalReport(
            tool=self.tool,
            tool_version=metadata.text_of("promptfooVersion") if metadata else "",
            run_id=content.text_of("evalId"),
            started_at=started_at,
            finished_at=_finished(started_at, results["stats"].get("durationMs")),
            partial=_missing(wanted, contestants),
            subject=_subject(contestants),
            dataset=_dataset(wanted, contestants),
            metrics=tuple(metrics),
            notes=tuple(notes),
        )


@dataclass(frozen=True, slots=True)
class _Contestant:
    """A prompt with the provider that answered it, its answers, and the cases: the questions that it was asked."""

    provider: str
    prompt: str
    suffix: str
    told: Part
    """What promptfoo counted."""
    rows: Sequence[Row]
    cases: Sequence[Row]

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(row.outcome for row in self.rows)


def _contestants(results: Part, *, repeated: bool) -> list[_Contestant]:
    version = results["version"].count()
    if version not in {2, 3}:
        raise results["version"].refusal("is of a version that is not read here", "write version 2 or 3")
    prompts = (results["prompts"] if version == 3 else results.at("table", "head", "prompts")).parts()  # noqa: PLR2004
    if not prompts:
        raise results.refusal("names no prompt")
    rows = rows_of(results, version, len(prompts))
    providers = [_identity(prompt, "provider", at) for at, prompt in enumerate(prompts)]
    labels = [_label(prompt, at) for at, prompt in enumerate(prompts)]
    found = [
        _Contestant(
            provider, label, suffix, prompt["metrics"], rows[at], cases_of(rows[at], repeated=repeated)
        )
        for at, (prompt, provider, label, suffix) in enumerate(
            zip(prompts, providers, labels, _suffixes(providers, labels), strict=True)
        )
    ]
    for contestant in found:
        _compare(contestant.told, ("testPassCount", "testFailCount", "testErrorCount"), contestant.outcomes)
    return found


def _identity(prompt: Part, key: str, at: int) -> str:
    named = prompt.get(key)
    return named.id(_SHORT) if named else f"{key} {at + 1}"


def _label(prompt: Part, at: int) -> str:
    """The label of a prompt; where promptfoo made one of the prompt's text, its id instead."""
    label, raw = prompt.get("label"), prompt.get("raw")
    if label is None or (raw is not None and raw.raw_text().strip() in label.raw_text()):
        return _identity(prompt, "id", at)
    return label.text(_SHORT)


def _suffixes(providers: Sequence[str], labels: Sequence[str]) -> list[str]:
    """What tells the metrics of each apart: nothing if there is one contestant only."""
    if len(providers) == 1:
        return [""]
    seen: Counter[tuple[str, str]] = Counter()
    suffixes = []
    for pair in zip(providers, labels, strict=True):
        seen[pair] += 1
        again = f" | {seen[pair]}" if seen[pair] > 1 else ""
        suffixes.append(f"[{pair[0]} | {pair[1]}{again}]")
    return suffixes


def _compare(told: Part, keys: tuple[str, str, str], cases: Mapping[Outcome, int]) -> None:
    """Refuse counts that the results do not bear out.

    Old releases have no count of errors; they count them as failures.
    """
    passes, fails, errors = keys
    expected = {passes: cases[Outcome.PASSED], fails: cases[Outcome.FAILED], errors: cases[Outcome.ERRORED]}
    if errors not in told:
        expected[fails] += expected.pop(errors)
    for key, number in expected.items():
        if told[key].count() != number:
            raise told[key].refusal(f"is not the {number} that the results show")


def _measured(contestants: Sequence[_Contestant]) -> tuple[list[Metric], list[str]]:
    metrics: list[Metric] = []
    left_out: list[str] = []
    for contestant in contestants:
        metrics.append(_pass_rate("pass_rate", contestant, contestant.cases))
        metrics.extend(_plugins(contestant))
        for name in _score_names(contestant):
            metric = _mean(name, contestant)
            metrics.extend([metric] if metric else [])
            left_out.extend([] if metric else [name + contestant.suffix])
    return metrics, _notes(contestants, left_out)


def _notes(contestants: Sequence[_Contestant], left_out: Sequence[str]) -> list[str]:
    notes = ["the configuration was left out"]
    if len(contestants) > 1:
        notes.append(f"{len(contestants)} combinations of prompt and provider have metrics of their own")
    if again := sum(len(one.rows) - len(one.cases) for one in contestants):
        notes.append(f"{again} answers to a question that was asked before count with the first")
    if left_out:
        notes.append(f"{clean(', '.join(left_out[:_NAMED]))} had to be left out: {SCALE}")
    if derived := sum(map(_derived, contestants)):
        notes.append(f"{derived} derived scores, which no case has, were left out")
    return notes


def _pass_rate(name: str, contestant: _Contestant, rows: Sequence[Row]) -> Metric:
    outcomes = Counter(row.outcome for row in rows)
    return pass_rate(
        name + contestant.suffix,
        contestant.told.place,
        passed=outcomes[Outcome.PASSED],
        failed=outcomes[Outcome.FAILED],
        errored=outcomes[Outcome.ERRORED],
    )


def _plugins(contestant: _Contestant) -> Iterator[Metric]:
    """The share of attacks that each plugin of a red team saw repelled."""
    rows: dict[str, list[Row]] = {}
    for row in contestant.cases:
        if row.plugin:
            rows.setdefault(row.plugin, []).append(row)
    for plugin, attacks in sorted(rows.items()):
        yield _pass_rate(f"redteam:{plugin}", contestant, attacks)


def _score_names(contestant: _Contestant) -> list[str]:
    """The names that a case has a score under, in the order of the cases."""
    names = list(dict.fromkeys(name for row in contestant.rows for name in row.scores))
    if len(names) > MAX_METRICS:
        raise contestant.told.refusal(f"is of more than {MAX_METRICS} named scores", "hand in a smaller run")
    return names


def _mean(name: str, contestant: _Contestant) -> Metric | None:
    """The mean over the cases of a named score; None if it is not on a scale from 0 to 1."""
    _compare_sum(name, contestant)
    asked = [row.scores[name] for row in contestant.cases if name in row.scores]
    scores = [score for score in asked if score is not None]
    if not all(0.0 <= score <= 1.0 for score in scores):
        return None
    return mean_of(
        name + contestant.suffix,
        contestant.told.place,
        scores,
        errored=sum(row.broke_before(name) for row in contestant.cases),
        unscored=len(asked) - len(scores),
    )


def _compare_sum(name: str, contestant: _Contestant) -> None:
    """Refuse a sum of promptfoo that its rows do not bear out, where it weighs each answer once."""
    told = contestant.told
    scores = [score for row in contestant.rows if (score := row.scores.get(name)) is not None]
    sums, weights = told["namedScores"], told.get("namedScoreWeights")
    if weights is None or name not in weights or weights[name].number() != len(scores):
        return
    if abs(sums[name].number() - sum(scores)) > _SAME * max(1.0, abs(sum(scores))):
        raise sums[name].refusal("is not the sum of the scores that the results show")


def _derived(contestant: _Contestant) -> int:
    """How many scores promptfoo made of others, for the whole alone."""
    told = contestant.told.get("namedScores")
    return len(told.fields().keys() - set(_score_names(contestant))) if told else 0


def _times(content: Part) -> int:
    """How often promptfoo was told to ask each question."""
    config = content.get("config")
    places = (content.get("runtimeOptions"), *(config.get(name) for name in _OPTIONS if config))
    told = (place.get("repeat") for place in places if place and isinstance(place.value, dict))
    return max((each.count() for each in told if each), default=1)


def _wanted(config: Part | None) -> int | None:
    """How many tests there are; known where the configuration lists them all, and none is for some prompts only."""
    tests = config.get("tests") if config else None
    if tests is None or not isinstance(tests.value, list):
        return None
    whole = all(isinstance(test.value, dict) and not _SELECTIVE & set(test.value) for test in tests)
    return len(tests.value) if whole else None


def _missing(wanted: int | None, contestants: Sequence[_Contestant]) -> str:
    fewest = min(len(one.cases) for one in contestants)
    return f"{fewest} of {wanted} tests were run" if wanted and fewest < wanted else ""


def _subject(contestants: Sequence[_Contestant]) -> dict[str, str]:
    """Provider and prompt, where all contestants have the same."""
    shared = {
        "provider": {one.provider for one in contestants},
        "prompt": {one.prompt for one in contestants},
    }
    return {key: names.pop() for key, names in shared.items() if len(names) == 1}


def _dataset(wanted: int | None, contestants: Sequence[_Contestant]) -> Dataset:
    """The cases as the first contestant was asked them: all are asked the same."""
    rows = contestants[0].cases
    layers = Counter(row.layer for row in rows if row.layer)
    return Dataset(size=max(len(rows), wanted or 0), layers=dict(layers))


def _finished(started_at: datetime | None, duration_ms: Part | None) -> datetime | None:
    if started_at is None or duration_ms is None or not 0 <= duration_ms.number() <= _A_YEAR_MS:
        return None
    return moment_of_unix(started_at.timestamp() + duration_ms.number() / 1000)


_OPTIONS = ("evaluateOptions", "commandLineOptions")
_SELECTIVE = {"prompts", "providers"}
_A_YEAR_MS = 366 * 24 * 3600 * 1000.0
