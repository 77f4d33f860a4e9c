"""DeepEval: ``.deepeval/.latest_run_full.json``, and the ``test_run_<time>.json`` of a results folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from controller.importers.file import ReportFile
from controller.importers.importer import Importer
from controller.importers.measures import SCALE, mean_of, pass_rate
from controller.importers.part import Part
from controller.importers.wording import MAX_NAME
from stages import Dataset, EvalReport, Metric

_LAYER_LENGTH = 40


class DeepEval(Importer):
    """A pass rate over the test cases, and of each metric its scores and how often they reached its threshold."""

    tool = "deepeval"
    written_by = "evaluate() or deepeval test run, in .deepeval/.latest_run_full.json"

    def recognises(self, file: ReportFile) -> bool:
        """A JSON object with test cases and the scores of metrics."""
        content = file.json_object()
        return content is not None and "testCases" in content and "metricsScores" in content

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        run = file.json()
        cases = _cases(run)
        metrics, notes = _per_metric(run["metricsScores"])
        return EvalReport(
            tool=self.tool,
            run_id=run.text_of("identifier"),
            partial=_unfinished(run),
            subject=_subject(run, cases),
            dataset=Dataset(
                name=run.text_of("datasetAlias"),
                version=run.text_of("datasetVersion"),
                size=len(cases),
                layers=dict(Counter(filter(None, map(_layer, cases)))),
            ),
            metrics=(_pass_rate(run, cases), *metrics),
            notes=(*_flaky(cases), *notes, "hyperparameters other than the model were left out"),
        )


def _cases(run: Part) -> list[Part]:
    conversations = run.get("conversationalTestCases")
    return run["testCases"].parts() + (conversations.parts() if conversations else [])


def _pass_rate(run: Part, cases: Sequence[Part]) -> Metric:
    outcomes = Counter(map(_outcome, cases))
    expected = {"testPassed": outcomes["passed"], "testFailed": outcomes["failed"] + outcomes["errored"]}
    for key, number in expected.items():
        if key in run and run[key].count() != number:
            raise run[key].refusal(f"is not the {number} that the test cases show")
    return pass_rate(
        "pass_rate",
        "testCases",
        passed=outcomes["passed"],
        failed=outcomes["failed"],
        errored=outcomes["errored"],
        unscored=outcomes["unscored"],
    )


def _outcome(case: Part) -> str:
    """DeepEval calls a case failed when a metric broke; here it errored, unless another metric did fail it."""
    success = case.get("success")
    if success is None:
        return "unscored"
    if success.flag():
        return "passed"
    against = [judged for judged in _judged(case) if "success" in judged and not judged["success"].flag()]
    deciding = [judged for judged in against if not _is_flaky(judged)]
    return "errored" if deciding and all("error" in judged for judged in deciding) else "failed"


def _judged(case: Part) -> list[Part]:
    data = case.get("metricsData")
    return data.parts() if data else []


def _is_flaky(judged: Part) -> bool:
    flaky = judged.get("flaky")
    return flaky is not None and flaky.flag()


def _per_metric(found: Part) -> tuple[list[Metric], list[str]]:
    metrics: list[Metric] = []
    notes: list[str] = []
    for entry in found:
        name, scores = entry["metric"].text(MAX_NAME - len(".pass_rate")), _scores(entry)
        errors = entry["errors"].count()
        if all(0.0 <= score <= 1.0 for score in scores):
            metrics.append(mean_of(name, entry.place, scores, errored=errors))
        else:
            notes.append(f"the scores of {name} were left out: {SCALE}")
        passes, fails = entry["passes"].count(), entry["fails"].count()
        metrics.append(
            pass_rate(f"{name}.pass_rate", entry.place, passed=passes, failed=fails, errored=errors)
        )
    return metrics, notes


def _scores(entry: Part) -> list[float]:
    """The scores of a metric: one for each pass and each fail."""
    scores = [score.number() for score in entry["scores"]]
    judged = entry["passes"].count() + entry["fails"].count()
    if len(scores) != judged:
        raise entry["scores"].refusal(f"has {len(scores)} scores, but passes and fails make {judged}")
    return scores


def _flaky(cases: Sequence[Part]) -> list[str]:
    names = {judged["name"].text() for case in cases for judged in _judged(case) if _is_flaky(judged)}
    return [f"{name} is marked as flaky: it does not decide whether a case passed" for name in sorted(names)]


def _unfinished(run: Part) -> str:
    return "" if "testPassed" in run and "testFailed" in run else "the run was not finished: it has no totals"


def _subject(run: Part, cases: Sequence[Part]) -> dict[str, str]:
    """Model, prompt and judge, where there is one of each."""
    hyperparameters, prompts = run.get("hyperparameters"), run.get("prompts")
    models = [hyperparameters["model"]] if hyperparameters and "model" in hyperparameters else []
    names = {
        "model": {model.id() for model in models if isinstance(model.value, str)},
        "prompt": {_prompt(prompt) for prompt in (prompts or [])},
        "judge": {
            judged["evaluationModel"].id()
            for case in cases
            for judged in _judged(case)
            if "evaluationModel" in judged
        },
    }
    return {key: found.pop() for key, found in names.items() if len(found) == 1}


def _prompt(prompt: Part) -> str:
    alias, version = prompt.text_of("alias"), prompt.text_of("version")
    return f"{alias}@{version}" if version else alias


def _layer(case: Part) -> str:
    metadata = case.get("metadata")
    marked = metadata.value.get("layer") if metadata and isinstance(metadata.value, dict) else None
    return metadata["layer"].text(_LAYER_LENGTH) if metadata and isinstance(marked, str) else ""
