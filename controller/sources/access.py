"""What a source may be made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controller.http import Outbound
from controller.model_calendar import ModelCalendar
from controller.secrets import Secrets
from controller.sources.memory import Memory
from controller.store.budgets import take
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.rollouts import StoredRollout
from stages import Requirement

Needs = Callable[[Transaction, StoredRollout], Mapping[str, Requirement]]


@dataclass(frozen=True, slots=True)
class Access:
    """The ways to numbers: out to the network, into our own store, and to what is known of models.

    ``needs`` are the requirements of the stage in which a rollout is, by key. ``secrets`` are those that a setting may
    refer to. ``memory`` is what the sources of the process remember from one
    reading to the next.
    """

    outbound: Outbound
    database: Database
    calendar: ModelCalendar
    needs: Needs = lambda _tx, _stored: {}
    memory: Memory = field(default_factory=Memory)
    secrets: Secrets = field(default_factory=lambda: Secrets({}))
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def budget(self, key: str, per_minute: float) -> Callable[[], float]:
        """Takes a request out of the budget of a source, which all workers share, or tells how many seconds to wait.

        0 a minute means that there is no budget.
        """
        if not per_minute:
            return lambda: 0.0

        def taken() -> float:
            try:
                with self.database.write() as tx:
                    return take(tx, key, per_minute, self.now())
            except DatabaseUnavailable:
                return 1.0  # Nobody knows what the other workers asked.

        return taken
