"""The triggers of a feature: all of them, and the editor that says what a rule means before it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.cases import watch_of
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.cards import ARMINGS, TriggerLine, trigger_line
from controller.console.change_details import differences
from controller.console.changes import ChangeLine, change_lines
from controller.console.feature import FEATURE, Head, forecast_of, head, verdicts_of
from controller.console.frame import page
from controller.console.live import live
from controller.console.onward import onward, place_of
from controller.console.reading_lines import ReadingLine, reading_lines
from controller.console.trigger_form import Body, begun, body_from, body_of, definition_of
from controller.console.trigger_trials import DAYS, asked, beside, in_place
from controller.console.trigger_words import METHOD_TITLES, MUTES, param_fields, rule_words
from controller.console.words import Moved
from controller.errors import HeadgateError, NotFound, Problem, VersionConflict
from controller.rollouts import Where
from controller.sources import SOURCES
from controller.store.changes import changes_of
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.narrowings import narrowings_of
from controller.store.sources import sources_of
from controller.store.triggers import StoredTrigger, triggers_of
from controller.trigger_edits import find_trigger
from controller.trigger_reviews import Record, Reviewed
from stages import Refusal, Refused
from triggers import Action, Arming, Baseline, Lack, Reaction, Scope, Severity, TriggerClass

Answer = Response | str | tuple[str, int]
_LOOKED_BACK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A trigger in the list; ``headline`` is what it does, in one sentence."""

    line: TriggerLine
    kind: str
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A trigger that is there: where it stands, what it read and did, and what is proposed about it."""

    item: StoredTrigger | Broken
    line: TriggerLine
    verdict: str = ""
    readings: Sequence[ReadingLine] = ()
    record: Record | None = None
    proposals: tuple[Reviewed, ...] = ()

    @property
    def stored(self) -> StoredTrigger | None:
        """The trigger, if it can be read."""
        return None if isinstance(self.item, Broken) else self.item


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of sending something: why it was not done, or what others did meanwhile.

    ``differs``: in what the trigger as it is now is another than what was written.
    """

    problems: tuple[Refusal | Problem, ...] = ()
    changed: tuple[ChangeLine, ...] = ()
    differs: tuple[Moved, ...] = ()
    act: str = ""


@blueprint.get(f"{FEATURE}/triggers")
def show_triggers(project: str, environment: str, feature: str) -> str:
    """All triggers of a feature."""
    where = Where(project, environment, feature)
    with services().database.read() as tx:
        about = head(tx, where)
        seen = live(tx, about.stored.id)
        rows = list(_rows(tx, about))
    return page("triggers.html", about.frame, seen, about=about, rows=rows)


def _rows(tx: Transaction, about: Head) -> Iterator[Row]:
    for item in triggers_of(tx, about.stored.id):
        line = trigger_line(item, about.frame.now)
        kind = watch_of(item, about.frame.now, about.stored.rollout).trigger_class.replace("_", " ")
        words = None if isinstance(item, Broken) else rule_words(item.rule, item.source_key, item.query)
        yield Row(line=line, kind=kind, headline=words.headline if words else "")


@blueprint.get(f"{FEATURE}/new-trigger")
def show_new_trigger(project: str, environment: str, feature: str) -> str:
    """The editor, with something to begin with."""
    return _editor(Where(project, environment, feature), "", begun())


@blueprint.post(f"{FEATURE}/new-trigger")
def post_new_trigger(project: str, environment: str, feature: str) -> Answer:
    """Try a new trigger out, or add it."""
    where, body = Where(project, environment, feature), body_of(request.form)
    if request.form.get("do") != "save":
        return _editor(where, "", body)
    try:
        services().trigger_edits.add(where, definition_of(body), actor())
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        return _editor(where, "", body, Outcome(problems=problems)), status
    return trigger_address(where, body["key"], "trigger_added")


@blueprint.get(f"{FEATURE}/triggers/<trigger>")
def show_trigger(project: str, environment: str, feature: str, trigger: str) -> str:
    """A trigger that is there: where it stands, what can be done with it, and the editor."""
    return shown(Where(project, environment, feature), trigger)


@blueprint.post(f"{FEATURE}/triggers/<trigger>")
def post_trigger(project: str, environment: str, feature: str, trigger: str) -> Answer:
    """Try another definition out, put it in the place of the one that is there, or propose it."""
    where, body, do = Where(project, environment, feature), body_of(request.form), request.form.get("do")
    body["key"] = trigger
    if do not in ("save", "propose"):
        return _editor(where, trigger, body)
    try:
        definition, reason = definition_of(body), forms.reason()
        if do == "propose":
            services().trigger_reviews.propose(where, trigger, definition, actor(), reason)
        else:
            services().trigger_edits.change(where, definition, actor(), reason, forms.seen_version())
    except (HeadgateError, Refused) as error:
        return refused(where, trigger, error, "edit", body)
    return trigger_address(where, trigger, "proposed" if do == "propose" else "trigger_changed")


def shown(where: Where, key: str, outcome: Outcome | None = None) -> str:
    """The page of a trigger, with its present definition in the editor."""
    with services().database.read() as tx:
        item = find_trigger(tx, head(tx, where).stored.id, key)
    body = begun() | {"key": key} if isinstance(item, Broken) else body_from(item)
    return _editor(where, key, body, outcome)


def refused(
    where: Where, key: str, error: HeadgateError | Refused, act: str, body: Body | None = None
) -> tuple[str, int]:
    """The page again with every reason why it was not done; what was written stays in the editor.

    Raises:
        NotFound: The trigger is gone.
    """
    if isinstance(error, VersionConflict):
        changed, differs = tuple(_changed(where, key)), _differences(where, key, body)
        outcome, status = Outcome(changed=changed, differs=differs, act=act), 412
    else:
        problems, status = forms.told(error)
        outcome = Outcome(problems=problems, act=act)
    content = shown(where, key, outcome) if body is None else _editor(where, key, body, outcome)
    return content, status


def trigger_address(where: Where, key: str, done: str) -> Response:
    """Go to the page of a trigger."""
    return onward("show_trigger", trigger=key, done=done, **place_of(where))


def list_address(where: Where, done: str) -> Response:
    """Go to the list of triggers."""
    return onward("show_triggers", done=done, **place_of(where))


def _changed(where: Where, key: str) -> list[ChangeLine]:
    """What others did to the trigger last."""
    with services().database.read() as tx:
        about = head(tx, where)
        found = changes_of(
            tx,
            about.stored.project_id,
            feature=where.feature,
            touching=where.environment,
            limit=_LOOKED_BACK,
        )
        mine = [each for each in found if key in (each.before.get("trigger"), each.after.get("trigger"))]
        return change_lines(tx, about.stored.project_id, mine[:1])


def _differences(where: Where, key: str, body: Body | None) -> tuple[Moved, ...]:
    """The trigger as others left it, beside what was written."""
    with services().database.read() as tx:
        item = find_trigger(tx, head(tx, where).stored.id, key)
    if body is None or isinstance(item, Broken):
        return ()
    return differences(body_from(item), body_from(in_place(item, definition_of(body))))


def _editor(where: Where, key: str, body: Body, outcome: Outcome | None = None) -> str:
    outcome, standing = outcome or Outcome(), _standing(where, key) if key else None
    before = standing.stored if standing else None
    with services().database.read() as tx:
        about = head(tx, where)
        seen = live(tx, about.stored.id)
        told = beside(tx, about.stored, body, before)
        choices = _choices(tx, about)
    told = asked(where, told, body, before, request.form.get("do", ""))
    return page(
        "trigger.html",
        about.frame,
        seen,
        about=about,
        key=key,
        body=body,
        standing=standing,
        outcome=outcome,
        problems=outcome.problems or told.problems,  # Beside the fields.
        beside=told,
        given=request.form,
        armings=ARMINGS,
        methods=METHOD_TITLES,
        params={name: param_fields(name) for name in METHOD_TITLES},
        days=DAYS,
        mutes=MUTES,
        **choices,
    )


def _standing(where: Where, key: str) -> Standing:
    parts = services()
    with parts.database.read() as tx:
        about = head(tx, where)
        item = find_trigger(tx, about.stored.id, key)
        line = trigger_line(item, parts.now())
        if isinstance(item, Broken):
            return Standing(item=item, line=line, verdict=line.sentence)
        verdict = line.sentence if line.told else verdicts_of(tx, [item], forecast_of(tx, about))[key]
        standing = Standing(item=item, line=line, verdict=verdict, readings=reading_lines(tx, item))
    reviews = parts.trigger_reviews
    try:
        record, proposals = reviews.record(where, key), tuple(reviews.of(where, key))
    except NotFound:
        return standing
    return replace(standing, record=record, proposals=proposals)


def _choices(tx: Transaction, about: Head) -> dict[str, Any]:
    """What the selects of the form offer."""
    sources = [
        (each.key, " or ".join(map(str, SOURCES[each.kind].shapes)))
        for each in sources_of(tx, about.stored.project_id)
        if each.kind in SOURCES
    ]
    narrowings = [each.key for each in narrowings_of(tx, about.stored.id) if not isinstance(each, Broken)]
    return {
        "sources": sources,
        "narrowings": narrowings,
        "classes": list(TriggerClass),
        "scopes": list(Scope),
        "baselines": list(Baseline),
        "actions": list(Action),
        "severities": list(Severity),
        "lacks": list(Lack),
        "reactions": list(Reaction),
        "arming_values": list(Arming),
    }
