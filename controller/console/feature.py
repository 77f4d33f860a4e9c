"""One feature in one environment: where it stands, what is missing, what watches it, who has it, what happened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from controller.api.auth import rights, services
from controller.cases import watch_of
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.cards import TriggerLine, in_order, trigger_line
from controller.console.changes import change_lines
from controller.console.frame import Frame, frame, page
from controller.console.live import live
from controller.console.onward import place_of
from controller.console.proposals import proposal_lines
from controller.console.releases import release_lines
from controller.console.verdicts import noticed_words, verdict_words
from controller.console.ways_out import ways_out
from controller.console.words import GATES, MODES, holder
from controller.flags.spread import Spread, spread
from controller.flags.tryout import Rule, Somebody, candidate_rule, explain
from controller.forecasts import Forecast
from controller.permissions import Permission
from controller.promotions import Standing as Asked
from controller.readiness import Sheet
from controller.rollouts import Where, locate
from controller.store.break_glass import open_break_glass
from controller.store.changes import changes_of
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.features import Feature, feature_by_id
from controller.store.incidents import incidents_of
from controller.store.instances import instances_in, revision_times
from controller.store.promotions import Status, promotions_of
from controller.store.proposals import About
from controller.store.readings import newest_readings
from controller.store.releases import releases_of
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger, triggers_of
from stages import EXPOSED, Gate, Mode, Refusal, Request, Rollout, Stage, check_promotion, find_arrival

FEATURE = "/projects/<project>/environments/<environment>/features/<feature>"
_TRACK = (Stage.READINESS, *EXPOSED)
_CHANGES = 25
_RELEASES = 8
_ASKED = ("user", "cohorts", "task", "language")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every page about a feature knows of it."""

    frame: Frame
    where: Where
    stored: StoredRollout
    feature: Feature

    @property
    def name(self) -> str:
        """What it is called."""
        return self.feature.name or self.feature.key

    @property
    def keys(self) -> dict[str, Any]:
        """Its place as the parts of an address."""
        return place_of(self.where)

    @property
    def can_stop(self) -> bool:
        """Whether there is anything to stop, for who is signed in."""
        if not rights().may(Permission.REDUCE, self.stored.project_id):
            return False
        return self.stored.rollout.stage in EXPOSED and self.stored.rollout.mode is not Mode.OFF

    @property
    def can_resume(self) -> bool:
        """Whether anything keeps it from its users, and who is signed in may bring it back."""
        rollout = self.stored.rollout
        if not rights().may(Permission.EDIT, self.stored.project_id):
            return False
        return bool(rollout.holds) or (rollout.stage in EXPOSED and rollout.mode is not Mode.LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A trigger with its verdict in words; ``kind`` is what it watches for."""

    line: TriggerLine
    kind: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What somebody would get, and why."""

    who: Somebody
    rules: tuple[Rule, ...]
    candidate: Rule | None
    release: str

    @property
    def has_it(self) -> bool:
        """Whether they have the feature."""
        return all(rule.holds for rule in self.rules)


def head(tx: Transaction, where: Where) -> Head:
    """What every page about a feature begins with.

    Raises:
        NotFound: There is no such feature, environment or project.
    """
    stored = locate(tx, where)
    here = frame(tx, where.project, where.environment)
    return Head(frame=here, where=where, stored=stored, feature=feature_by_id(tx, stored.feature_id))


@blueprint.get(FEATURE)
def show_feature(project: str, environment: str, feature: str) -> str:
    """The page."""
    where, parts = Where(project, environment, feature), services()
    sheet = parts.readiness.sheet(where)
    parts.receipts.flush_if_possible()
    with parts.database.read() as tx:
        about = head(tx, where)
        seen = live(tx, about.stored.id)
        rollout, ramp = about.stored.rollout, parts.ramps.standing(tx, about.stored)
        plan = parts.cases.plan_of(tx, about.stored)
        steps = plan[rollout.stage].ramp if rollout.stage in EXPOSED else ()
        expected = forecast_of(tx, about)
        evidence = url_for("console.show_promotion", **about.keys)
        shown = {
            "gates": list(_gates(sheet)),
            "next": find_arrival(rollout, Request(move="promote")),
            "against": list(ways_out(where, about.stored, against(tx, about), evidence)),
            "asked": asked_of(tx, about),
            "ramp": ramp,
            "glass": open_break_glass(tx, about.stored.id),
            "steps": steps,
            "ceiling": plan[rollout.stage].ceiling if rollout.stage in EXPOSED else 0,
            "watching": list(_watching(tx, about, expected)),
            "forecast": _traffic(rollout, expected) if expected else "",
            "releases": (found := releases_of(tx, about.feature.id)),
            "release_lines": release_lines(found, rollout, _most_releases() or len(found)),
            "proposals": proposal_lines(tx, about.stored.project_id, About.FEATURE, feature),
            "exposed": rollout.stage in EXPOSED,
            "incidents": incidents_of(
                tx, about.stored.project_id, environment=environment, feature=feature, limit=5
            ),
            "spread": _spread(tx, about),
            "changes": _changes(tx, about),
            "tried": _tried(about),
        }
    return page(
        "feature.html",
        about.frame,
        seen,
        about=about,
        rollout=rollout,
        feature=about.feature,
        mode=MODES[rollout.mode],
        holds=[holder(hold) for hold in sorted(rollout.holds)],
        sheet=sheet,
        track=_TRACK,
        **shown,
    )


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate of the next stage: how many of its requirements hold, and how many of the others only remind."""

    gate: Gate
    title: str
    held: int
    total: int
    reminders: int

    @property
    def open(self) -> int:
        """How many do not hold."""
        return self.total - self.held


def _gates(sheet: Sheet) -> Iterator[GateLine]:
    for gate in Gate:
        held, total = sheet.score(gate)
        if total:
            reminders = sum(item.standing.reminds for item in sheet.of(gate))
            yield GateLine(gate, GATES[gate], held, total, reminders)


def against(tx: Transaction, about: Head) -> tuple[Refusal, ...]:
    """Every reason why the reader may not promote it now, but for approvals."""
    parts = services()
    case = parts.cases.case(tx, about.stored, Request(move="promote"), actor().name, parts.now())
    found = check_promotion(case, parts.cases.plan_of(tx, about.stored), parts.now())
    return tuple(refusal for refusal in found if refusal.code != "approvals_missing")


def asked_of(tx: Transaction, about: Head) -> Asked | None:
    """The promotion that is being decided, if there is one."""
    wanted = (each for each in promotions_of(tx, about.stored.id) if each.status is Status.OPEN)
    return next((services().promotions.standing(tx, about.stored, each) for each in wanted), None)


def _watching(tx: Transaction, about: Head, expected: Forecast | None) -> Iterator[Watching]:
    now = services().now()
    stored = {
        item.key if isinstance(item, Broken) else item.trigger.key: item
        for item in triggers_of(tx, about.stored.id)
    }
    verdicts = verdicts_of(tx, stored.values(), expected)
    for line in in_order(trigger_line(item, now) for item in stored.values()):
        kind = watch_of(stored[line.key], now, about.stored.rollout).trigger_class.replace("_", " ")
        yield Watching(line=line, kind=kind, verdict=line.sentence if line.told else verdicts[line.key])


def verdicts_of(
    tx: Transaction, items: Collection[StoredTrigger | Broken], expected: Forecast | None
) -> Mapping[str, str]:
    """The newest verdict of each trigger that can be read, in words."""
    readable = [item for item in items if isinstance(item, StoredTrigger)]
    newest = newest_readings(tx, [item.id for item in readable])
    noticed = {
        each.trigger.key: noticed_words(each.trigger, each.detection)
        for each in (expected.triggers if expected else ())
    }
    return {
        item.trigger.key: verdict_words(item, newest.get(item.id), noticed.get(item.trigger.key, ""))
        for item in readable
    }


def forecast_of(tx: Transaction, about: Head) -> Forecast | None:
    """What its triggers would notice at the present share; None where nobody has it."""
    rollout = about.stored.rollout
    if rollout.stage not in EXPOSED:
        return None
    return services().forecasts.forecast(tx, about.stored, rollout.stage, rollout.exposure.share)


def _traffic(rollout: Rollout, expected: Forecast) -> str:
    """From where it is known how many answers there are."""
    if expected.answers_per_hour is None:
        return expected.sentences[0] if rollout.is_live else "traffic is only known while it is live"
    return f"{expected.answers_per_hour:.3g} answers an hour, as {expected.traffic}"


def _spread(tx: Transaction, about: Head) -> Spread:
    """How far the newest flags of the environment have come."""
    environment = about.frame.environment
    revision = environment.revision if environment else 0
    place = about.stored.environment_id
    return spread(instances_in(tx, place), revision_times(tx, place), revision, about.frame.now)


def _most_releases() -> int:
    """How many of the newest releases are shown; 0 is all of them."""
    return 0 if request.args.get("releases") == "all" else _RELEASES


def _changes(tx: Transaction, about: Head) -> list[object]:
    found = changes_of(
        tx,
        about.stored.project_id,
        feature=about.feature.key,
        touching=about.where.environment,
        limit=_CHANGES,
    )
    return [*change_lines(tx, about.stored.project_id, found)]


def _tried(about: Head) -> Tried | None:
    """What the user that the address names would get."""
    given = {name: request.args.get(name, "").strip()[:_LONGEST] for name in _ASKED}
    if not any(given.values()):
        return None
    cohorts = frozenset(name.strip() for name in given["cohorts"].split(",") if name.strip())
    who = Somebody(user=given["user"], cohorts=cohorts, task=given["task"], language=given["language"])
    rollout = about.stored.rollout
    tried = candidate_rule(rollout, who)
    release = rollout.candidate if tried and tried.holds else rollout.stable
    return Tried(who=who, rules=explain(rollout, who), candidate=tried, release=release or "")
