"""Changes of sources and features that would loosen live triggers: one person proposes them, another one agrees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.actors import Actor
from controller.agreement import refuse_agreeing
from controller.catalog import Catalog
from controller.errors import BadConfiguration, Conflict, InvalidInput, NotFound, Problem
from controller.reliance import FEATURE_LIMITS, feature_loosening, source_loosening
from controller.rollouts import Clock
from controller.sealing import HIDDEN, put_back, shown
from controller.source_desk import SourceDesk
from controller.sources import SOURCES
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.features import Feature, get_feature
from controller.store.projects import get_project
from controller.store.proposals import (
    About,
    StoredProposal,
    add_proposal_about,
    get_proposal_about,
    open_proposals,
    proposals_about,
    settle_proposal_about,
)
from controller.store.sources import StoredSource, get_source
from controller.store.trigger_proposals import PlacedProposal, ProposalStatus, open_trigger_proposals
from stages import Refusal, Refused, digest

Subject = StoredSource | Feature


@dataclass(frozen=True, slots=True)
class ReviewedProposal:
    """A proposal, and in what it would loosen triggers as things are now.

    ``before`` is what there is now, without secrets; ``is_outdated``: that is no longer what was to be changed.
    """

    proposal: StoredProposal
    looser: tuple[Refusal, ...]
    before: Mapping[str, Any]
    is_outdated: bool


@dataclass(frozen=True, slots=True)
class Proposals:
    """The use cases of two people about one change."""

    database: Database
    sources: SourceDesk
    catalog: Catalog
    now: Clock

    def propose_source(
        self, project_key: str, key: str, settings: Mapping[str, Any], actor: Actor, reason: str
    ) -> ReviewedProposal:
        """Propose other settings for a source. A secret in them is sealed; one that is hidden stays as it will be then.

        Raises:
            InvalidInput: A setting cannot be used, or a secret has to be entered again.
        """
        before = self.sources.stored(project_key, key)
        wanted: dict[str, Any] = dict(self.sources.kept(before.kind, settings, before.settings))
        for place in SOURCES[before.kind].secrets_in(settings):
            if place.value_in(settings) == HIDDEN:
                place.put_into(wanted, HIDDEN)
        return self._propose(project_key, About.SOURCE, key, wanted, actor, reason)

    def propose_feature(
        self, project_key: str, key: str, limits: Mapping[str, Any], actor: Actor, reason: str
    ) -> ReviewedProposal:
        """Propose other limits for a feature.

        Raises:
            InvalidInput: There is none among them.
        """
        if not limits:
            remedy = f"give one of {', '.join(FEATURE_LIMITS)}"
            raise InvalidInput(Problem("limits", "are missing", remedy))
        return self._propose(project_key, About.FEATURE, key, limits, actor, reason)

    def of(self, project_key: str, about: About, key: str) -> list[ReviewedProposal]:
        """What was proposed about a source or a feature, newest first."""
        with self.database.read() as tx:
            subject = _subject(tx, get_project(tx, project_key).id, about, key)
            found = proposals_about(tx, subject.project_id, about, key)
            return [self._reviewed(tx, subject, each) for each in found]

    def waiting(self, project_key: str) -> tuple[list[ReviewedProposal], list[PlacedProposal]]:
        """What waits for somebody in a project, oldest first: about sources and features, and about triggers."""
        with self.database.read() as tx:
            project = get_project(tx, project_key)
            return self.waiting_in(tx, project.id), open_trigger_proposals(tx, project.id)

    def waiting_in(self, tx: Transaction, project_id: int) -> list[ReviewedProposal]:
        """What waits about the sources and features of a project, oldest first."""
        mine = (self._reviewed_if_there(tx, each) for each in open_proposals(tx, project_id))
        return [each for each in mine if each]

    def approve(self, project_key: str, about: About, key: str, id: int, actor: Actor) -> None:
        """Agree to somebody else's proposal, which carries it out.

        Raises:
            Refused: The actor is no other person, or it was about something that is otherwise now.
            Conflict: It was decided before.
            InvalidInput: It cannot be carried out any more; names the setting.
        """
        with self.database.write() as tx:
            subject = _subject(tx, get_project(tx, project_key).id, about, key)
            proposal = get_proposal_about(tx, subject.project_id, about, key, id)
            if proposal.status != ProposalStatus.OPEN:
                raise _decided(proposal)
            refuse_agreeing(tx, subject.project_id, actor, proposal.proposed_by)
            if proposal.seen != _seen(subject):
                message = f"the {about} {key} was changed since"
                raise Refused([Refusal("proposal_outdated", message, "propose it anew", "version")])
            self._settle(tx, proposal, ProposalStatus.APPLIED, "approve", actor)
            self._carry_out(tx, subject, proposal, actor)

    def withdraw(self, project_key: str, about: About, key: str, id: int, actor: Actor) -> None:
        """Take a proposal back.

        Raises:
            Conflict: It was decided before.
        """
        with self.database.write() as tx:
            project = get_project(tx, project_key)
            proposal = get_proposal_about(tx, project.id, about, key, id)
            self._settle(tx, proposal, ProposalStatus.WITHDRAWN, "withdraw", actor)

    def _propose(
        self, project_key: str, about: About, key: str, wanted: Mapping[str, Any], actor: Actor, reason: str
    ) -> ReviewedProposal:
        with self.database.write() as tx:
            subject = _subject(tx, get_project(tx, project_key).id, about, key)
            made = add_proposal_about(
                tx,
                subject.project_id,
                about,
                key,
                seen=_seen(subject),
                wanted=wanted,
                reason=reason,
                by=actor.name,
                now=self.now(),
            )
            self._record(tx, made, "propose", actor)
            return self._reviewed(tx, subject, made)

    def _carry_out(self, tx: Transaction, subject: Subject, proposal: StoredProposal, actor: Actor) -> None:
        if isinstance(subject, Feature):
            self.catalog.change_feature_in(tx, subject, proposal.wanted, actor, proposal.reason)
            return
        try:
            kept = self._whole(subject, proposal)
        except BadConfiguration as bad:
            raise InvalidInput(Problem(f"settings.{bad.field}", bad.message, bad.remedy)) from bad
        self.sources.change_in(tx, subject, kept, actor, proposal.reason)

    def _whole(self, source: StoredSource, proposal: StoredProposal) -> Mapping[str, Any]:
        return put_back(proposal.wanted, SOURCES[source.kind].secrets_in, source.settings, self.sources.vault)

    def _reviewed(self, tx: Transaction, subject: Subject, proposal: StoredProposal) -> ReviewedProposal:
        looser = tuple(self._looser(tx, subject, proposal))
        return ReviewedProposal(proposal, looser, _before(subject), proposal.seen != _seen(subject))

    def _reviewed_if_there(self, tx: Transaction, proposal: StoredProposal) -> ReviewedProposal | None:
        """The same; None if what it is about was deleted meanwhile."""
        try:
            subject = _subject(tx, proposal.project_id, About(proposal.about), proposal.key)
        except NotFound:
            return None
        return self._reviewed(tx, subject, proposal)

    def _looser(self, tx: Transaction, subject: Subject, proposal: StoredProposal) -> Iterator[Refusal]:
        if isinstance(subject, Feature):
            yield from feature_loosening(tx, subject, proposal.wanted)
        else:
            yield from source_loosening(tx, subject, proposal.wanted)

    def _settle(
        self, tx: Transaction, proposal: StoredProposal, status: ProposalStatus, done: str, actor: Actor
    ) -> None:
        if not settle_proposal_about(tx, proposal.id, status, actor.name, self.now()):
            raise _decided(proposal)
        self._record(tx, proposal, done, actor)

    def _record(self, tx: Transaction, proposal: StoredProposal, done: str, actor: Actor) -> None:
        evidence = {"proposal": proposal.id, "proposed_by": proposal.proposed_by, "key": proposal.key}
        change = Change(
            project_id=proposal.project_id,
            name=f"{proposal.about}.{done}",
            actor=actor,
            at=self.now(),
            feature=proposal.key if proposal.about == About.FEATURE else "",
            reason=proposal.reason,
            evidence=evidence | {"wanted": shown(proposal.wanted)},
        )
        record(tx, change)


def _subject(tx: Transaction, project_id: int, about: About, key: str) -> Subject:
    if about is About.SOURCE:
        return get_source(tx, project_id, key)
    return get_feature(tx, project_id, key)


def _before(subject: Subject) -> dict[str, Any]:
    """What may be proposed otherwise, as it is now, without secrets."""
    if isinstance(subject, Feature):
        return {name: getattr(subject, name) for name in FEATURE_LIMITS}
    return shown(subject.settings)


def _seen(subject: Subject) -> str:
    """What a proposal is bound to. Other credentials for the same place do not make it outdated."""
    return digest(_before(subject))


def _decided(proposal: StoredProposal) -> Conflict:
    problem = Problem("proposal", f"it is {proposal.status}", "look at what is there now")
    detail = f"{proposal.decided_by} decided the proposal {proposal.id} before"
    return Conflict("proposal_decided", detail, problem)
