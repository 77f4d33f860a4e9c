"""What a person can do from the board: stop, resume, acknowledge. Each is a small page that says what will happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, render_template, request, url_for

from controller.api.auth import services
from controller.cases import watch_of
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.cards import trigger_line
from controller.console.changes import ChangeLine, change_lines
from controller.console.frame import frame
from controller.console.onward import onward, place_of
from controller.console.ways import Option, Subject, Way, in_the_way, ways_down, ways_up
from controller.errors import Conflict, HeadgateError, InvalidInput, NotFound, Problem, VersionConflict
from controller.flags.spread import spread
from controller.rollouts import Order, Where, locate, locate_environment
from controller.store.changes import changes_of
from controller.store.columns import Broken
from controller.store.database import DatabaseUnavailable, Transaction
from controller.store.features import get_feature
from controller.store.instances import instances_in, revision_times
from controller.store.narrowings import narrowings_of
from controller.store.rollouts import rollouts_in
from controller.store.triggers import triggers_of
from stages import Mode, Refusal, Refused, Request, firing
from triggers import Phase

_LOOKED_BACK = 20
_UNWRITTEN = Problem(
    "",
    "the database cannot be written, so nothing was done, and products go on with the flags they have",
    "send it again in a moment; if it stays so, turn the feature off in the product itself",
)

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to act on. ``in_the_way`` would refuse the act now; ``reached`` names the option that is so already."""

    title: str
    lead: str
    submit: str
    tone: str
    done: str
    where: Where
    name: str
    version: int
    options: tuple[Option, ...] = ()
    in_the_way: tuple[Refusal, ...] = ()
    sentence: str = ""
    placeholder: str = ""
    connected: str = ""
    reached: str = ""

    def chosen(self, value: str) -> Way:
        """The way that was chosen.

        Raises:
            InvalidInput: There is no such option, or no more.
        """
        for option in self.options:
            if isinstance(option, Way) and option.value == value:
                return option
        problem = Problem("choice", "that is not possible from here now", "look at what is, and choose again")
        raise InvalidInput(problem)


@blueprint.get("/stop/<project>/<environment>/<feature>")
def show_stop(project: str, environment: str, feature: str) -> str:
    """What stopping would do."""
    return _form(_stop_page(Where(project, environment, feature)))


@blueprint.post("/stop/<project>/<environment>/<feature>")
def stop(project: str, environment: str, feature: str) -> Answer:
    """Stop: switch off, send to human review, or revert."""
    return _move(_stop_page(Where(project, environment, feature)))


@blueprint.get("/resume/<project>/<environment>/<feature>")
def show_resume(project: str, environment: str, feature: str) -> str:
    """What resuming would do, and what is in the way."""
    return _form(_resume_page(Where(project, environment, feature)))


@blueprint.post("/resume/<project>/<environment>/<feature>")
def resume(project: str, environment: str, feature: str) -> Answer:
    """Lift the holds and bring traffic back."""
    return _move(_resume_page(Where(project, environment, feature)))


@blueprint.get("/acknowledge/<project>/<environment>/<feature>/<trigger>")
def show_acknowledge(project: str, environment: str, feature: str, trigger: str) -> str:
    """What acknowledging would do."""
    return _form(_acknowledge_page(Where(project, environment, feature), trigger))


@blueprint.post("/acknowledge/<project>/<environment>/<feature>/<trigger>")
def acknowledge(project: str, environment: str, feature: str, trigger: str) -> Answer:
    """Say that a person has seen to a trigger."""
    page = _acknowledge_page(Where(project, environment, feature), trigger)
    if not page.options:
        return _done(page)
    try:
        services().trigger_edits.acknowledge(page.where, trigger, actor(), forms.reason())
    except HeadgateError as error:
        return _refused(page, error)
    return _done(page)


def _move(page: Page) -> Answer:
    choice = request.form.get("choice", "")
    if choice and choice == page.reached:
        # Somebody clicked twice, or a trigger was faster: it is as was asked.
        return _done(page)
    try:
        option = page.chosen(choice)
        order = Order(
            request=_as_far_as_asked(option),
            actor=actor(),
            reason=forms.reason(),
            expected_version=forms.seen_version() if option.strict else None,
        )
        services().rollouts.move(page.where, order)
    except (HeadgateError, Refused) as error:
        return _refused(page, error)
    except DatabaseUnavailable:
        return _form(page, (_UNWRITTEN,)), 503
    return _done(page)


def _as_far_as_asked(option: Way) -> Request:
    """The request of a way; one that asks how far goes to the share that was given.

    Raises:
        InvalidInput: That is no share below the present one.
    """
    if not option.share or option.request.exposure is None:
        return option.request
    share = forms.share()
    if share is None:
        raise InvalidInput(Problem("share", "nothing is no share", "give a percentage from 0 to 100"))
    return replace(option.request, exposure=replace(option.request.exposure, share=share))


def _form(page: Page, problems: Sequence[Refusal | Problem] = (), changed: Sequence[ChangeLine] = ()) -> str:
    given = request.form
    default = page.options[0].value if page.options else ""
    with services().database.read() as tx:
        here = frame(tx, page.where.project, page.where.environment)
    return render_template(
        "act.html",
        frame=here,
        now=here.now,
        page=page,
        problems=problems,
        changed=changed,
        share=given.get("share", ""),
        reason=given.get("reason", ""),
        choice=given.get("choice", default),
        back=url_for("console.show_feature", **place_of(page.where)),
    )


def _refused(page: Page, error: HeadgateError | Refused) -> tuple[str, int]:
    """The same page with every reason why it was not done, each with its remedy."""
    if isinstance(error, VersionConflict):
        return _form(page, (), _changed_since(page.where, forms.seen_version())), 412
    problems, status = forms.told(error)
    return _form(page, problems), status


def _done(page: Page) -> Response:
    return onward("show_feature", done=page.done, **place_of(page.where))


def _changed_since(where: Where, version: int) -> list[ChangeLine]:
    """What others did since somebody looked: the moves beyond the version that was seen."""
    with services().database.read() as tx:
        stored = locate(tx, where)
        found = changes_of(
            tx, stored.project_id, feature=where.feature, touching=where.environment, limit=_LOOKED_BACK
        )
        newer = [each for each in found if int(each.after.get("version") or 0) > version]
        return change_lines(tx, stored.project_id, newer or found[:1])


def _subject(tx: Transaction, where: Where) -> Subject:
    environment = locate_environment(tx, where.project, where.environment)
    found = rollouts_in(tx, environment.id, feature=where.feature)
    if not found:
        raise NotFound("feature", where.feature)
    stored = found[0]
    if isinstance(stored, Broken):
        detail = f"the rollout of {where.feature} cannot be read and is served as off: {stored.why}"
        raise Conflict("broken", detail)
    feature = get_feature(tx, stored.project_id, where.feature)
    plan = services().plans.of(stored.tier, protected=stored.protected)
    watches = [watch_of(item, services().now(), stored.rollout) for item in triggers_of(tx, stored.id)]
    named = tuple(each for each in narrowings_of(tx, stored.id) if not isinstance(each, Broken))
    return Subject(stored, feature.name or feature.key, plan, tuple(firing(watches)), named)


def _stop_page(where: Where) -> Page:
    services().receipts.flush_if_possible()
    with services().database.read() as tx:
        subject = _subject(tx, where)
        connected = _connected(tx, subject.stored.environment_id)
    rollout = subject.stored.rollout
    return Page(
        title=f"Stop {subject.name}",
        lead="Going down takes one person. It takes effect at once, and is recorded with your name.",
        connected=connected,
        submit="Stop now",
        done="stopped",
        tone="alarm",
        where=where,
        name=subject.name,
        version=rollout.version,
        options=tuple(ways_down(subject, services().now())),
        placeholder="What did you see?",
        reached="" if rollout.mode is Mode.LIVE else rollout.mode.value,
    )


def _connected(tx: Transaction, environment_id: int) -> str:
    """Who will hear of it."""
    found = spread(instances_in(tx, environment_id), revision_times(tx, environment_id), 0, services().now())
    if not found.live:
        return "No instance has sent a receipt lately, so nobody can tell here when it has arrived."
    one = found.live == 1
    told = f"{found.live} instance{'' if one else 's'} connected"
    return f"{told}; the next page counts until {'it has' if one else 'all of them have'} it."


def _resume_page(where: Where) -> Page:
    with services().database.read() as tx:
        subject = _subject(tx, where)
    rollout = subject.stored.rollout
    options = tuple(ways_up(rollout))
    return Page(
        title=f"Resume {subject.name}",
        lead="Going up is a decision of a person. It takes effect at once, and is recorded with your name.",
        submit="Resume",
        done="resumed",
        tone="accent",
        where=where,
        name=subject.name,
        version=rollout.version,
        options=options,
        in_the_way=tuple(in_the_way(subject, options, services().now())),
        placeholder="What has been settled?",
        reached="" if rollout.holds else rollout.mode.value,
    )


def _acknowledge_page(where: Where, key: str) -> Page:
    with services().database.read() as tx:
        subject = _subject(tx, where)
        found = {line.key: (item, line) for item, line in _lines(tx, subject.stored.id)}
    if key not in found:
        raise NotFound("trigger", key)
    item, line = found[key]
    if isinstance(item, Broken):
        raise Conflict("broken", f"the trigger {key} cannot be read: {item.why}. Change it or remove it.")
    fires = item.state.phase is Phase.FIRING
    option = Option(
        value="acknowledge",
        title="Acknowledge",
        text="The trigger is quiet again and counts from now. The feature stays as it is until somebody resumes it.",
        icon="quiet",
    )
    return Page(
        title=f"Acknowledge {key}",
        lead="Say that a person has seen to it.",
        submit="Acknowledge",
        done="acknowledged",
        tone="accent",
        where=where,
        name=subject.name,
        version=item.version,
        options=(option,) if fires else (),
        sentence=line.sentence,
        placeholder="What was the cause, and what was done?",
    )


def _lines(tx: Transaction, rollout_id: int) -> Iterator[tuple[Any, Any]]:
    now = services().now()
    for item in triggers_of(tx, rollout_id):
        yield item, trigger_line(item, now)
