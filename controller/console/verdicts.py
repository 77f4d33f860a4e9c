"""A verdict in words, with the numbers it rests on: how bad, how far from the limit, and what would be noticed when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import cast

from controller.console.words import about, count, duration, duration_of, exact_time, sentence
from controller.store.readings import StoredReading
from controller.store.triggers import StoredTrigger
from triggers import (
    Detection,
    Lack,
    Method,
    Policy,
    Reaction,
    Trigger,
    TriggerClass,
    Unforeseeable,
    Verdict,
    bar_of,
)
from triggers.methods import AnyEvent, Budget, BurnRate, Evidence, EvidenceCusum, Threshold
from triggers.methods.burn_rate import pairs_of

Numbers = Mapping[str, float]

_BY_MEASURE: Mapping[str, str] = {
    "unsupported": "unsupported",
    "hallucinated_citation": "with a made-up citation",
    "sensitive_data": "with sensitive data",
    "rejected": "rejected by reviewers",
    "abandoned": "abandoned",
    "escalated": "escalated",
    "error": "failed",
    "slow": "too slow",
    "costly": "too costly",
}
"""What a bad answer is, for each measure of the outcomes that products report."""
_BY_CLASS: Mapping[TriggerClass, str] = {
    TriggerClass.UNSUPPORTED_ANSWERS: "unsupported",
    TriggerClass.GROUNDING: "not grounded",
    TriggerClass.REVIEWER_REJECTION: "rejected by reviewers",
    TriggerClass.HALLUCINATED_CITATIONS: "with a made-up citation",
    TriggerClass.SENSITIVE_DATA: "with sensitive data",
    TriggerClass.LATENCY: "too slow",
    TriggerClass.COST: "too costly",
    TriggerClass.ABANDONMENT: "abandoned",
    TriggerClass.ESCALATION: "escalated",
    TriggerClass.ERRORS: "failed",
    TriggerClass.GUARDRAIL_ERRORS: "without their guardrails",
}


def verdict_words(item: StoredTrigger, newest: StoredReading | None, noticed: str = "") -> str:
    """The newest verdict in one sentence; ``noticed`` is what would be noticed when, told only where it could judge.

    Without the reading that it came from, it is what was said when it was judged.
    """
    if newest is None or (newest.verdict, newest.sentence) != (item.verdict, item.sentence):
        return item.sentence
    verdict = Verdict(newest.verdict)
    if item.state.lack is not None:
        return _blind(item, newest, item.state.lack)
    if verdict is Verdict.INSUFFICIENT:
        return f"too little to judge: {item.sentence}"
    tell = _TELLS.get(type(item.trigger.method))
    if tell is None or not newest.numbers or verdict.is_blind:
        return item.sentence
    told = tell(item, newest.numbers)
    return f"{told}; {noticed}" if noticed else told


def noticed_words(trigger: Trigger, detection: Detection) -> str:
    """What would be noticed within how many answers, as a part of a sentence; empty where that cannot be told."""
    try:
        share = bar_of(trigger.method, trigger.sharing).share
    except Unforeseeable:
        return ""
    if detection.answers is None or detection.expected_s is None:
        return detection.sentence.removeprefix(f"{trigger.key}: ")
    answers = about(max(1.0, detection.answers))
    time = duration_of(timedelta(seconds=round(detection.expected_s)))
    return f"would be noticed at {percentage(share)} within about {answers} answers, {time} at this traffic"


def percentage(share: float) -> str:
    """A share with three digits that count: 5%, 8.57%."""
    return f"{share * 100:.3g}%"


def bad_words(item: StoredTrigger) -> str:
    """What a bad answer is called that this trigger counts."""
    by_measure = _BY_MEASURE.get(item.query.get("measure", ""), "")
    return by_measure or _BY_CLASS.get(item.trigger.trigger_class, "bad")


def _threshold(item: StoredTrigger, numbers: Numbers) -> str:
    method, measured, samples = (
        cast("Threshold", item.trigger.method),
        numbers["measured"],
        numbers.get("samples"),
    )
    if _is_share(item):
        bad = round(measured * (samples or 0))
        what = (
            f"{count(bad)} of {count(round(samples or 0))} answers {bad_words(item)} ({percentage(measured)})"
        )
        limit = percentage(numbers["limit"])
    else:
        what = f"{measured:,.6g}" + (
            f" from {count(round(samples))} samples" if samples and samples > 1 else ""
        )
        limit = f"{numbers['limit']:,.6g}"
    side = "lower limit" if method.below else "limit"
    beside = (
        f", as the baseline allows ({_baseline(item, numbers['baseline'])})" if "baseline" in numbers else ""
    )
    tally = (
        f"; beyond it in {numbers['beyond']:.0f} of the last {method.k} readings, {method.m} needed"
        if method.k > 1
        else ""
    )
    return f"{what}; {side} {limit}{beside}{tally}"


def _is_share(item: StoredTrigger) -> bool:
    return not {"value", "count", "aggregation"} & set(item.query)


def _baseline(item: StoredTrigger, measured: float) -> str:
    return percentage(measured) if _is_share(item) else f"{measured:,.6g}"


def _any_event(item: StoredTrigger, numbers: Numbers) -> str:
    seen, enough = round(numbers["seen"]), round(numbers["limit"])
    return f"{count(seen)} {bad_words(item)} since the last acknowledgement; {count(enough)} would be enough"


def _evidence(item: StoredTrigger, numbers: Numbers) -> str:
    return _weighed(item, numbers, "")


def _cusum(item: StoredTrigger, numbers: Numbers) -> str:
    return _weighed(item, numbers, "the last ")


def _weighed(item: StoredTrigger, numbers: Numbers, which: str) -> str:
    bad, total = round(numbers["bad"]), round(numbers["total"])
    return (
        f"{count(bad)} of {which}{count(total)} answers {bad_words(item)}; limit {percentage(numbers['limit'])}; "
        f"evidence {numbers['evidence']:.1f} of {numbers['needed']:.1f} needed"
    )


def _burn_rate(item: StoredTrigger, numbers: Numbers) -> str:
    method, limit = cast("BurnRate", item.trigger.method), numbers["limit"]
    pair = next((each for each in pairs_of(method) if each.factor == numbers["factor"]), None)
    long, short = (
        (duration(pair.long_s), duration(pair.short_s)) if pair else ("the long", "the short window")
    )
    burns = (numbers[f"bad{which}"] / (numbers[f"total{which}"] or 1) / limit for which in ("", "_short"))
    one, other = (f"{burn:.3g}" for burn in burns)
    return (
        f"{numbers['bad']:,.0f} of {numbers['total']:,.0f} answers {bad_words(item)} in {long} and "
        f"{numbers['bad_short']:,.0f} of {numbers['total_short']:,.0f} in {short}; limit {percentage(limit)}; "
        f"used up {one} and {other} times too fast of {numbers['factor']:.3g} needed in both"
    )


def _budget(item: StoredTrigger, numbers: Numbers) -> str:
    method = cast("Budget", item.trigger.method)
    ahead = f"; {numbers['projected']:,.2f} by its end at this pace" if method.project else ""
    return (
        f"{numbers['spent']:,.2f} of {numbers['amount']:,.2f} {method.currency} spent this {method.period} "
        f"({percentage(numbers['spent'] / numbers['amount'])}){ahead}; "
        f"warns at {numbers['alert_at']:,.2f}, shuts down at {numbers['shutdown_at']:,.2f}"
    )


_TELLS: Mapping[type[Method], Callable[[StoredTrigger, Numbers], str]] = {
    Threshold: _threshold,
    AnyEvent: _any_event,
    Evidence: _evidence,
    EvidenceCusum: _cusum,
    BurnRate: _burn_rate,
    Budget: _budget,
}


def _blind(item: StoredTrigger, newest: StoredReading, lack: Lack) -> str:
    """Why there is nothing to judge, since when, and what follows from that."""
    lasted = newest.evaluated_at - (item.state.lack_since or newest.evaluated_at)
    since = f" So for {duration_of(lasted)}." if lasted else ""
    follows = (
        _FOLLOWS[policy.do](policy, lack, item.trigger.interval_s) if (policy := _policy(item, lack)) else ""
    )
    return f"{sentence(_why(item, newest, lack))}{since} {follows}".strip()


def _why(item: StoredTrigger, newest: StoredReading, lack: Lack) -> str:
    source, message = item.source_key, newest.message or item.sentence
    if lack is Lack.STALE and newest.newest_sample_at is not None:
        age = duration_of(newest.evaluated_at - newest.newest_sample_at)
        most = duration(item.trigger.max_staleness_s)
        of = exact_time(newest.newest_sample_at)
        return f"the newest data of {source} is {age} old, of {of}; at most {most} is fresh"
    if lack is Lack.NO_DATA:
        window = duration(round((newest.window_end - newest.window_start).total_seconds()))
        return f"{source} has nothing for the last {window}: {message}"
    if lack is Lack.PARTIAL:
        return f"{source} answered with a part of the data only: {message}"
    return f"{source} gave no answer that can be used: {message}"


def _policy(item: StoredTrigger, lack: Lack) -> Policy | None:
    return item.rule.policies.get(lack)


def _after(policy: Policy, lack: Lack, interval_s: int) -> str:
    wait = policy.wait_s(lack, interval_s)
    return f" after {duration(wait)}" if wait else ""


_FOLLOWS: Mapping[Reaction, Callable[[Policy, Lack, int], str]] = {
    Reaction.IGNORE: lambda *_: "It is shown, and nothing follows from it.",
    Reaction.HOLD: lambda *lack: f"The feature does not go up{_after(*lack)}, and nothing is taken away.",
    Reaction.NOTIFY: lambda *lack: f"The feature does not go up, and somebody is told{_after(*lack)}.",
    Reaction.ACT: lambda *lack: f"It is taken for a breach{_after(*lack)}.",
}
