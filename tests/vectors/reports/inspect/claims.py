"""Makes the sample logs of this folder with Inspect AI and its own mock model: no network, no key."""

from __future__ import annotations

import os
import sys

from inspect_ai import Epochs, Task
from inspect_ai import eval as run
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, PARTIAL, Score, accuracy, mean, scorer, stderr
from inspect_ai.scorer import match as equals
from inspect_ai.solver import generate, solver

QUESTIONS = [
    ("How many days do I have to return a laptop?", "30"),
    ("Does the warranty cover water damage?", "no"),
    ("What does express delivery cost?", "9"),
    ("Can I change the address of a parcel?", "yes"),
    ("How long is the warranty?", "24"),
    ("Is the gift card refundable?", "no"),
]
ANSWERS = ["30", "no", "9", "yes", "12", "no"]


@scorer(metrics=[mean(), stderr()])
def closeness():
    """A score from 0 to 1 per answer."""

    async def score(state, target):
        return Score(value=0.25 + 0.125 * (len(state.output.completion) % 4))

    return score


@scorer(metrics=[accuracy(), stderr()])
def graded():
    """One answer each: correct, incorrect, partly right, not given."""
    grades = {"30": CORRECT, "9": INCORRECT, "yes": PARTIAL, "12": NOANSWER}

    async def score(state, target):
        return Score(value=grades.get(state.output.completion, CORRECT))

    return score


@scorer(metrics=[accuracy(), stderr()])
def unsure():
    """Gives no score at all for one of the answers."""

    async def score(state, target):
        if state.output.completion == "12":
            return None
        return Score(value=CORRECT if state.output.completion == target.text else INCORRECT)

    return score


@scorer(metrics={"polite": [accuracy()], "*": [mean()]})
def styled():
    """Two judgements of one answer."""

    async def score(state, target):
        return Score(
            value={"polite": len(state.output.completion) > 1, "length": len(state.output.completion) / 4}
        )

    return score


@solver
def breaks_on(word: str):
    async def solve(state, generate):
        if word in state.input_text:
            raise RuntimeError("the tool gave up")
        return state

    return solve


@solver
def killed_at(word: str):
    async def solve(state, generate):
        if word in state.input_text:
            os._exit(1)
        return state

    return solve


def dataset(size=None):
    samples = [
        Sample(input=question, target=target, id=i)
        for i, (question, target) in enumerate(QUESTIONS[:size], 1)
    ]
    return MemoryDataset(samples, name="claims-golden")


def answer(messages, tools, tool_choice, config):
    """What the mock model says: always the same to the same question."""
    asked = [question for question, _ in QUESTIONS].index(messages[-1].text)
    output = ModelOutput.from_content("mockllm/model", ANSWERS[asked])
    output.usage = ModelUsage(input_tokens=12, output_tokens=2, total_tokens=14)
    return output


def model():
    return get_model("mockllm/model", custom_outputs=answer)


def task(name, scorers, *steps, dataset_of=None):
    return Task(
        dataset=dataset(dataset_of), solver=[*steps, generate()], scorer=scorers, name=name, version=3
    )


def wavering(messages, tools, tool_choice, config):
    """The answer, or two times in five a shrug."""
    output = answer(messages, tools, tool_choice, config)
    wavering.asked = getattr(wavering, "asked", 0) + 1
    return (
        output
        if wavering.asked % 5 > 1
        else ModelOutput.from_content("mockllm/model", "?").model_copy(update={"usage": output.usage})
    )


def main(wanted: str) -> None:
    options = {"log_dir": "logs", "display": "none", "max_connections": 1, "max_samples": 1, "log_buffer": 1}
    match wanted:
        case "match":
            run(task("claims_match", equals()), model=model(), log_format="json", limit=4, **options)
        case "whole":
            run(task("claims_whole", equals(), dataset_of=4), model=model(), log_format="json", **options)
        case "many":
            scorers = [equals(), closeness(), graded(), unsure(), styled()]
            run(task("claims_many", scorers), model=model(), log_format="eval", **options)
        case "epochs":
            epochs = Epochs(3, ["mean", "pass_at_2"])
            wavers = get_model("mockllm/model", custom_outputs=wavering)
            run(task("claims_epochs", equals()), model=wavers, epochs=epochs, log_format="eval", **options)
        case "errors":
            steps = breaks_on("gift")
            run(
                task("claims_errors", equals(), steps),
                model=model(),
                fail_on_error=False,
                log_format="eval",
                **options,
            )
        case "broken":
            steps = breaks_on("warranty")
            run(task("claims_broken", equals(), steps), model=model(), log_format="json", limit=2, **options)
        case "killed":
            steps = killed_at("parcel")
            run(task("claims_killed", equals(), steps), model=model(), log_format="eval", **options)


if __name__ == "__main__":
    main(sys.argv[1])
