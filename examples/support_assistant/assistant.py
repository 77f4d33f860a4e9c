"""The product: asks Headgate what it may do, does that, and reports what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from headgate import Run

from examples.support_assistant.checks import Judgement, judge
from examples.support_assistant.gate import Gate
from examples.support_assistant.model import Completion, LanguageModel, ModelError, Release
from examples.support_assistant.outcome import (
    REPLY_DRAFTS,
    SUPPORT_ASSISTANT,
    Draft,
    Feature,
    Outcome,
    Reply,
    State,
)
from examples.support_assistant.prices import cost_usd
from examples.support_assistant.retrieval import Passage, Retriever
from examples.support_assistant.review import Reviewed, ReviewQueue

WITHHELD = "We cannot show this answer here. A colleague will contact you."
HELD = "A colleague is checking the answer and will send it to you."
NOTHING_FOUND = "We found no page about this. Please call 0808 157 0142."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One question while it is served. `started` is a reading of the clock in seconds."""

    feature: Feature
    run: Run
    user: str
    question: str
    passages: tuple[Passage, ...]
    started: float

    @property
    def links(self) -> tuple[str, ...]:
        return tuple(passage.id for passage in self.passages)


class Assistant:
    """Answers questions of customers and drafts replies for staff, as far as Headgate allows.

    `clock` returns seconds and is read to measure latency. One assistant may be used from several threads.
    """

    def __init__(
        self,
        client: Gate,
        model: LanguageModel,
        retriever: Retriever,
        *,
        reviews: ReviewQueue | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put the parts together; nothing is asked or started yet."""
        self._client = client
        self._model = model
        self._retriever = retriever
        self._clock = clock
        self.reviews = reviews if reviews is not None else ReviewQueue()

    def answer(self, user: str, question: str, cohorts: Sequence[str] = ()) -> Reply:
        """Answer a customer's question (feature `support-assistant`)."""
        return self.serve(SUPPORT_ASSISTANT, user, question, cohorts)

    def draft_reply(self, user: str, question: str, cohorts: Sequence[str] = ("staff",)) -> Reply:
        """Draft the e-mail in which a member of staff answers a question (feature `reply-drafts`)."""
        return self.serve(REPLY_DRAFTS, user, question, cohorts)

    def serve(self, feature: Feature, user: str, question: str, cohorts: Sequence[str] = ()) -> Reply:
        """Do what Headgate decides for this feature and user; every call ends in exactly one outcome.

        The outcome of an answer that is held is reported once it was reviewed, see `review_next`.
        """
        started = self._clock()
        with self._client.run(feature.key, user, task=feature.task, cohorts=cohorts) as run:
            case = _Case(
                feature=feature,
                run=run,
                user=user,
                question=question,
                passages=self._retriever.search(question),
                started=started,
            )
            return self._reply_to(case)

    def _reply_to(self, case: _Case) -> Reply:
        if not case.run.enabled:
            return self._searched(case, Outcome(latency_ms=self._since(case.started)))
        try:
            draft = self._draft(case)
        except ModelError:
            return self._searched(case, Outcome(latency_ms=self._since(case.started), error=True))
        return self._held(case, draft) if case.run.needs_review() else self._shown(case, draft)

    def review_next(self) -> Reviewed | None:
        """Let the reviewer read the oldest held answer and report its outcome; None when none waits."""
        reviewed = self.reviews.review_next()
        if reviewed is not None:
            reviewed.draft.run.finish(review=reviewed.verdict)
        return reviewed

    def _draft(self, case: _Case) -> Draft:
        decision = case.run.decision
        release = Release.of(decision.release, decision.value)
        completion = self._model.complete(release, case.user, case.question, case.passages)
        judgement = judge(completion.text, self._retriever.passages, case.links)
        return Draft(
            feature=case.feature,
            run=case.run,
            release=release,
            completion=completion,
            judgement=judgement,
            outcome=_measured(release, completion, judgement, self._since(case.started)),
        )

    def _shown(self, case: _Case, draft: Draft) -> Reply:
        guarded = draft.judgement.sensitive_data
        # The guard hides the text, not the fact: the outcome says that the model wrote it.
        outcome = replace(draft.outcome, escalated=guarded or draft.judgement.abstained)
        case.run.say(**outcome.as_report())
        if guarded:
            return _reply(case, "withheld", WITHHELD, outcome)
        text = f"{case.feature.opening}{draft.completion.text}{case.feature.closing}"
        return _reply(case, "answered", text, outcome)

    def _held(self, case: _Case, draft: Draft) -> Reply:
        if not self.reviews.put(draft):
            return self._searched(case, draft.outcome)
        case.run.say(**draft.outcome.as_report())
        case.run.hold()
        return _reply(case, "held", HELD, draft.outcome)

    def _searched(self, case: _Case, outcome: Outcome) -> Reply:
        case.run.say(**outcome.as_report())
        titles = (f"{passage.title} ({passage.id})" for passage in case.passages)
        return _reply(case, "searched", "\n".join(titles) or NOTHING_FOUND, outcome)

    def _since(self, started: float) -> int:
        return round((self._clock() - started) * 1000)


def _measured(release: Release, completion: Completion, judgement: Judgement, latency_ms: int) -> Outcome:
    return Outcome(
        latency_ms=latency_ms,
        cost_usd=cost_usd(release.model, completion.input_tokens, completion.output_tokens),
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        grounded=judgement.grounded,
        citations_valid=judgement.citations_valid,
        sensitive_data=judgement.sensitive_data,
        error=False,
    )


def _reply(case: _Case, state: State, text: str, outcome: Outcome) -> Reply:
    return Reply(
        feature=case.feature.key,
        mode=case.run.decision.mode,
        release=case.run.decision.release or "none",
        state=state,
        text=text,
        links=case.links,
        outcome=outcome,
    )
