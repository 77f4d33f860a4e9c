"""The use cases about metric sources: connect one, change it, try it, and keep its secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.actors import Actor
from controller.errors import BadConfiguration, Conflict, HeadgateError, InvalidInput, NotFound, Problem
from controller.secrets import SHORTEST, Origin, SecretRefused
from controller.sources import SOURCES, SecretPlace, Source, Tried
from controller.sources.access import Access
from controller.sources.inbound import Inbound
from controller.sources.inbound.senders import SENDERS, Nonsense, Unsigned
from controller.sources.inbound.source import ORIGIN
from controller.store.changes import Change, record
from controller.store.database import Database
from controller.store.inbound import add_events
from controller.store.projects import get_project
from controller.store.sources import (
    StoredSource,
    add_source,
    change_source,
    every_source,
    get_source,
)
from controller.vault import PREFIX, CannotOpen, Vault

HIDDEN = "***"
"""What is shown in place of a secret, and means, when it is sent back, that it stays as it is."""

_LONGEST = 8192


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
        kept = self._kept(kind, settings, {})
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
        """
        before = self._stored(project_key, key)
        kept = self._kept(before.kind, settings, before.settings)
        with self.database.write() as tx:
            now, project = self.now(), get_project(tx, project_key)
            change_source(tx, before, kept)
            change = Change(
                project_id=project.id,
                name="source.change",
                actor=actor,
                at=now,
                before={"key": key, "settings": shown(before.settings)},
                after={"key": key, "settings": shown(kept)},
            )
            record(tx, change)
            return get_source(tx, project.id, key)

    def test(self, project_key: str, key: str) -> Tried:
        """Ask a source something that costs little, by the way on which triggers ask it."""
        stored = self._stored(project_key, key)
        if stored.kind not in SOURCES:
            return Tried(works=False, message=f"{stored.kind!r} is not a kind of source; connect another one")
        try:
            source = _made(stored.kind, stored.settings, self.access)
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
            stored = self._stored(project_key, key)
            if stored.kind == Inbound.kind:
                Inbound.from_settings(stored.settings, self.access)
                return stored
        except (NotFound, BadConfiguration):
            pass
        raise NotSent

    def _stored(self, project_key: str, key: str) -> StoredSource:
        with self.database.read() as tx:
            return get_source(tx, get_project(tx, project_key).id, key)

    def _kept(self, kind: str, settings: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings as they are kept, if a source can be made of them."""
        try:
            kept = _sealed(kind, settings, before, self.vault)
            _made(kind, kept, self.access)
        except BadConfiguration as bad:
            raise InvalidInput(Problem(f"settings.{bad.field}", bad.message, bad.remedy)) from bad
        return kept


def shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they may be shown: what is sealed is hidden."""
    return _replaced(settings, lambda _: HIDDEN)


def renew_secrets(database: Database, vault: Vault) -> int:
    """Bring every secret under the current secret key, and give the number of sources whose settings that changed.

    Raises:
        CannotOpen: One is under a key that is not known; then none is changed.
    """
    with database.write() as tx:
        sources = every_source(tx)
        for source in sources:
            change_source(tx, source, _replaced(source.settings, vault.renew))
        return sum(1 for source in sources if shown(source.settings) != source.settings)


def _made(kind: str, settings: Mapping[str, Any], access: Access) -> Source:
    source = SOURCES[kind].from_settings(settings, access)
    source.check_leads()
    return source


def _sealed(
    kind: str, settings: Mapping[str, Any], before: Mapping[str, Any], vault: Vault
) -> dict[str, Any]:
    """The settings with every secret sealed that was entered as it is."""
    sealed: dict[str, Any] = _replaced(settings, lambda _: "")  # Nobody enters what only the vault makes.
    for place in SOURCES[kind].secrets_in(sealed):
        value = place.value_in(sealed)
        if value == HIDDEN:
            place.put_into(sealed, _former(place, before, vault))
        elif value.startswith("env:"):
            continue
        elif not SHORTEST <= len(value) <= _LONGEST or not value.isascii() or not value.isprintable():
            remedy = f"enter {SHORTEST} to {_LONGEST} printable ASCII characters, or env:NAME"
            raise BadConfiguration(place.field, "is not a secret", remedy)
        else:
            place.put_into(sealed, vault.seal(value, _origin(place)))
    return sealed


def _former(place: SecretPlace, before: Mapping[str, Any], vault: Vault) -> str:
    """The secret that stands there already. It does not follow its address to another place."""
    former = place.value_in(before)
    if not former:
        raise BadConfiguration(place.field, "is hidden, but there was none", "enter it")
    if former.startswith(PREFIX):
        try:
            vault.open(former, _origin(place))
        except CannotOpen as error:
            raise BadConfiguration(place.field, str(error), "enter it again") from None
    return former


def _origin(place: SecretPlace) -> str:
    try:
        return str(Origin.of(place.url))
    except ValueError as error:
        raise BadConfiguration(
            place.field, f"is for an address that is none: {error}", "mend the address"
        ) from None


def _replaced(settings: Mapping[str, Any], by: Callable[[str], str]) -> dict[str, Any]:
    return dict(_replacements(settings, by))


def _replacements(settings: Mapping[str, Any], by: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield name, _replaced(value, by)
        else:
            is_sealed = isinstance(value, str) and value.startswith(PREFIX)
            yield name, by(value) if is_sealed else value
