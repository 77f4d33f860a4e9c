"""What can be found out, before a rung is taken, against its making the feature safer.

No guard keeps a feature up: whatever one has against a rung, something further down is done instead.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from controller.errors import HeadgateError
from controller.store.changes import count_automatic
from controller.store.database import Transaction
from controller.store.features import feature_by_id
from controller.store.narrowings import Narrowing, find_narrowing
from controller.store.outcomes import count_answers
from controller.store.rollouts import StoredRollout
from controller.viability import Viability
from stages import DAY, answers_a_day, saturation
from triggers import Action, Rung

log = logging.getLogger(__name__)

UNTOLD = (HeadgateError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What a row that is not as it should be makes whoever reads it raise. A database that fails raises something else."""
MOST_A_DAY = 6
"""How often triggers may move a rollout in a day, unless its feature says otherwise: two ladders of three rungs."""


@dataclass(frozen=True, slots=True)
class Guards:
    """Looks at a rung before it is taken."""

    viability: Viability

    def enough(self, tx: Transaction, stored: StoredRollout, now: datetime) -> str:
        """Why triggers have moved a rollout often enough in a day; empty if they have not.

        Whatever they keep doing does not help then, and users see it change all the time.
        """
        rollout = stored.rollout
        try:
            most = feature_by_id(tx, stored.feature_id).automatic_moves_per_day or MOST_A_DAY
        except UNTOLD:
            most = MOST_A_DAY
        moved = count_automatic(tx, stored.project_id, rollout.feature, rollout.environment, now - DAY)
        return f"triggers moved it {moved} times in a day, and {most} are enough" if moved >= most else ""

    def against(self, tx: Transaction, stored: StoredRollout, rung: Rung, now: datetime) -> str:
        """Why a rung would not make the feature safer; empty if nothing is known against it.

        What cannot be found out is against it: then something further down is done.
        """
        try:
            return self._against(tx, stored, rung, now)
        except UNTOLD as error:
            log.exception("could not find out what is against %s of %s", rung.do, stored.rollout.feature)
            return f"it could not be found out whether it helps: {type(error).__name__}"

    def _against(self, tx: Transaction, stored: StoredRollout, rung: Rung, now: datetime) -> str:
        if rung.do is Action.REVIEW:
            return _reviewers(tx, stored, now)
        if rung.do is Action.NARROW:
            return _named(tx, stored, rung)
        if rung.do is Action.REVERT:
            forced = bool(rung.args.get("force"))
            against = self.viability.against(tx, stored, now, forced=forced)
            return "; ".join(refusal.message for refusal in against)
        return ""


def _named(tx: Transaction, stored: StoredRollout, rung: Rung) -> str:
    """Why the narrowing that a rung names cannot be applied."""
    to = rung.args.get("to")
    if to is None or isinstance(find_narrowing(tx, stored.id, str(to)), Narrowing):
        return ""
    return f"the narrowing {to} is not there, or cannot be read"


def _reviewers(tx: Transaction, stored: StoredRollout, now: datetime) -> str:
    """Why the reviewers of a feature would be swamped, by the answers of the last day in this stage."""
    capacity = feature_by_id(tx, stored.feature_id).review_capacity_per_day
    since = max(now - DAY, stored.rollout.stage_since)
    answers = count_answers(tx, stored.environment_id, stored.rollout.feature, since)
    return saturation(capacity, answers_a_day(answers, since, now))
