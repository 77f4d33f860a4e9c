"""How long it would take to notice twice what is allowed, before anybody is exposed to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controller.cases import Cases
from controller.rollouts import Clock
from controller.sources.outcomes import Outcomes
from controller.sources.records import Records
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.features import feature_by_id
from controller.store.outcomes import COUNTED, count_answers, tally
from controller.store.promotions import Promotion, Status
from controller.store.ramps import ramp_of
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger, triggers_of
from stages import EXPOSED, WHOLE, Stage
from triggers import Arming, Detection, Trigger, detect

_LOOKED_AT = timedelta(days=7)
_LEAST = timedelta(hours=1)
"""What came in during a shorter time says little about an hour."""
_ENOUGH = 20
"""Of fewer answers it cannot be said which part of them is judged."""
_HOURS_A_DAY = 24


class Traffic(StrEnum):
    """Where it is known from how many answers there will be."""

    ASKED = "asked"
    """Whoever asks for the forecast said it."""
    OBSERVED = "observed"
    """From the answers of the last days, scaled to the share."""
    EXPECTED = "expected"
    """From what the feature's team expects, scaled to the share."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TriggerForecast:
    """What one trigger would notice, and when."""

    trigger: Trigger
    detection: Detection


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the triggers of a feature would notice in a stage at a share, the slowest first.

    ``answers_per_hour`` is None when the traffic is unknown; ``planned_s`` is how long the stage is meant to last.
    """

    stage: Stage
    share: int
    traffic: Traffic
    answers_per_hour: float | None
    planned_s: int
    triggers: tuple[TriggerForecast, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The forecast in words, for whoever asks for the stage or approves it."""
        if self.answers_per_hour is None:
            return (
                "unknown traffic: say how many answers a day the feature expects, or wait for the first ones",
            )
        armed = [each for each in self.triggers if each.trigger.arming is not Arming.SHADOW]
        return tuple(each.detection.sentence for each in armed) or ("no armed trigger would notice anything",)


class Forecasts:
    """Tells in advance how long the triggers of a feature would take."""

    def __init__(self, cases: Cases, now: Clock) -> None:
        self._cases = cases
        self._now = now

    def forecast(
        self,
        tx: Transaction,
        stored: StoredRollout,
        stage: Stage,
        share: int | None = None,
        answers_per_day: int | None = None,
    ) -> Forecast:
        """The forecast for an exposed stage.

        ``share`` is that with which the stage begins unless another is asked for. ``answers_per_day`` are all of the
        feature's at that share; left out, they are taken from what was observed or is expected.
        """
        step = self._cases.plan_of(tx, stored)[stage]
        share = max(stored.rollout.exposure.share, step.start) if share is None else share
        traffic, rate = self._traffic(tx, stored, share, answers_per_day)
        found = [
            TriggerForecast(item.trigger, self._detection(tx, stored, item, rate, step.planned_s))
            for item in triggers_of(tx, stored.id)
            if rate is not None and not isinstance(item, Broken)
        ]
        return Forecast(
            stage=stage,
            share=share,
            traffic=traffic,
            answers_per_hour=rate,
            planned_s=step.planned_s,
            triggers=tuple(sorted(found, key=_slowness, reverse=True)),
        )

    def _detection(
        self, tx: Transaction, stored: StoredRollout, item: StoredTrigger, rate: float, planned_s: int
    ) -> Detection:
        """What a trigger would notice, by those of the answers of which it is told whether they are bad."""
        if item.source_kind == Records.kind:
            sentence = (
                f"{item.trigger.key}: when it would fire cannot be told: it looks at records, not at answers"
            )
            return Detection(expected_s=None, answers=None, within=None, sentence=sentence)
        return detect(item.trigger, rate, planned_s, self._judged(tx, stored, item))

    def _judged(self, tx: Transaction, stored: StoredRollout, item: StoredTrigger) -> float:
        """The part of the latest answers of which it was reported what the trigger counts; all, if too few are known.

        Reviewers look at some answers and not at all: a trigger on what they reject learns nothing from the others.
        """
        measure = item.query.get("measure", "")
        if item.source_kind != Outcomes.kind or measure not in COUNTED:
            return 1.0
        now, feature = self._now(), stored.rollout.feature
        answers = count_answers(tx, stored.environment_id, feature, now - _LOOKED_AT)
        if answers < _ENOUGH:
            return 1.0
        limit = item.query.get("limit")
        counted = tally(
            tx,
            stored.environment_id,
            feature,
            measure,
            now - _LOOKED_AT,
            now,
            limit=None if limit is None else float(limit),
        )
        return min(1.0, counted.total / answers)

    def sentences_for(self, tx: Transaction, stored: StoredRollout, promotion: Promotion) -> tuple[str, ...]:
        """What is told to whoever decides about a promotion; nothing once it is decided."""
        if promotion.status is not Status.OPEN or promotion.to_stage not in EXPOSED:
            return ()
        share = promotion.exposure.share if promotion.exposure else None
        return self.forecast(tx, stored, promotion.to_stage, share).sentences

    def _traffic(
        self, tx: Transaction, stored: StoredRollout, share: int, answers_per_day: int | None
    ) -> tuple[Traffic, float | None]:
        """How many answers there will be in an hour, and how that is known."""
        if answers_per_day is not None:
            return Traffic.ASKED, answers_per_day / _HOURS_A_DAY
        if (observed := self._observed(tx, stored, share)) is not None:
            return Traffic.OBSERVED, observed
        expected = feature_by_id(tx, stored.feature_id).expected_daily_answers
        if expected is not None:
            return Traffic.EXPECTED, expected * share / WHOLE / _HOURS_A_DAY
        return Traffic.UNKNOWN, None

    def _observed(self, tx: Transaction, stored: StoredRollout, share: int) -> float | None:
        """The answers an hour since the share is what it is, scaled; None if there were none or it is too early."""
        rollout, now = stored.rollout, self._now()
        if not rollout.exposure.share or rollout.live_since is None:
            return None
        start = max(now - _LOOKED_AT, rollout.stage_since, rollout.live_since, self._stepped_at(tx, stored))
        if now - start < _LEAST:
            return None
        answers = count_answers(tx, stored.environment_id, rollout.feature, start)
        if not answers:
            return None
        return answers / ((now - start) / timedelta(hours=1)) * share / rollout.exposure.share

    def _stepped_at(self, tx: Transaction, stored: StoredRollout) -> datetime:
        ramp = ramp_of(tx, stored.id)
        return ramp.step_since if ramp else stored.rollout.stage_since


def _slowness(forecast: TriggerForecast) -> float:
    """What never notices comes first."""
    expected_s = forecast.detection.expected_s
    return float("inf") if expected_s is None else expected_s
