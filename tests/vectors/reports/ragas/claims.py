"""Scores a few answers with metrics of Ragas that ask no model, and writes the result as CSV and as JSON Lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragas import EvaluationDataset, SingleTurnSample, evaluate
from ragas.metrics import BleuScore, ExactMatch, NonLLMStringSimilarity, RougeScore
from ragas.metrics.base import MetricType, SingleTurnMetric
from ragas.run_config import RunConfig

CASES = [
    ("How many days do I have to return a laptop?", "You have 30 days.", "You have 30 days."),
    ("Does the warranty cover water damage?", "No, it does not.", "No, the warranty does not cover it."),
    ("What does express delivery cost?", "It costs 9 euro,\nor nothing above 50.", "It costs 9 euro."),
    ("Can I change the address of a parcel?", "Yes.", "Yes."),
    ("How long is the warranty?", "It depends", "24 months"),
    ("Is the gift card refundable?", "No.", "No."),
]


@dataclass
class Steady(SingleTurnMetric):
    """Breaks on one answer, as a judge does that times out."""

    name: str = "steady"
    _required_columns: dict = field(default_factory=lambda: {MetricType.SINGLE_TURN: {"response"}})

    def init(self, run_config):
        pass

    async def _single_turn_ascore(self, sample, callbacks):
        if "depends" in sample.response:
            raise TimeoutError("the judge did not answer")
        return 1.0 if len(sample.response) < 20 else 0.5


@dataclass
class Words(SingleTurnMetric):
    """How many words an answer has: a number, but no share."""

    name: str = "words"
    _required_columns: dict = field(default_factory=lambda: {MetricType.SINGLE_TURN: {"response"}})

    def init(self, run_config):
        pass

    async def _single_turn_ascore(self, sample, callbacks):
        return float(len(sample.response.split()))


def main() -> None:
    samples = [
        SingleTurnSample(
            user_input=asked,
            retrieved_contexts=[expected, "Terms, page 4"],
            response=said,
            reference=expected,
        )
        for asked, said, expected in CASES
    ]
    metrics = [ExactMatch(), NonLLMStringSimilarity(), BleuScore(), RougeScore(), Steady(), Words()]
    result = evaluate(
        EvaluationDataset(samples=samples),
        metrics=metrics,
        run_config=RunConfig(max_retries=1),
        raise_exceptions=False,
    )
    table = result.to_pandas()
    table.to_csv("claims.csv", index=False)
    table.to_csv("indexed.csv")
    table.to_json("claims.jsonl", orient="records", lines=True)


if __name__ == "__main__":
    main()
