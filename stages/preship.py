"""The eight questions before a feature ships, answered from the records and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

from stages.evidence import Answer, Standing


class Reply(StrEnum):
    """The answer to a question. Stale: it was yes once, for another release or until it expired."""

    YES = "yes"
    NO = "no"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the records say beside the evidence, such as which triggers may act.

    ``remedy`` says what to do where it does not hold; ``link`` is what it is about, as a path below the feature.
    """

    message: str
    _: KW_ONLY
    holds: bool
    remedy: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. ``about`` are the keys of the requirements that answer it, as far as a plan has them."""

    key: str
    text: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question with its answer, and what the answer rests on."""

    question: Question
    reply: Reply
    standings: tuple[Standing, ...] = ()
    facts: tuple[Fact, ...] = ()


QUESTIONS: tuple[Question, ...] = (
    Question(
        key="success",
        text="Is success defined in the terms of production?",
        about=(
            "production-success",
            "baseline-metric",
            "release-hypothesis",
            "use-case-brief",
            "expected-roi",
        ),
    ),
    Question(
        key="evaluation",
        text="Is there an evaluation over the full pipeline?",
        about=(
            "evaluation-report",
            "golden-set",
            "acceptance-threshold",
            "failure-taxonomy",
            "regression-suite",
            "production-evaluation",
            "retrieval-test",
        ),
    ),
    Question(
        key="guardrails",
        text="Are guardrails part of the architecture?",
        about=("guardrail-check", "policy-and-pii-check", "permission-separation", "autonomy-cap"),
    ),
    Question(
        key="access",
        text="Does retrieval obey who may see what?",
        about=("permission-check", "source-inventory", "freshness-and-revocation"),
    ),
    Question(
        key="traceability",
        text="Can one response be traced to what made it?",
        about=("audit-logging", "citation-check"),
    ),
    Question(
        key="monitoring",
        text="Would somebody notice if quality fell?",
        about=("monitoring", "feedback-labels", "monitoring-stable"),
    ),
    Question(
        key="human_review",
        text="Is there a way to a human reviewer?",
        about=("human-review", "escalation-rules"),
    ),
    Question(
        key="rollback",
        text="Is it settled what takes it back?",
        about=(
            "rollback-drill",
            "fallback",
            "fallback-drill",
            "shutdown-threshold",
            "runbook",
            "incident-path",
        ),
    ),
)
"""The questions, in the order they are asked."""


def answer(question: Question, standings: Iterable[Standing], facts: Iterable[Fact] = ()) -> Answered:
    """Answer a question from how the requirements of the stage stand, and from facts.

    Yes is said only if there is something to say it from, and all of it holds, what the stage only reminds of too.
    """
    mine = tuple(each for each in standings if each.requirement.key in question.about)
    told = tuple(facts)
    return Answered(question=question, reply=_reply(mine, told), standings=mine, facts=told)


def _reply(standings: tuple[Standing, ...], facts: tuple[Fact, ...]) -> Reply:
    if not standings and not facts:
        return Reply.NO
    open_ones = {each.answer for each in standings if not each.holds}
    if not all(fact.holds for fact in facts) or open_ones - {Answer.STALE, Answer.EXPIRED}:
        return Reply.NO
    return Reply.STALE if open_ones else Reply.YES
