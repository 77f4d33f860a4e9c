"""What a trigger is: what to judge, how sure to be, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from triggers.methods import BadParameter, Method
from triggers.policy import Policies, policies_for
from triggers.verdict import Severity

_LONGEST_S = 366 * 24 * 3600
"""No time of a trigger is longer than a year."""


class Arming(StrEnum):
    """How much a trigger may do; a team moves it up as its record earns trust."""

    SHADOW = "shadow"
    """Evaluates and records what it would have done."""
    HOLD = "hold"
    """May stop a feature from going up, and nothing else."""
    ACT = "act"
    """Does what its ladder says."""


class Action(StrEnum):
    """What a rung of a ladder does. None of them can raise exposure."""

    NOTIFY = "notify"
    REFRESH_DATA = "refresh_data"
    UPDATE_EVAL_SET = "update_eval_set"
    HOLD = "hold"
    NARROW = "narrow"
    REVIEW = "review"
    REVERT = "revert"
    DISABLE = "disable"
    DEMOTE = "demote"

    @property
    def moves_traffic(self) -> bool:
        """Whether the action changes a rollout; the others only tell somebody or open a task."""
        return self not in (Action.NOTIFY, Action.REFRESH_DATA, Action.UPDATE_EVAL_SET)

    @property
    def strength(self) -> int:
        """How far it goes towards safety; -1 if it moves no traffic. Of moves due at once the strongest is made.

        By what reaches users unseen: hold takes away nothing, narrow and demote leave some of it, review leaves none,
        revert replaces what was found bad, and disable ends it.
        """
        return _BY_STRENGTH.index(self) if self.moves_traffic else -1


_BY_STRENGTH = (
    Action.HOLD,
    Action.NARROW,
    Action.DEMOTE,
    Action.REVIEW,
    Action.REVERT,
    Action.DISABLE,
)


class TriggerClass(StrEnum):
    """What a trigger watches for; a plan may ask for some of these before a stage is entered."""

    UNSUPPORTED_ANSWERS = "unsupported_answers"
    REVIEWER_REJECTION = "reviewer_rejection"
    HALLUCINATED_CITATIONS = "hallucinated_citations"
    SENSITIVE_DATA = "sensitive_data"
    LATENCY = "latency"
    COST = "cost"
    ABANDONMENT = "abandonment"
    ESCALATION = "escalation"
    GROUNDING = "grounding"
    DRIFT = "drift"
    ERRORS = "errors"
    GUARDRAIL_ERRORS = "guardrail_errors"
    MODEL_IDENTITY = "model_identity"
    MODEL_RETIRING = "model_retiring"
    EVIDENCE_EXPIRED = "evidence_expired"
    REVIEW_QUEUE = "review_queue"
    BUSINESS_METRIC = "business_metric"
    OTHER = "other"


class Scope(StrEnum):
    """Whose answers a trigger judges."""

    ALL = "all"
    CANDIDATE = "candidate"
    """The candidate release while there is one, otherwise the stable release."""


class Baseline(StrEnum):
    """What the answers that are judged are compared with."""

    NONE = "none"
    """With nothing: the limit stands by itself."""
    STABLE = "stable"
    """With those of the stable release."""
    PREVIOUS = "previous"
    """With those of an earlier time."""


Arg = int | str | bool


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: do this after ``after_s`` seconds of firing, if still in breach.

    ``args`` is what the action needs to know besides; what may stand in it is up to whoever carries it out.
    One marked as a warning is taken in any breach, the others in a critical one only.
    """

    do: Action
    after_s: int = 0
    args: Mapping[str, Arg] = field(default_factory=dict)
    severity: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A stop rule of one feature in one environment. All times are whole seconds.

    ``hold_s``: how long a breach must last before the trigger fires. ``clear_s``: how long readings must
    stay good before it stops firing. ``latch``: it stops firing only when a person acknowledges it.
    ``cooldown_s``: how long after its last rung a trigger that fires again waits before its ladder begins anew.
    ``max_staleness_s``: a reading whose newest sample is older than this says nothing about now; 0 switches
    the check off. ``ladder``: in the order of its waiting times. ``baseline_offset_s``: how long ago the previous
    period was; 0 is ``window_s``, so that it ends where the window begins. ``sharing``: over how many triggers of the
    feature, this one among them, the false alarms are divided that methods may give which weigh evidence.
    ``policies``: what to do when nothing can be judged; see `on_tier`. ``use_partial``: numbers that a part of the data
    took no part in are judged all the same.

    Raises:
        BadParameter: A time is out of range, a rung waits less than the one before it, or there is nothing to compare.
    """

    key: str
    method: Method
    window_s: int
    interval_s: int
    ladder: tuple[Rung, ...]
    trigger_class: TriggerClass = TriggerClass.OTHER
    arming: Arming = Arming.SHADOW
    scope: Scope = Scope.ALL
    hold_s: int = 0
    clear_s: int = 0
    cooldown_s: int = 0
    latch: bool = False
    max_staleness_s: int = 0
    baseline: Baseline = Baseline.NONE
    baseline_offset_s: int = 0
    sharing: int = 1
    policies: Policies = field(default_factory=dict)
    use_partial: bool = False

    def on_tier(self, tier: str) -> Trigger:
        """The same trigger with a policy for every lack: its own, or what goes by the tier of its feature."""
        return replace(self, policies=policies_for(tier, self.policies))

    def __post_init__(self) -> None:
        """Refuse what `step` could not make sense of."""
        for name in ("window_s", "interval_s"):
            _check_time(name, getattr(self, name), 1)
        for name in ("hold_s", "clear_s", "cooldown_s", "max_staleness_s", "baseline_offset_s"):
            _check_time(name, getattr(self, name), 0)
        reached, worst = 0, 0
        for position, rung in enumerate(self.ladder):
            _check_time(f"ladder[{position}].after_s", rung.after_s, reached)
            reached = rung.after_s
            late = "a warning stands behind what waits for worse"
            _require(rung.severity.rank >= worst, f"ladder[{position}].severity", late, "put it further up")
            worst = rung.severity.rank
        for lack, policy in self.policies.items():
            _check_time(f"on_{lack}.after_s", policy.after_s or 0, 0)
        self._check_baseline()

    def _check_baseline(self) -> None:
        if self.baseline is Baseline.NONE:
            needless = "there is no previous period to go back to"
            _require(self.baseline_offset_s == 0, "baseline_offset_s", needless, "set baseline to previous")
            return
        alone = f"{self.method.name} compares with nothing"
        _require(self.method.comparable, "baseline", alone, "set it to none, or use another method")
        if self.baseline is Baseline.STABLE:
            same = "what is judged includes the stable release itself"
            _require(self.scope is Scope.CANDIDATE, "baseline", same, "set scope to candidate")
            same_time = "the stable release is asked about the same time"
            _require(self.baseline_offset_s == 0, "baseline_offset_s", same_time, "leave it out")
            return
        new = "a candidate has no earlier time"
        _require(self.scope is Scope.ALL, "baseline", new, "set it to stable, or scope to all")
        overlaps = f"{self.baseline_offset_s} s before, a window of {self.window_s} s overlaps itself"
        apart = self.baseline_offset_s == 0 or self.baseline_offset_s >= self.window_s
        _require(apart, "baseline_offset_s", overlaps, f"give {self.window_s} or more, or leave it out")


def _require(condition: bool, field: str, message: str, remedy: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        raise BadParameter(field, message, remedy)


def _check_time(field: str, seconds: int, least: int) -> None:
    if not least <= seconds <= _LONGEST_S:
        between = f"{least} to {_LONGEST_S}"
        raise BadParameter(field, f"{seconds} is not in {between}", f"give {between} seconds")
