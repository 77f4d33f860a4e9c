"""The alarm for when nobody looks, or looks and sees nothing: told once when it begins, and once when it is over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from controller.notices import deliver
from controller.observability import BLIND_TRIGGERS
from controller.store.blindness import (
    Extent,
    Reason,
    Spell,
    begin_spell,
    end_spell,
    spells,
    who_is_blind,
    whose_sources,
)
from controller.store.database import Database, Transaction
from controller.store.outbox import put

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""How often it is looked for."""
_BEGAN = {Reason.STOPPED: "evaluations.stopped", Reason.SILENT: "source.blind"}
_OVER = {Reason.STOPPED: "evaluations.resumed", Reason.SILENT: "source.sees"}


class BlindAlarm:
    """Tells of sources whose triggers see nothing, one notice for all of them."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def run(self) -> None:
        """Tell what began and what is over. Any number of processes may do it at once."""
        now = self._now()
        with self._database.read() as tx:
            blind, told = who_is_blind(tx, now), spells(tx)
        for reason in Reason:
            many = sum(extent.triggers for spell, extent in blind.items() if spell.reason is reason)
            BLIND_TRIGGERS.labels(reason.value).set(many)
        if blind.keys() == told:
            return
        with self._database.write() as tx:
            for spell in _ordered(blind.keys() - told):
                self._begin(tx, spell, blind[spell], now)
            for spell in _ordered(told - blind.keys()):
                self._end(tx, spell, now)
        # Where no worker is left, nobody else would deliver it.
        deliver(self._database, now)

    def _begin(self, tx: Transaction, spell: Spell, extent: Extent, now: datetime) -> None:
        if begin_spell(tx, spell, extent.since):
            self._put(tx, spell, _BEGAN[spell.reason], now, _sentence(spell, extent))

    def _end(self, tx: Transaction, spell: Spell, now: datetime) -> None:
        if end_spell(tx, spell):
            self._put(tx, spell, _OVER[spell.reason], now, "the triggers that asked it see again")

    def _put(self, tx: Transaction, spell: Spell, event: str, now: datetime, sentence: str) -> None:
        project_id, key = whose_sources(tx, [spell.source_id])[spell.source_id]
        log.warning("%s: source %s: %s", event, key, sentence)
        put(tx, project_id, event, {"source": key, "sentence": sentence}, now)


class Watchdog:
    """Looks every few seconds, in a thread of its own: what dies with the scheduler cannot tell that it is dead."""

    def __init__(self, look: Callable[[], object], every_s: float = EVERY_S) -> None:
        self._look = look
        self._every_s = every_s
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look, as long as the process lives."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._look()
            except Exception:
                # The database may be away; it is looked for again soon.
                log.exception("the blind alarm could not look")


def _ordered(some: set[Spell]) -> list[Spell]:
    return sorted(some, key=lambda spell: (spell.source_id, spell.reason))


def _sentence(spell: Spell, extent: Extent) -> str:
    since = f"since {extent.since.isoformat(timespec='seconds')}; nothing goes up meanwhile"
    if spell.reason is Reason.STOPPED:
        return f"{_many(extent)} due and not evaluated by anybody {since}"
    return f"{_many(extent)} without anything to judge {since}"


def _many(extent: Extent) -> str:
    return "1 trigger is" if extent.triggers == 1 else f"{extent.triggers} triggers are"
