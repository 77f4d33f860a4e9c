"""The use cases about where notices go: connect, change, try and remove a destination, and see what arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.actors import Actor
from controller.errors import BadConfiguration, InvalidInput, Problem
from controller.http import Outbound
from controller.leads import check_leads
from controller.notices import CHANNELS
from controller.notices.channel import Notice
from controller.notices.deliveries import Deliveries
from controller.notices.events import is_pattern
from controller.rollouts import Clock
from controller.sealing import seal
from controller.secrets import Secrets
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.deliveries import Delivery, deliveries_to, send_again
from controller.store.destinations import (
    Destination,
    add_destination,
    change_destination,
    drop_destination,
    get_destination,
)
from controller.store.projects import get_project
from controller.vault import Vault


@dataclass(frozen=True, slots=True)
class NoticeDesk:
    """Knows how to reach destinations."""

    database: Database
    outbound: Outbound
    secrets: Secrets
    vault: Vault
    deliveries: Deliveries
    now: Clock

    def connect(
        self,
        project_key: str,
        key: str,
        kind: str,
        settings: Mapping[str, Any],
        events: tuple[str, ...],
        actor: Actor,
    ) -> Destination:
        """Connect a destination; it is told what happens from now on.

        Raises:
            InvalidInput: The kind is unknown, or a setting or an event cannot be used.
        """
        kept = self._kept(kind, settings, {}, events)
        with self.database.write() as tx:
            now, project = self.now(), get_project(tx, project_key)
            made = add_destination(tx, project.id, key, kind, kept, events, now)
            self._record(tx, made, "destination.connect", actor)
            return made

    def change(
        self, project_key: str, key: str, settings: Mapping[str, Any], events: tuple[str, ...], actor: Actor
    ) -> Destination:
        """Reach a destination in another way, or tell it other things; what waits for it goes the new way.

        A secret that is hidden in the settings stays, if it goes where it went before.

        Raises:
            InvalidInput: A setting or an event cannot be used, or a secret has to be entered again.
        """
        with self.database.read() as tx:
            found = get_destination(tx, get_project(tx, project_key).id, key)
        kept = self._kept(found.kind, settings, found.settings, events)
        with self.database.write() as tx:
            get_destination(tx, found.project_id, key)
            changed = change_destination(tx, found.id, found.kind, kept, events)
            self._record(tx, changed, "destination.change", actor)
            return changed

    def disconnect(self, project_key: str, key: str, actor: Actor) -> None:
        """Tell a destination nothing any more, not even what waits for it."""
        with self.database.write() as tx:
            found = get_destination(tx, get_project(tx, project_key).id, key)
            drop_destination(tx, found.id)
            self._record(tx, found, "destination.disconnect", actor)

    def test(self, project_key: str, key: str, actor: Actor) -> tuple[bool, str]:
        """Send a test notice now, on the way that all others take; whether it arrived, and what is to be known."""
        with self.database.read() as tx:
            found = get_destination(tx, get_project(tx, project_key).id, key)
        now = self.now()
        notice = Notice(
            id=f"test_{key}_{int(now.timestamp())}",
            event="notice.test",
            project=project_key,
            created_at=now,
            data={"reason": f"{actor.name} tries this destination"},
        )
        return self.deliveries.try_out(found, notice)

    def sent(
        self, project_key: str, key: str, *, status: str | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """What was and is to be sent to a destination, newest first."""
        with self.database.read() as tx:
            found = get_destination(tx, get_project(tx, project_key).id, key)
            return deliveries_to(tx, found.id, status=status, before=before, limit=limit)

    def send_again(self, project_key: str, key: str, id: int) -> None:
        """Let a notice be sent anew, under the id it had."""
        with self.database.write() as tx:
            found = get_destination(tx, get_project(tx, project_key).id, key)
            send_again(tx, found.id, id, self.now())

    def _kept(
        self, kind: str, settings: Mapping[str, Any], before: Mapping[str, Any], events: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """The settings as they are kept, if a channel can be made of them."""
        if kind not in CHANNELS:
            remedy = f"use one of {', '.join(CHANNELS)}"
            raise InvalidInput(Problem("kind", f"{kind!r} is not a kind of destination", remedy))
        for place, event in enumerate(events):
            if not is_pattern(event):
                remedy = "name an event, a group such as incident.*, or *"
                raise InvalidInput(Problem(f"events.{place}", f"{event!r} is no event", remedy))
        try:
            kept = seal(settings, CHANNELS[kind].secrets_in, before, self.vault)
            CHANNELS[kind].from_settings(kept, self.outbound, self.secrets)
            check_leads(kept, self.outbound)
        except BadConfiguration as bad:
            raise InvalidInput(Problem(f"settings.{bad.field}", bad.message, bad.remedy)) from bad
        return kept

    def _record(self, tx: Transaction, destination: Destination, name: str, actor: Actor) -> None:
        after = {"key": destination.key, "kind": destination.kind, "events": list(destination.events)}
        record(
            tx,
            Change(project_id=destination.project_id, name=name, actor=actor, at=self.now(), after=after),
        )
