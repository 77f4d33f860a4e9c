"""A completion function that breaks in the middle of a run, as a model does whose quota is used up."""

from __future__ import annotations

from evals.api import CompletionFn, DummyCompletionResult


class Breaks(CompletionFn):
    """Answers like evals' own ``dummy``, until a question about gift cards."""

    def __init__(self, **options):
        """Take no option."""

    def __call__(self, prompt, **kwargs):
        if "gift card" in str(prompt):
            raise RuntimeError("the quota is used up")
        return DummyCompletionResult()
