"""A project with a prompt registry, to test what follows a revert with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controller.actors import Actor
from controller.rollouts import Order
from controller.store.incidents import Event, Incident, events_of, incidents_of
from controller.store.pointer_moves import StoredMove, moves_of
from controller.store.projects import get_project
from stages import Request
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.controller.tenant import ADA, Tenant
from tests.endpoint import Endpoint


@dataclass
class Reverting:
    """A feature in beta, and releases of it whose prompts are at versions of the registry."""

    tenant: Tenant
    langfuse: LangfuseServer
    endpoint: Endpoint
    releases: dict[str, str] = field(default_factory=dict)

    def build(self) -> Reverting:
        """Put it there: the stable release is at version 7, as whoever made it says."""
        parts, settings = self.tenant.parts, self.langfuse.settings(self.endpoint.url)
        parts.registries.connect(self.tenant.project, "prompts", "langfuse", settings, ADA)
        self.tenant.feature()
        self.tenant.move("introduce", release=self.release("7"))
        self.tenant.ask(share=10_000)
        return self

    def pointer(self, version: str, **other: str) -> dict[str, str]:
        """The registry's one pointer, at a version."""
        place = self.langfuse.pointer
        named = {"registry": "prompts", "name": place.name, "pointer": place.pointer}
        return {**named, "version": version, **other}

    def release(self, version: str | None, **other: Any) -> str:
        """A release whose prompt is at a version; None: at none."""
        prompt: dict[str, Any] = {"ref": f"claims@{version}"}
        if version is not None:
            prompt["pointer"] = self.pointer(version)
        bundle = {"prompt": prompt, "model": {"provider": "example", "id": "one"}, **other}
        made, _ = self.tenant.parts.catalog.make_release(self.tenant.project, "claims", bundle, "", ADA)
        return made.public_id

    def try_out(self, version: str | None, **other: Any) -> str:
        """Let some users have a release."""
        release = self.release(version, **other)
        self.tenant.move("introduce", release=release, share=3000)
        return release

    def adopt(self, version: str | None, **other: Any) -> str:
        """Let everybody have a release."""
        release = self.try_out(version, **other)
        self.tenant.move("adopt")
        return release

    def revert(self, actor: Actor = ADA, **rest: Any) -> Incident:
        """Revert, and give the incident."""
        order = Order(request=Request(move="revert"), actor=actor, reason="it invents claims", **rest)
        self.tenant.rollouts.move(self.tenant.where(), order)
        return self.incidents()[0]

    def work(self, seconds: float = 0) -> None:
        """Let time pass, and carry out the moves that are due then."""
        self.tenant.clock.pass_(seconds)
        self.tenant.parts.restoring.run()

    def answer(self, release: str | None, count: int, **outcome: Any) -> None:
        """Answers that arrive now."""
        self.tenant.report(count, release=release, **outcome)

    def verify(self, seconds: float = 0) -> Incident:
        """Let time pass, look at what waits for answers, and give the newest incident."""
        self.tenant.clock.pass_(seconds)
        self.tenant.parts.verifications.run()
        return self.incidents()[0]

    def incidents(self, **wanted: Any) -> list[Incident]:
        """The incidents, newest first."""
        with self.tenant.parts.database.read() as tx:
            return incidents_of(tx, get_project(tx, self.tenant.project).id, **wanted)

    def moves(self, incident: Incident) -> list[StoredMove]:
        """The pointer moves of an incident."""
        with self.tenant.parts.database.read() as tx:
            return moves_of(tx, incident.id)

    def events(self, incident: Incident) -> list[Event]:
        """The timeline of an incident."""
        with self.tenant.parts.database.read() as tx:
            return events_of(tx, incident.id)

    def happened(self, incident: Incident) -> list[str]:
        """What its timeline says, in short."""
        return [f"{event.what} {event.result}" for event in self.events(incident)]

    def proof(self, incident: Incident) -> str:
        """What the answers show of an incident."""
        with self.tenant.parts.database.read() as tx:
            return self.tenant.parts.verifications.proof(tx, incident).sentence

    def notices(self) -> list[str]:
        """What the outside was told of incidents."""
        told = self.tenant.ask_sql("SELECT event FROM outbox WHERE event LIKE 'incident.%' ORDER BY id")
        return [str(event) for (event,) in told]
