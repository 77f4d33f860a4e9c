"""What waits for a second person in a project: settings of sources, limits of features, and looser triggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, url_for

from controller.api.auth import services
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward_after
from controller.console.releases import Difference, differences
from controller.errors import NotFound, Problem
from controller.persons import are_one
from controller.proposals import ReviewedProposal
from controller.sealing import replaced, shown
from controller.store.database import Transaction
from controller.store.projects import get_project
from controller.store.proposals import About, StoredProposal
from controller.store.trigger_proposals import open_trigger_proposals
from stages import Refusal

Answer = Response | tuple[str, int]
_PAGE = "/projects/<project>/settings/proposals"
_ONE = f"{_PAGE}/<about>/<key>/<int:id>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalLine:
    """A proposal as it is shown, without secrets; ``is_mine``: its proposer is the reader, or counts as them."""

    proposal: StoredProposal
    looser: tuple[Refusal, ...]
    is_outdated: bool
    is_mine: bool
    changes: tuple[Difference, ...]
    whole: Mapping[str, Any]


def proposal_address(project: str, id: int) -> str:
    """Where somebody decides about a proposal."""
    return url_for("console.show_proposals", project=project, _anchor=f"proposal-{id}")


def proposal_lines(
    tx: Transaction, project_id: int, about: About | None = None, key: str = ""
) -> list[ProposalLine]:
    """What waits about sources or features of a project, oldest first; about one of them where a key is given."""
    waiting = services().proposals.waiting_in(tx, project_id)
    return [
        _line(tx, each)
        for each in waiting
        if about in (None, each.proposal.about) and key in ("", each.proposal.key)
    ]


@blueprint.get(_PAGE)
def show_proposals(project: str) -> str:
    """The page."""
    return _shown(project)


@blueprint.post(f"{_ONE}/approve")
def approve_proposed(project: str, about: str, key: str, id: int) -> Answer:
    """Agree to somebody else's proposal, which carries it out."""
    what, use_cases = _about(about), services().proposals
    return _try(project, lambda: use_cases.approve(project, what, key, id, actor()), "proposal_approved")


@blueprint.post(f"{_ONE}/withdraw")
def withdraw_proposed(project: str, about: str, key: str, id: int) -> Answer:
    """Take it back."""
    what, use_cases = _about(about), services().proposals
    return _try(project, lambda: use_cases.withdraw(project, what, key, id, actor()), "withdrawn")


def _shown(project: str, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        mine = get_project(tx, project)
        lines, about_triggers = proposal_lines(tx, mine.id), open_trigger_proposals(tx, mine.id)
    return page(
        "settings_proposals.html", here, seen, lines=lines, about_triggers=about_triggers, problems=problems
    )


def _line(tx: Transaction, reviewed: ReviewedProposal) -> ProposalLine:
    proposal = reviewed.proposal
    before = {name: value for name, value in reviewed.before.items() if _is_meant(name, proposal)}
    return ProposalLine(
        proposal=proposal,
        looser=reviewed.looser,
        is_outdated=reviewed.is_outdated,
        is_mine=are_one(tx, proposal.project_id, actor().name, proposal.proposed_by),
        changes=tuple(
            differences(_told(before), _told(replaced(proposal.wanted, lambda _: "another secret")))
        ),
        whole=shown(proposal.wanted),
    )


def _is_meant(name: str, proposal: StoredProposal) -> bool:
    """Settings of a source are replaced as a whole; limits that are not named stay."""
    return proposal.about == About.SOURCE or name in proposal.wanted


def _told(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: "not set" if value is None else value for name, value in settings.items()}


def _about(name: str) -> About:
    if name not in list(About):
        raise NotFound("proposal", name)
    return About(name)


def _try(project: str, do: Callable[[], None], done: str) -> Answer:
    return onward_after(
        do, lambda problems: _shown(project, problems), "show_proposals", done=done, project=project
    )
