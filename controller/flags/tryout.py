"""Why somebody has a feature or not, rule by rule, in the order in which a lookup asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headgate.evaluator.bucketing import hash_value

from stages import EXPOSED, WHOLE, Mode, Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """Who asks: a user's key, the cohorts they are in, the task at hand and their language; each may be empty."""

    user: str
    cohorts: frozenset[str] = frozenset()
    task: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a lookup: what it asks, and whether it holds for somebody."""

    asks: str
    holds: bool


def explain(rollout: Rollout, who: Somebody) -> tuple[Rule, ...]:
    """Every rule that decides whether somebody has the feature; they have it if all of them hold."""
    return tuple(_rules(rollout, who))


def candidate_rule(rollout: Rollout, who: Somebody) -> Rule | None:
    """The rule that chooses between the stable and the candidate release; None without a candidate."""
    if rollout.candidate is None:
        return None
    drawn = draw(f"{rollout.feature}:candidate:{rollout.candidate}:", who.user)
    return _drawn(
        drawn, rollout.candidate_share, f"of those who have it get the candidate {rollout.candidate}"
    )


def draw(salt: str, user: str) -> int | None:
    """The basis point at which a user stands in a draw, from 0 to 9999; None without a user. Flags draw the same."""
    hashed = hash_value(salt + user) if user else None
    return None if hashed is None else hashed * WHOLE >> 32


def _rules(rollout: Rollout, who: Somebody) -> Iterator[Rule]:
    exposure = rollout.exposure
    yield Rule(f"users get it in this stage: {rollout.stage}", rollout.stage in EXPOSED)
    yield Rule(f"it is not switched off: {rollout.mode}", rollout.mode is not Mode.OFF)
    yield Rule(f"there is a release: {rollout.stable or 'none'}", rollout.stable is not None)
    if exposure.cohorts:
        wanted = ", ".join(sorted(exposure.cohorts))
        yield Rule(f"the user is in one of the cohorts: {wanted}", bool(exposure.cohorts & who.cohorts))
    if exposure.tasks:
        yield Rule(f"the task is one of: {', '.join(sorted(exposure.tasks))}", who.task in exposure.tasks)
    if exposure.languages:
        wanted = ", ".join(sorted(exposure.languages))
        goes_on = any(who.language.startswith(f"{tag}-") for tag in exposure.languages)
        yield Rule(f"the language is one of: {wanted}", who.language in exposure.languages or goes_on)
    if exposure.share < WHOLE:
        yield _drawn(draw(f"{rollout.feature}:exposure:", who.user), exposure.share, "of users have it")


def _drawn(drawn: int | None, share: int, of: str) -> Rule:
    told = "without a key nobody is drawn" if drawn is None else f"this user stands at {drawn / 100:.2f}%"
    return Rule(f"{share / 100:g}% {of}: {told}", drawn is not None and drawn < share)
