"""Whether a revert worked, by what the product reports: the answers that arrive say which release they come from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from controller.actors import SYSTEM
from controller.reverts import announce, bring_forward, note
from controller.rollouts import Clock
from controller.store.database import Database, Transaction
from controller.store.incidents import (
    Incident,
    change_incident,
    get_incident,
    hold_record,
    unverified_incidents,
)
from controller.store.outcomes import answers_by_release
from controller.store.rollouts import StoredRollout, rollout_by_id
from stages import LOOKED_BACK, Answers, IncidentStatus, Proof, prove

VERIFY_EVERY_S = 2.0
"""How often incidents that wait for answers are looked at."""


class Verifications:
    """Looks, again and again, at every incident whose pointers are settled."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def run(self) -> None:
        """Verify the incidents of which it is shown by now that their reverts worked."""
        with self._database.read() as tx:
            proved = [each for each in unverified_incidents(tx) if self.proof(tx, each).holds]
        for incident in proved:
            self._verify(incident)

    def proof(self, tx: Transaction, incident: Incident) -> Proof:
        """What the answers that have arrived show of an incident at this moment.

        They count from when the last pointer was settled and the change had time to reach everybody. As they should
        be are those of every release that people let users have by now, but for the one that was reverted.
        """
        now = self._now()
        stored = rollout_by_id(tx, incident.rollout_id)
        served = stored.rollout.serves if isinstance(stored, StoredRollout) else (incident.release_to,)
        release = served[0] if served else incident.release_to
        since = _reached_everybody(incident)
        return prove(_answers(tx, incident, served, max(since, now - LOOKED_BACK)), release, since, now)

    def _verify(self, incident: Incident) -> None:
        with self._database.write() as tx:
            hold_record(tx, incident.project_id)
            current, now = get_incident(tx, incident.project_id, incident.id), self._now()
            proof = self.proof(tx, current)
            # Somebody else may have been faster, or another revert may have come in between.
            if current.status is IncidentStatus.RESTORED and proof.holds:
                mark_verified(tx, current, SYSTEM.name, proof.sentence, now)
                note(tx, current, "verified", SYSTEM, now, result="done", message=proof.sentence)


def mark_verified(tx: Transaction, incident: Incident, by: str, sentence: str, now: datetime) -> None:
    """Write that a revert worked, and tell the outside."""
    change_incident(tx, incident.id, verified_at=now, verified_by=by)
    bring_forward(tx, get_incident(tx, incident.project_id, incident.id), now)
    announce(tx, incident, "incident.verified", now, by=by, sentence=sentence)


def _reached_everybody(incident: Incident) -> datetime:
    return (incident.restored_at or incident.opened_at) + timedelta(seconds=incident.propagation_s)


def _answers(tx: Transaction, incident: Incident, served: Iterable[str], start: datetime) -> Answers:
    counted = answers_by_release(tx, incident.environment_id, incident.feature, start)
    good = {*served} - {incident.release_from}
    right = sum(count for release, count in counted.items() if release in good)
    return Answers(right, {release: count for release, count in counted.items() if release not in good})
