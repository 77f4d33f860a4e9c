"""The use cases about metric sources: connect one, change it, try it, and keep its secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.actors import Actor
from controller.errors import BadConfiguration, Conflict, HeadgateError, InvalidInput, NotFound, Problem
from controller.reliance import only_credentials_change, source_loosening
from controller.sealing import seal, shown
from controller.secrets import SecretRefused
from controller.sources import SOURCES, Source, Tried
from controller.sources.access import Access
from controller.sources.inbound import Inbound
from controller.sources.inbound.senders import SENDERS, Nonsense, Unsigned
from controller.sources.inbound.source import ORIGIN
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.inbound import add_events
from controller.store.projects import get_project
from controller.store.reliance import relying_on_source
from controller.store.sources import (
    StoredSource,
    add_source,
    change_source,
    get_source,
)
from controller.vault import Vault
from stages import Refusal, Refused, refuse_unless_empty


class NotSent(HeadgateError):
    """A message is not from the sender that was agreed upon."""

    def __init__(self) -> None:
        problem = Problem("signature", "does not show who sent this", "sign it with the secret of the source")
        super().__init__("not_from_sender", f"{problem.message}; {problem.remedy}", problem)


@dataclass(frozen=True, slots=True)
class SourceDesk:
    """Knows how to reach sources. ``deadline_s`` is how long trying one may take."""

    database: Database
    access: Access
    vault: Vault
    now: Callable[[], datetime]
    deadline_s: float

    def connect(
        self, project_key: str, key: str, kind: str, settings: Mapping[str, Any], actor: Actor
    ) -> StoredSource:
        """Connect a metric source.

        Raises:
            InvalidInput: The kind is unknown or a setting cannot be used.
        """
        if kind not in SOURCES:
            remedy = f"use one of {', '.join(SOURCES)}"
            raise InvalidInput(Problem("kind", f"{kind!r} is not a kind of source", remedy))
        kept = self.kept(kind, settings, {})
        with self.database.write() as tx:
            now, project = self.now(), get_project(tx, project_key)
            source = add_source(tx, project.id, key, kind, kept, now)
            after = {"key": key, "kind": kind, "settings": shown(kept)}
            record(tx, Change(project_id=project.id, name="source.connect", actor=actor, at=now, after=after))
            return source

    def change(self, project_key: str, key: str, settings: Mapping[str, Any], actor: Actor) -> StoredSource:
        """Give a source other settings. A secret that is hidden in them stays, if it goes where it went before.

        Raises:
            InvalidInput: A setting cannot be used, or a secret has to be entered again.
            Refused: Live triggers in a protected environment would read something else, or nothing any more.
        """
        before = self.stored(project_key, key)
        kept = self.kept(before.kind, settings, before.settings)
        with self.database.read() as tx:
            relied_on = bool(relying_on_source(tx, before.id))
        if relied_on and only_credentials_change(before, kept):
            self._refuse_worse_credentials(before, kept)
        with self.database.write() as tx:
            refuse_unless_empty(source_loosening(tx, before, kept))
            return self.change_in(tx, before, kept, actor)

    def change_in(
        self, tx: Transaction, before: StoredSource, kept: Mapping[str, Any], actor: Actor, reason: str = ""
    ) -> StoredSource:
        """The same with settings that are checked and sealed, once nothing is against it."""
        change_source(tx, before, kept)
        change = Change(
            project_id=before.project_id,
            name="source.change",
            actor=actor,
            at=self.now(),
            reason=reason,
            before={"key": before.key, "settings": shown(before.settings)},
            after={"key": before.key, "settings": shown(kept)},
        )
        record(tx, change)
        return get_source(tx, before.project_id, before.key)

    def _refuse_worse_credentials(self, before: StoredSource, kept: Mapping[str, Any]) -> None:
        """Other credentials are entered at any hour by one person, unless they blind what the former let see."""
        tried = self._tried(before.kind, kept)
        if not tried.works and self._tried(before.kind, before.settings).works:
            message = f"live triggers in a protected environment would go blind: {tried.message}"
            remedy = "enter credentials with which the source answers, or let somebody else approve it"
            raise Refused([Refusal("loosening_unreviewed", message, remedy, "settings")])

    def test(self, project_key: str, key: str) -> Tried:
        """Ask a source something that costs little, by the way on which triggers ask it."""
        stored = self.stored(project_key, key)
        return self._tried(stored.kind, stored.settings)

    def _tried(self, kind: str, settings: Mapping[str, Any]) -> Tried:
        if kind not in SOURCES:
            return Tried(works=False, message=f"{kind!r} is not a kind of source; connect another one")
        try:
            source = _made(kind, settings, self.access)
        except BadConfiguration as bad:
            return Tried(works=False, message=str(bad))
        return source.test(self.deadline_s)

    def receive(
        self, project_key: str, key: str, headers: Mapping[str, str], body: bytes, message: Any
    ) -> int:
        """Take what a sender sent to a source, and give how many of its alerts were not known.

        Raises:
            NotSent: It does not show that it is from the sender, or there is no such source.
            InvalidInput: It is not in the sender's format.
            Conflict: It was received before.
        """
        stored, now = self._inbound(project_key, key), self.now()
        sender = SENDERS[stored.settings["sender"]]
        try:
            secret = self.access.secrets.reveal(stored.settings["secret"], ORIGIN)
            name = sender.check(secret, headers, body, now)
        except (Unsigned, SecretRefused):
            raise NotSent from None
        if not isinstance(message, Mapping):
            raise InvalidInput(Problem("body", "is not an object", "send what the sender's documents say"))
        try:
            events = sender.events(message, name, now)
        except Nonsense as error:
            remedy = "send what the sender's documents say"
            raise InvalidInput(Problem("body", str(error), remedy)) from error
        with self.database.write() as tx:
            new = add_events(tx, stored.id, events, now, repeats=sender.repeats)
        if events and not new and not sender.repeats:
            raise Conflict("replayed", "this message was received before; every message is taken once")
        return new

    def _inbound(self, project_key: str, key: str) -> StoredSource:
        """The source that something was sent to. Who is not let in does not learn whether it is there."""
        try:
            stored = self.stored(project_key, key)
            if stored.kind == Inbound.kind:
                Inbound.from_settings(stored.settings, self.access)
                return stored
        except (NotFound, BadConfiguration):
            pass
        raise NotSent

    def stored(self, project_key: str, key: str) -> StoredSource:
        """A source as it is kept, or NotFound."""
        with self.database.read() as tx:
            return get_source(tx, get_project(tx, project_key).id, key)

    def kept(self, kind: str, settings: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings as they are kept, if a source can be made of them."""
        try:
            kept = seal(settings, SOURCES[kind].secrets_in, before, self.vault)
            _made(kind, kept, self.access)
        except BadConfiguration as bad:
            raise InvalidInput(Problem(f"settings.{bad.field}", bad.message, bad.remedy)) from bad
        return kept


def _made(kind: str, settings: Mapping[str, Any], access: Access) -> Source:
    source = SOURCES[kind].from_settings(settings, access)
    source.check_leads()
    return source
