"""A release that is new to users: what stands against bringing it in, who agreed, and approving what one has seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.views import release_warnings
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, Head, head
from controller.console.frame import page
from controller.console.live import live
from controller.console.onward import onward, place_of
from controller.console.releases import Difference, differences
from controller.console.ways_out import WayOut, ways_out
from controller.console.words import MODES, STANDINGS, Sign
from controller.errors import HeadgateError, NotFound, Problem
from controller.persons import are_one
from controller.release_approvals import ReleaseStanding
from controller.rollouts import Where
from controller.store.database import Transaction
from controller.store.release_approvals import approvals_of_release
from controller.store.releases import StoredRelease, get_release
from stages import EXPOSED, Refusal, Refused, StagePlan, Standing, Watch, stand_all

Answer = Response | tuple[str, int]
_PAGE = f"{FEATURE}/releases/<release>/approval"


@dataclass(frozen=True, slots=True)
class NeedLine:
    """A requirement as it stands for the release."""

    standing: Standing
    sign: Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """All that an approval of a release is bound to, and how far it is.

    ``void`` is who agreed to what was shown earlier; ``mine`` who agreed already and is the reader, or counts as them.
    """

    standing: ReleaseStanding
    step: StagePlan
    against: tuple[WayOut, ...]
    needs: tuple[NeedLine, ...]
    watches: tuple[Watch, ...]
    void: tuple[str, ...]
    mine: str


@blueprint.get(_PAGE)
def show_release_approval(project: str, environment: str, feature: str, release: str) -> str:
    """The page."""
    return shown_release(Where(project, environment, feature), release)


@blueprint.post(_PAGE)
def approve_release(project: str, environment: str, feature: str, release: str) -> Answer:
    """Agree to what the page showed, which its hash names."""
    where, seen = Where(project, environment, feature), request.form.get("seen", "")
    try:
        services().release_approvals.approve(where, release, actor(), seen)
    except NotFound:
        raise
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        return shown_release(where, release, problems), status
    return onward("show_release_approval", release=release, done="approved", **place_of(where))


def shown_release(where: Where, release: str, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    """The page of a release, with what stood against something that was asked for there."""
    with services().database.read() as tx:
        about = head(tx, where)
        seen, found = live(tx, about.stored.id), get_release(tx, about.feature.id, release)
        rollout = about.stored.rollout
        shown: dict[str, Any] = {
            "differences": _differences(tx, about, found),
            "warnings": release_warnings(found.bundle),
            "decision": _decision(tx, about, found) if rollout.stage in EXPOSED else None,
        }
    return page(
        "release.html",
        about.frame,
        seen,
        about=about,
        rollout=rollout,
        mode=MODES[rollout.mode],
        release=found,
        problems=problems,
        me=actor().name,
        given=request.form,
        **shown,
    )


def _decision(tx: Transaction, about: Head, release: StoredRelease) -> Decision:
    """What is shown is read in one transaction with its hash."""
    parts, stored = services(), about.stored
    standing = parts.release_approvals.standing(tx, stored, release, actor())
    case = parts.cases.case_of_release(tx, stored, release, actor().name, parts.now())
    step = parts.cases.plan_of(tx, stored)[stored.rollout.stage]
    given = approvals_of_release(tx, stored.id, release.public_id)
    return Decision(
        standing=standing,
        step=step,
        against=tuple(ways_out(about.where, stored, standing.refusals)),
        needs=tuple(NeedLine(each, STANDINGS[each.answer]) for each in stand_all(case, step, parts.now())),
        watches=case.watches,
        void=tuple(sorted({each.actor for each in given} - set(standing.approved_by))),
        mine=next(_mine(tx, stored.project_id, standing), ""),
    )


def _mine(tx: Transaction, project_id: int, standing: ReleaseStanding) -> Iterator[str]:
    yield from (name for name in standing.approved_by if are_one(tx, project_id, name, actor().name))


def _differences(tx: Transaction, about: Head, release: StoredRelease) -> tuple[Difference, ...]:
    """In what it is another one than the release that users have."""
    stable = about.stored.rollout.stable
    if stable in (None, release.public_id):
        return ()
    return tuple(differences(get_release(tx, about.feature.id, str(stable)).bundle, release.bundle))
