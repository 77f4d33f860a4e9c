"""What a trigger will do, in words that need no manual."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from math import ceil
from typing import Any, cast

from controller.console.words import duration, duration_of, percent
from triggers import (
    METHODS,
    Action,
    Arming,
    Baseline,
    Lack,
    Method,
    Reading,
    Rung,
    Scope,
    Severity,
    Status,
    Trigger,
)
from triggers.methods import AnyEvent, Budget, BurnRate, Evidence, EvidenceCusum, Threshold

METHOD_TITLES: Mapping[str, tuple[str, str]] = {
    "any_event": ("Any event", "for what must never happen"),
    "threshold": ("Threshold", "a share or value at high traffic; m of k readings"),
    "evidence": ("Evidence", "a share in beta and pilot, or at low traffic"),
    "evidence_cusum": ("Evidence, CUSUM", "a share of a feature that has run for long"),
    "burn_rate": ("Burn rate", "busy features with an objective"),
    "budget": ("Budget", "money in a calendar period"),
}
MUTES: Mapping[str, str] = {"60": "1 h", "240": "4 h", "1440": "1 day", "10080": "7 days"}
"""For how many minutes a trigger can be muted, and how that is said."""
_PARAMS: Mapping[str, tuple[str, str]] = {
    "count": ("How many are too many", ""),
    "limit": ("Limit", "a share such as 5%, or in the unit of the value"),
    "min_samples": ("Needs at least", "answers; with fewer a reading says nothing"),
    "m": ("Beyond it in", "readings (m)"),
    "k": ("of the last", "readings (k)"),
    "below": ("Low is bad", "1 turns the comparison round"),
    "tolerance": ("Tolerance", "times the baseline is fine as well"),
    "baseline_min": ("Baseline needs", "answers before it is compared"),
    "alpha": ("Chance of ever a false alarm", "0.01 is one in a hundred"),
    "run_length": ("Evaluations between false alarms", "at the limit itself"),
    "pairs": ("Windows and factors", "such as 1h/5m 14.4x, 6h/30m 6x"),
    "amount": ("Amount", "that may be spent in a period"),
    "period": ("Period", "day, week or month"),
    "currency": ("Currency", "three letters"),
    "alert": ("Warn at", "a share of the amount"),
    "shutdown": ("Breach at", "a share of the amount"),
    "project": ("Look ahead", "0 leaves the projection out"),
}
_DOES: Mapping[Action, str] = {
    Action.NOTIFY: "gives notice",
    Action.REFRESH_DATA: "asks for fresh data",
    Action.UPDATE_EVAL_SET: "asks for a new evaluation set",
    Action.HOLD: "holds the feature: it does not go up",
    Action.NARROW: "narrows the feature",
    Action.REVIEW: "sends every answer to human review",
    Action.REVERT: "rolls back to the release before",
    Action.DISABLE: "switches the feature off",
    Action.DEMOTE: "demotes the feature by a stage",
}
_LACKS: Mapping[Lack, str] = {
    Lack.NO_DATA: "there is no data",
    Lack.PARTIAL: "only a part of the data is there",
    Lack.SOURCE_ERROR: "the source fails",
    Lack.STALE: "the newest data is too old",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamField:
    """A parameter of a method as a form asks for it; ``default`` is empty where it has to be given."""

    name: str
    label: str
    hint: str
    default: str


@dataclass(frozen=True, slots=True)
class RungWords:
    """A step of the ladder: when it is taken, and what it does."""

    when: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWords:
    """A rule in words. ``headline`` is the one sentence to remember it by."""

    headline: str
    watches: str
    breach: str
    ladder: tuple[RungWords, ...]
    ends: str
    may: str
    blind: tuple[str, ...]


def param_fields(method: str) -> list[ParamField]:
    """What a method asks for."""
    found = []
    for parameter in fields(cast("Any", METHODS[method])):
        label, hint = _PARAMS.get(parameter.name, (parameter.name, ""))
        default = parameter.default
        told = f"{default:g}" if isinstance(default, float) else str(default)
        required = not isinstance(default, int | float | str)
        found.append(
            ParamField(name=parameter.name, label=label, hint=hint, default="" if required else told)
        )
    return found


def is_share(query: Mapping[str, str]) -> bool:
    """Whether what comes back is a share of answers, as far as the query tells."""
    return not {"value", "count", "aggregation"} & set(query)


def rule_words(trigger: Trigger, source: str, query: Mapping[str, str]) -> RuleWords:
    """All that a rule does, in words. The trigger has a policy for every lack."""
    ladder = tuple(_rungs(trigger))
    return RuleWords(
        headline=_headline(trigger, ladder),
        watches=_watches(trigger, source),
        breach=_BREACH[type(trigger.method)](trigger, query) + _beside(trigger),
        ladder=ladder,
        ends=_ends(trigger),
        may=_MAY[trigger.arming],
        blind=tuple(_blind(trigger)),
    )


_MAY: Mapping[Arming, str] = {
    Arming.SHADOW: "It only watches: all this is recorded as what it would have done, and nothing happens.",
    Arming.HOLD: "It may keep the feature from going up while it fires, and does nothing else of this.",
    Arming.ACT: "It does this by itself, and nobody is asked.",
}


def _headline(trigger: Trigger, ladder: tuple[RungWords, ...]) -> str:
    """The first rung that moves traffic, or the first of all."""
    moving = (number for number, rung in enumerate(trigger.ladder) if rung.do.moves_traffic)
    rung = ladder[next(moving, 0)]
    would = {Arming.SHADOW: "In shadow, where it only records: ", Arming.HOLD: "Holds. Armed to act: "}
    before = would.get(trigger.arming, "")
    told = f"{rung.what} {rung.when}"
    return (before + told) if before else told[:1].upper() + told[1:]


def _watches(trigger: Trigger, source: str) -> str:
    whose = (
        "all releases"
        if trigger.scope is Scope.ALL
        else "the candidate, or the stable release if there is none"
    )
    every = f"Every {duration(trigger.interval_s)} it asks {source} about the answers of {whose}"
    method = trigger.method
    if method.contiguous:
        return f"{every}, those since the evaluation before."
    if isinstance(method, BurnRate | Budget):
        return f"{every}."
    return f"{every} in the last {duration(trigger.window_s)}."


def _threshold(trigger: Trigger, query: Mapping[str, str]) -> str:
    method = cast("Threshold", trigger.method)
    limit = _share(method.limit) if is_share(query) else f"{method.limit:g}"
    side = "less" if method.below else "more"
    told = (
        f"{side} than {limit} of them are bad"
        if is_share(query)
        else f"what is measured is {side} than {limit}"
    )
    few = f"; with fewer than {method.min_samples} answers it says nothing" if method.min_samples > 1 else ""
    some = f" It takes {method.m} of the last {method.k} readings." if method.k > 1 else ""
    return f"A reading is a breach when {told}{few}.{some}"


def _any_event(trigger: Trigger, _query: Mapping[str, str]) -> str:
    count = cast("AnyEvent", trigger.method).count
    if count == 1:
        return "A single one is a breach, however much time has passed."
    return f"It is a breach from the {ordinal(count)} one on, counted since somebody last acknowledged it."


def _evidence(trigger: Trigger, _query: Mapping[str, str]) -> str:
    method = cast("Evidence", trigger.method)
    odds = trigger.sharing / method.alpha
    return (
        f"It weighs all answers of the release: a breach is when they are {odds:,.0f} times likelier if more than "
        f"{_share(method.limit)} are bad than if not. If not, it errs at most once in {odds:,.0f} releases."
    )


def _cusum(trigger: Trigger, _query: Mapping[str, str]) -> str:
    method = cast("EvidenceCusum", trigger.method)
    length = trigger.sharing * method.run_length
    return (
        f"It weighs answers as they come, and a good past is no credit: a breach is when they speak for more than "
        f"{_share(method.limit)} bad. At the limit itself it errs once in {length:,.0f} evaluations or less."
    )


def _burn_rate(trigger: Trigger, _query: Mapping[str, str]) -> str:
    method = cast("BurnRate", trigger.method)
    return (
        f"{_share(method.limit)} of answers may be bad. It is a breach when that allowance is used up too fast over a "
        f"long and a short window at once ({method.pairs}), from {method.min_samples} answers on."
    )


def _budget(trigger: Trigger, _query: Mapping[str, str]) -> str:
    method = cast("Budget", trigger.method)
    unit = f"{method.amount:,.10g} {method.currency}"
    ahead = ", or when it would run out at the present pace" if method.project else ""
    return (
        f"It warns at {_share(method.alert)} of {unit} a {method.period}{ahead}, "
        f"and it is a breach at {_share(method.shutdown)}."
    )


_BREACH: Mapping[type[Method], Callable[[Trigger, Mapping[str, str]], str]] = {
    Threshold: _threshold,
    AnyEvent: _any_event,
    Evidence: _evidence,
    EvidenceCusum: _cusum,
    BurnRate: _burn_rate,
    Budget: _budget,
}


def _beside(trigger: Trigger) -> str:
    if trigger.baseline is Baseline.NONE:
        return ""
    tolerance = getattr(trigger.method, "tolerance", 1.0)
    if trigger.baseline is Baseline.STABLE:
        against = "the stable release has at the same time"
    else:
        against = f"there was {duration(trigger.baseline_offset_s or trigger.window_s)} before"
    times = "what" if tolerance == 1 else f"{tolerance:g} times what"
    return f" The limit is as high as {times} {against}, if that is more."


def _rungs(trigger: Trigger) -> Iterator[RungWords]:
    """When each step is taken at the earliest, counted in breaches: evaluations follow one another at the interval."""
    number = getattr(trigger.method, "m", 1) + ceil(trigger.hold_s / trigger.interval_s)
    reached = 0
    for rung in trigger.ladder:
        number += ceil((rung.after_s - reached) / trigger.interval_s)
        reached = rung.after_s
        warned = ", at a mere warning" if rung.severity is Severity.WARNING else ""
        yield RungWords(f"{_when(trigger, number)}{warned}", _does(rung))


def _when(trigger: Trigger, number: int) -> str:
    method, passed = trigger.method, (number - 1) * trigger.interval_s
    if number == 1:
        many = isinstance(method, AnyEvent) and method.count > 1
        return f"on the {ordinal(cast('AnyEvent', method).count)} bad answer" if many else "on the 1st breach"
    in_a_row = "" if getattr(method, "k", 1) > 1 and number == getattr(method, "m", 1) else " in a row"
    lasted = duration_of(timedelta(seconds=passed))
    return f"on the {ordinal(number)} breach{in_a_row}, {lasted} after the first"


def _does(rung: Rung) -> str:
    told, args = _DOES[rung.do], rung.args
    if "share" in args:
        told = f"{told} to {percent(int(args['share']))} of users"
    if "to" in args:
        told = f"{told} to {args['to']}"
    if args.get("force"):
        told = f"{told}, even to another compatibility class"
    if "owner" in args:
        told = f"{told} from {args['owner']}"
    return told


def _ends(trigger: Trigger) -> str:
    if trigger.latch:
        return "Once it has fired, it fires until somebody acknowledges it."
    if not trigger.clear_s:
        return "It stops firing with the first good reading. What it did stays done until somebody resumes the feature."
    good = duration(trigger.clear_s)
    return f"It stops firing after {good} of good readings. What it did stays done until somebody resumes the feature."


def _blind(trigger: Trigger) -> Iterator[str]:
    by_reaction: dict[str, list[str]] = {}
    for lack in Lack:
        if policy := trigger.policies.get(lack):
            wait = policy.wait_s(lack, trigger.interval_s)
            after = f" after {duration(wait)}" if wait else " at once"
            told = {
                "ignore": "it shows it",
                "hold": f"it keeps the feature from going up{after}",
                "notify": f"it keeps the feature from going up and gives notice{after}",
                "act": f"it takes that for a breach{after}",
            }[policy.do.value]
            by_reaction.setdefault(told, []).append(_LACKS[lack])
    for told, lacks in by_reaction.items():
        yield f"When {' or '.join(lacks)}, {told}."


def reading_words(reading: Reading) -> str:
    """What a source answered."""
    if reading.status not in (Status.OK, Status.PARTIAL):
        what = reading.status.value.replace("_", " ")
        return f"{what}: {reading.message}" if reading.message else what
    if reading.value is not None:
        from_ = "" if reading.samples is None else f" from {reading.samples:,} samples"
        return f"{reading.value:g}{from_}"
    if reading.total is None:
        return f"{reading.bad or 0:,} counted"
    share = f" ({_share((reading.bad or 0) / reading.total)})" if reading.total else ""
    return f"{reading.bad or 0:,} of {reading.total:,} are bad{share}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    teen = 10 <= number % 100 <= 20  # noqa: PLR2004 - 11th to 13th
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _share(share: float) -> str:
    return f"{share * 100:.3g}%"
