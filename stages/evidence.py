"""Whether what was handed in answers what is required."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from stages.refusals import Refusal
from stages.release import Part
from stages.report import MAX_UNJUDGED, EvalReport, Metric, MetricKind
from stages.requirement import Artifact, Missed, Requirement, Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Something handed in for a requirement.

    ``release`` is the id it was made for, or None if it is about the whole feature; ``parts`` are the digests of that
    release's parts. Without ``expires_at`` it never expires. ``report`` is what an evaluation found, if it is one.
    """

    id: str
    requirement: str
    release: str | None = None
    parts: Mapping[Part, str] = field(default_factory=dict)
    made_at: datetime
    expires_at: datetime | None = None
    sha256: str = ""
    report: EvalReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A named person let a requirement pass for a while, because a trigger watches in its place.

    ``release`` is the id it was given for, or None if the requirement is about the feature.
    """

    id: str
    requirement: str
    release: str | None
    approver: str
    reason: str
    trigger: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the evidence is asked about: one release of one feature.

    ``parts`` are the digests of the release's parts; ``filled`` are the fields of the feature's record that say
    something, in its ``version``; ``watching`` are the keys of the triggers that may act and see.
    """

    release: str | None = None
    parts: Mapping[Part, str] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    version: int = 1
    watching: frozenset[str] = frozenset()


class Answer(StrEnum):
    """How a requirement stands."""

    MET = "met"
    WAIVED = "waived"
    MISSING = "missing"
    UNCHECKED = "unchecked"
    INSUFFICIENT = "insufficient"
    FAILED = "failed"
    STALE = "stale"
    EXPIRED = "expired"


_REFUSALS = {
    Answer.MISSING: Refusal("evidence_missing", "", ""),
    Answer.UNCHECKED: Refusal("evidence_unchecked", "", ""),
    Answer.INSUFFICIENT: Refusal("evidence_insufficient", "", ""),
    Answer.FAILED: Refusal("evidence_failed", "", ""),
    Answer.STALE: Refusal("evidence_stale", "", ""),
    Answer.EXPIRED: Refusal("evidence_expired", "", ""),
}
"""The reason against going up that each answer is, but for its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a requirement stands, and by what: the id of evidence or of a waiver, or empty.

    ``message`` says so in words, ``remedy`` how to change it. ``bound`` is what the cases support of the metric.
    """

    requirement: Requirement
    answer: Answer
    by: str = ""
    message: str = ""
    remedy: str = ""
    bound: float | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing more is needed."""
        return self.answer in (Answer.MET, Answer.WAIVED)

    @property
    def reminds(self) -> bool:
        """Whether it is a gap that is named and keeps nothing from going up."""
        return not self.holds and self.requirement.missed is Missed.REMIND

    @property
    def refuses(self) -> bool:
        """Whether it is a gap that nothing goes up with."""
        return not self.holds and not self.reminds

    @property
    def refusal(self) -> Refusal:
        """The reason against going up that an unmet requirement is."""
        return replace(
            _REFUSALS[self.answer], message=self.message, remedy=self.remedy, field=self.requirement.key
        )


def stand(
    need: Requirement,
    subject: Subject,
    evidence: Iterable[Evidence],
    waivers: Iterable[Waiver],
    now: datetime,
) -> Standing:
    """How a requirement stands.

    The newest evidence that says yes or no about this release decides, so that a good run never hides a later bad one.
    Where nothing holds, a living waiver does; otherwise the answer names what comes nearest.
    """
    standing = _by_evidence(need, subject, evidence, now)
    if standing.holds:
        return standing
    waiver = next((item for item in waivers if _lets_pass(item, need, subject, now)), None)
    if waiver is None:
        return standing
    message = (
        f"waived by {waiver.approver} until {waiver.expires_at:%Y-%m-%d}, "
        f"while the trigger {waiver.trigger} watches: {waiver.reason}"
    )
    return Standing(requirement=need, answer=Answer.WAIVED, by=waiver.id, message=message)


def check(need: Requirement, report: EvalReport) -> Standing:
    """Whether a report by itself meets a requirement: met, failed or insufficient.

    What misses its threshold whatever the missing cases would have said has failed, however little was run: otherwise
    a broken run would let an older pass stand.
    """
    metric = report.metric(need.threshold.metric) if need.threshold else None
    if need.threshold and metric and _misses_anyhow(need.threshold, metric):
        return _by_bound(need, need.threshold, metric)
    if report.partial:
        message = f"the run is partial: {report.partial}"
        return _standing(need, Answer.INSUFFICIENT, message, "run the whole evaluation")
    if bare := [layer for layer in need.layers if not report.dataset.layers.get(layer)]:
        message = f"no case of the layers {', '.join(bare)}"
        return _standing(need, Answer.INSUFFICIENT, message, "add cases and mark each with its layer")
    if need.threshold is None:
        return _of_size(need, report)
    if metric is None:
        known = ", ".join(metric.name for metric in report.metrics[:20]) or "none at all"
        message = f"the report has no metric {need.threshold.metric}; it has {known}"
        return _standing(need, Answer.INSUFFICIENT, message, f"evaluate {need.threshold.metric} too")
    return _against(need, need.threshold, metric)


def _by_evidence(
    need: Requirement, subject: Subject, evidence: Iterable[Evidence], now: datetime
) -> Standing:
    if need.artifact is Artifact.RECORD:
        return _by_record(need, subject)
    answers = sorted(
        (item for item in evidence if item.requirement == need.key), key=lambda item: item.made_at
    )
    if not answers:
        message = f"no evidence for {_what(need)}"
        return _standing(need, Answer.MISSING, message, f"add evidence for {need.key}")
    return _nearest([_judge(need, subject, item, now) for item in reversed(answers)])


def _nearest(standings: list[Standing]) -> Standing:
    """Of standings from new to old the one that counts."""
    for answers in ((Answer.MET, Answer.FAILED), (Answer.INSUFFICIENT, Answer.UNCHECKED)):
        for standing in standings:
            if standing.answer in answers:
                return standing
    if all(standing.answer is Answer.EXPIRED for standing in standings):
        return standings[0]
    return next(standing for standing in standings if standing.answer is Answer.STALE)


def _by_record(need: Requirement, subject: Subject) -> Standing:
    bare = [name for name in need.fields if name not in subject.filled]
    if not bare:
        return _standing(need, Answer.MET, "the record of the feature says so", by="record")
    message = f"{_what(need)}: the feature's record lacks {', '.join(bare)}"
    return _standing(need, Answer.MISSING, message, f"fill in {', '.join(bare)}")


def _judge(need: Requirement, subject: Subject, evidence: Evidence, now: datetime) -> Standing:
    if is_expired(need, evidence, now):
        message = f"the evidence for {_what(need)} has expired"
        return _standing(need, Answer.EXPIRED, message, f"renew {need.key}", by=evidence.id)
    if changed := _changed(need, subject, evidence):
        message = f"the evidence for {_what(need)} is for another release: {changed}"
        return _standing(need, Answer.STALE, message, f"repeat {need.key} with this release", by=evidence.id)
    if need.artifact is Artifact.DRILL and evidence.report is not None:
        return _rehearsed(need, evidence.report, evidence.id)
    if need.artifact is not Artifact.EVAL_REPORT or not _has_limits(need):
        return _standing(need, Answer.MET, f"{need.title}: shown", by=evidence.id)
    if evidence.report is None:
        message = f"the evidence for {_what(need)} is not a report that could be checked"
        return _standing(need, Answer.UNCHECKED, message, "import the report file itself", by=evidence.id)
    checked = check(need, evidence.report)
    return _standing(
        need, checked.answer, f"{need.title}: {checked.message}", checked.remedy, evidence.id, checked.bound
    )


def _rehearsed(need: Requirement, report: EvalReport, by: str) -> Standing:
    """A rehearsal that was measured holds unless something in it failed: then it showed that the way back does not."""
    counted = [metric for metric in report.metrics if metric.kind is MetricKind.PASS_RATE]
    cases, passed = sum(metric.n for metric in counted), sum(metric.passed for metric in counted)
    if passed < cases:
        message = f"{need.title}: {cases - passed} of {cases} failed in the drill"
        return _standing(need, Answer.FAILED, message, "mend what kept them, and drill again", by=by)
    return _standing(need, Answer.MET, f"{need.title}: shown", by=by)


def _has_limits(need: Requirement) -> bool:
    return bool(need.threshold or need.min_samples or need.layers)


def expiry(need: Requirement | None, evidence: Evidence) -> datetime | None:
    """From when on evidence is too old, None if never: by its own date, or by the age that the requirement allows.

    Without a requirement, by its own date alone.
    """
    by_age = evidence.made_at + timedelta(seconds=need.valid_s) if need and need.valid_s is not None else None
    return min((end for end in (evidence.expires_at, by_age) if end is not None), default=None)


def is_expired(need: Requirement, evidence: Evidence, now: datetime) -> bool:
    """Whether evidence is too old; see `expiry`."""
    end = expiry(need, evidence)
    return end is not None and end <= now


def _changed(need: Requirement, subject: Subject, evidence: Evidence) -> str:
    """What differs between the release that the evidence is about and this one; empty if nothing that matters."""
    if not need.proves or (evidence.release is not None and evidence.release == subject.release):
        return ""
    if evidence.release is None or subject.release is None:
        return "it names none, or there is none"
    # A part of which nothing is known is not known to be the same.
    other = [
        part
        for part in Part
        if part in need.proves
        and (part not in evidence.parts or evidence.parts[part] != subject.parts.get(part))
    ]
    return f"{_listed(other)} changed since {evidence.release}" if other else ""


def _listed(parts: list[Part]) -> str:
    names = [part.value.replace("_", " ") for part in parts]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _lets_pass(waiver: Waiver, need: Requirement, subject: Subject, now: datetime) -> bool:
    return (
        need.missed is Missed.WAIVE
        and waiver.requirement == need.key
        and (not need.proves or waiver.release == subject.release)
        and now < waiver.expires_at
        and waiver.trigger in subject.watching
    )


def _of_size(need: Requirement, report: EvalReport) -> Standing:
    cases = max((metric.n for metric in report.metrics), default=0)
    if cases < need.min_samples:
        return _standing(need, Answer.INSUFFICIENT, *_too_few(cases, need.min_samples))
    return _standing(need, Answer.MET, f"{cases} cases")


def _against(need: Requirement, threshold: Threshold, metric: Metric) -> Standing:
    if _is_no_share(threshold, metric):
        message = f"{metric.name} is a count; a share of the cases is asked"
        return _standing(need, Answer.INSUFFICIENT, message, f"report {metric.name} as a pass rate or a mean")
    if metric.n < (least := max(1, need.min_samples)):
        return _standing(need, Answer.INSUFFICIENT, *_too_few(metric.n, least))
    if metric.value is None or metric.unjudged_share > MAX_UNJUDGED:
        unjudged = metric.errored + metric.unscored
        message = f"{unjudged} of {metric.n} cases ended in an error or without a score"
        remedy = f"mend the run; at most {MAX_UNJUDGED:.0%} may end so"
        return _standing(need, Answer.INSUFFICIENT, message, remedy)
    return _by_bound(need, threshold, metric)


def _by_bound(need: Requirement, threshold: Threshold, metric: Metric) -> Standing:
    bound, is_met, limit = _compared(threshold, metric)
    message = f"{metric.name} {_shown(metric)}, {bound:.4g} by its {threshold.confidence:.0%} bound; {limit} is asked"
    if is_met:
        return _standing(need, Answer.MET, message, bound=bound)
    return _standing(need, Answer.FAILED, message, "improve the release, or add cases", bound=bound)


def _misses_anyhow(threshold: Threshold, metric: Metric) -> bool:
    """Whether the limit is missed even if every case without a judgement had gone well."""
    if metric.value is None or _is_no_share(threshold, metric):
        return False
    if threshold.at_least is not None:
        return metric.allows_at_most(threshold.confidence) < threshold.at_least
    return metric.supports_at_least(threshold.confidence) > (threshold.at_most or 0.0)


def _is_no_share(threshold: Threshold, metric: Metric) -> bool:
    """Whether a share is asked for and a count was found: 3 findings are not at least 80 %."""
    limit = threshold.at_most if threshold.at_least is None else threshold.at_least
    return metric.kind is MetricKind.COUNT and 0.0 < (limit or 0.0) < 1.0


def _compared(threshold: Threshold, metric: Metric) -> tuple[float, bool, str]:
    """What the cases support, whether that is enough, and the limit in words."""
    if threshold.at_least is not None:
        bound = metric.supports_at_least(threshold.confidence)
        return bound, bound >= threshold.at_least, f"at least {threshold.at_least:g}"
    bound, most = metric.allows_at_most(threshold.confidence), threshold.at_most or 0.0
    return bound, bound <= most, f"at most {most:g}"


def _shown(metric: Metric) -> str:
    if metric.kind is MetricKind.PASS_RATE:
        return f"{metric.passed} of {metric.n}"
    return f"{metric.value:.4g} over {metric.n}" if metric.kind is MetricKind.MEAN else f"{metric.value:g}"


def _too_few(cases: int, least: int) -> tuple[str, str]:
    return f"{cases} of at least {least} cases", f"evaluate at least {least}"


def _what(need: Requirement) -> str:
    return f"{need.title} ({need.gate})"


def _standing(
    need: Requirement,
    answer: Answer,
    message: str,
    remedy: str = "",
    by: str = "",
    bound: float | None = None,
) -> Standing:
    return Standing(requirement=need, answer=answer, message=message, remedy=remedy, by=by, bound=bound)
