"""The record of a feature: what its team says of it, to be read, changed, and proposed where that takes two people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.console import feature_form, forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.changes import ChangeLine, change_lines
from controller.console.feature import FEATURE, Head, head
from controller.console.feature_form import Given
from controller.console.feature_inputs import NEW, PARTS
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.console.proposals import proposal_lines
from controller.errors import HeadgateError, NotFound, Problem, VersionConflict
from controller.reliance import FEATURE_LIMITS
from controller.rollouts import Where
from controller.store.changes import changes_of
from controller.store.database import Transaction
from controller.store.features import get_feature
from controller.store.projects import get_project
from controller.store.proposals import About
from stages import Refusal, Refused

Answer = Response | str | tuple[str, int]
Problems = tuple[Refusal | Problem, ...]
_LOOSER = "loosening_unreviewed"
_LOOKED_BACK = 50
_FORM: dict[str, Any] = {
    "parts": PARTS,
    "rows": feature_form.rows,
    "told": feature_form.told,
}
"""What the template needs to draw the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was entered and not saved, and why. ``overtaken``: somebody else has saved it since it was shown."""

    given: Given
    problems: Problems = ()
    overtaken: bool = False
    marks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What stands in the form. ``theirs`` is what somebody else has made of fields meanwhile, in words."""

    given: Given
    problems: Problems = ()
    theirs: Given = field(default_factory=dict)
    by: ChangeLine | None = None

    @property
    def others(self) -> list[Refusal | Problem]:
        """What is wrong with none of its inputs."""
        known = {*feature_form.names(), "key", "reason"}
        return [each for each in self.problems if each.field.partition(".")[0] not in known]


@blueprint.get("/projects/<project>/environments/<environment>/new-feature")
def show_new_feature(project: str, environment: str) -> str:
    """The form of a feature that is not there yet."""
    return _new(project, environment, Undone(given=NEW))


@blueprint.post("/projects/<project>/environments/<environment>/new-feature")
def make_feature(project: str, environment: str) -> Answer:
    """Make a feature; it begins its way in every environment of the project."""
    sent = feature_form.given()
    try:
        described = feature_form.content(sent, frozenset(feature_form.names()), is_new=True)
        key = described.pop("key")
        services().catalog.make_feature(project, key, described, actor())
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _new(project, environment, Undone(given=sent, problems=_beside_key(error, problems))), status
    return onward("show_feature", done="feature_made", project=project, environment=environment, feature=key)


@blueprint.get(f"{FEATURE}/record")
def show_feature_record(project: str, environment: str, feature: str) -> str:
    """What its team says of it."""
    return _shown(Where(project, environment, feature))


@blueprint.post(f"{FEATURE}/record")
def change_feature_record(project: str, environment: str, feature: str) -> Answer:
    """Say it anew, if nobody else did meanwhile; limits that take two people are proposed, and the rest is saved."""
    where, sent = Where(project, environment, feature), feature_form.given()
    try:
        done = _save(where, sent)
    except NotFound:
        raise
    except VersionConflict:
        marks = request.form.get("marks", "")
        return _shown(where, Undone(given=sent, overtaken=True, marks=marks)), 412
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        return _shown(where, Undone(given=sent, problems=feature_form.beside(problems))), status
    return onward("show_feature_record", done=done, project=project, environment=environment, feature=feature)


def _save(where: Where, sent: Given) -> str:
    """Save what was changed; which word says what was done."""
    with services().database.read() as tx:
        now = get_feature(tx, get_project(tx, where.project).id, where.feature)
    if forms.seen_version() != now.version:
        raise VersionConflict(f"the feature {where.feature}", now.version)
    changes = feature_form.changed(feature_form.of_feature(now), sent)
    described = feature_form.content(sent, changes)
    limits = {name: described[name] for name in FEATURE_LIMITS if name in described}
    if request.form.get("do") != "propose" or not limits:
        return _change(where, described, now.version)
    reason = forms.reason()
    _change(where, {name: each for name, each in described.items() if name not in limits}, now.version)
    services().proposals.propose_feature(where.project, where.feature, limits, actor(), reason)
    return "proposed"


def _change(where: Where, described: dict[str, Any], version: int) -> str:
    if not described:
        return "nothing_changed"
    services().catalog.change_feature(where.project, where.feature, described, actor(), version)
    return "record_changed"


def _beside_key(error: HeadgateError, problems: Problems) -> Problems:
    """A key that is taken is told at the key."""
    if error.code in ("key_taken", "key_retired"):
        return (Problem("key", error.detail, ""),)
    return feature_form.beside(problems)


def _new(project: str, environment: str, undone: Undone) -> str:
    with services().database.read() as tx:
        here = frame(tx, project, environment)
    return page(
        "feature-record.html",
        here,
        about=None,
        shown=Shown(given=undone.given, problems=undone.problems),
        **_FORM,
    )


def _shown(where: Where, undone: Undone | None = None) -> str:
    with services().database.read() as tx:
        about = head(tx, where)
        seen = live(tx, about.stored.id)
        proposals = proposal_lines(tx, about.stored.project_id, About.FEATURE, where.feature)
        shown = _form(tx, about, undone)
    takes_two = any(getattr(each, "code", "") == _LOOSER for each in shown.problems)
    return page(
        "feature-record.html",
        about.frame,
        seen,
        about=about,
        shown=shown,
        overtaken=undone is not None and undone.overtaken,
        takes_two=takes_two or request.form.get("do") == "propose",
        proposals=proposals,
        marks=feature_form.marks(feature_form.of_feature(about.feature)),
        reason=request.form.get("reason", ""),
        **_FORM,
    )


def _form(tx: Transaction, about: Head, undone: Undone | None) -> Shown:
    """What stands in the form: the record, or what was entered beside what somebody else has made of it meanwhile."""
    now = feature_form.of_feature(about.feature)
    if undone is None:
        return Shown(given=now)
    if not undone.overtaken:
        return Shown(given=undone.given, problems=undone.problems)
    changed = feature_form.unlike(undone.marks, now)
    mine = feature_form.unlike(undone.marks, undone.given)
    return Shown(
        # What only the other one has changed stands as it is now; sending it again keeps it.
        given=feature_form.merged(undone.given, now, changed - mine),
        theirs={name: feature_form.told(name, now) for name in changed},
        by=_last_change(tx, about),
    )


def _last_change(tx: Transaction, about: Head) -> ChangeLine | None:
    """Who saved the record last."""
    found = changes_of(tx, about.stored.project_id, feature=about.where.feature, limit=_LOOKED_BACK)
    mine = [each for each in found if each.name == "feature.change"]
    return next(iter(change_lines(tx, about.stored.project_id, mine[:1])), None)
