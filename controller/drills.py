"""Rehearsing a stop: a flag that nobody needs is flipped, and it is measured how soon every instance has it.

A drill goes the way of a real stop: the same transaction, the same revision, the same stream, the same receipts. Its
steps are rows, so any worker goes on with what another one began, and none does it twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from controller.actors import Actor, ActorKind
from controller.cases import Cases
from controller.errors import Conflict, InvalidInput, Problem
from controller.evidence import EvidenceDesk
from controller.flags.naming import CANARY
from controller.flags.spread import UNSEEN_AFTER, arrival, has_reached, is_live, shown
from controller.plain_flags import Place
from controller.receipts import Receipts
from controller.rollouts import Clock, locate_environment
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.drills import (
    Drill,
    DrillRun,
    DrillState,
    begin_run,
    drill_of,
    due_drills,
    end_run,
    filed_since,
    get_run,
    keep_drill,
    last_result,
    running_drills,
)
from controller.store.features import features_of
from controller.store.instances import instances_in
from controller.store.outbox import put
from controller.store.projects import (
    Environment,
    environment_by_id,
    environments_of,
    lock_environment,
    project_by_id,
    raise_revision,
)
from stages import Artifact, EvalReport, Metric, MetricKind, digest

log = logging.getLogger(__name__)

DRILL_EVERY_S = 1.0
DRILLMASTER = Actor("kill-drill", ActorKind.SCHEDULE)
"""Who flips the canary on a schedule, and files what came of it."""

FILED_EVERY = timedelta(days=1)
REQUIREMENT = "rollback-drill"
USUAL: Mapping[str, Any] = {"enabled": False, "every_hours": 168, "limit_s": 30, "expires_days": 30}
"""How an environment rehearses unless somebody says otherwise: when asked to; on a schedule, each week."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a drill showed: of the instances that were live when it began, how many had the flip in time."""

    live: int
    reached: int
    took: timedelta | None

    @property
    def state(self) -> DrillState:
        """How the drill went."""
        if not self.live:
            return DrillState.VOID
        return DrillState.PASSED if self.reached == self.live else DrillState.FAILED

    def sentence(self, limit: timedelta) -> str:
        """The same for people."""
        if self.state is DrillState.VOID:
            return "no instance has reported, so that nothing can be told"
        told = f"off on {self.reached} of {self.live} instances"
        if self.state is DrillState.PASSED and self.took is not None:
            return f"{told} after {shown(self.took)}"
        late = f"; on all of them after {shown(self.took)}" if self.took is not None else ""
        return f"{told} within {shown(limit)}{late}"


class Drills:
    """Begins drills, watches them, puts the canary back, and files what they showed."""

    def __init__(
        self, database: Database, cases: Cases, evidence: EvidenceDesk, receipts: Receipts, now: Clock
    ) -> None:
        self._database = database
        self._cases = cases
        self._evidence = evidence
        self._receipts = receipts
        self._now = now

    def look(self, place: Place) -> Drill:
        """How an environment rehearses."""
        with self._database.read() as tx:
            environment = locate_environment(tx, place.project, place.environment)
            return drill_of(tx, environment.id) or self._usual(tx, environment)

    def configure(self, place: Place, said: Mapping[str, Any], actor: Actor, reason: str) -> Drill:
        """Say how an environment rehearses; what is not said stays.

        Raises:
            InvalidInput: The project's plans have no such requirement.
        """
        with self._database.write() as tx:
            environment, now = _locked(tx, place), self._now()
            self._refuse_unknown(tx, environment, said.get("requirement"))
            known = drill_of(tx, environment.id)
            before = known or self._usual(tx, environment)
            is_anew = said.get("enabled") and not before.enabled
            due_at = now if is_anew else before.due_at
            if "every_hours" in said and not is_anew:
                due_at = min(due_at, now + timedelta(hours=said["every_hours"]))
            after = keep_drill(tx, environment.id, **{**_columns(before), **said, "due_at": due_at})
            if after == known:
                return after
            if known is None:
                raise_revision(tx, environment.id, now)  # From now on the canary is among the flags.
            told = (_said(before), _said(after))
            self._record(tx, environment, "drill.configure", actor, reason, now, *told)
            return after

    def begin(self, place: Place, actor: Actor, reason: str) -> DrillRun:
        """Begin a drill now.

        Raises:
            Conflict: One is running.
        """
        with self._database.write() as tx:
            environment = _locked(tx, place)
            if running_drills(tx, environment.id):
                problem = Problem("drill", "a drill is running", "wait until it is over")
                raise Conflict("drill_running", problem.message, problem)
            return self._flip(tx, environment, actor, reason)

    def run(self) -> None:
        """Begin the drills that are due, and end those of which it is known how they went."""
        with self._database.read() as tx:
            due, running = due_drills(tx, self._now()), running_drills(tx)
        for environment_id in due:
            self._alone(self._begin_due, environment_id)
        if running:
            self._receipts.flush_if_possible()
        for run in running:
            self._alone(self._watch, run)

    def _alone(self, do: Any, what: Any) -> None:
        """One environment's trouble must not keep up the others. What failed is tried again."""
        try:
            do(what)
        except Exception:
            log.exception("the drill %s failed", what)

    def _begin_due(self, environment_id: int) -> None:
        with self._database.write() as tx:
            lock_environment(tx, environment_id)
            # Of two workers the second waits here, and then finds it begun.
            drill, now = drill_of(tx, environment_id), self._now()
            if drill is None or not drill.enabled or drill.due_at > now:
                return
            if now - drill.due_at > UNSEEN_AFTER:
                # Nobody was here to begin it. Until all have reported again, a few would speak for all.
                keep_drill(tx, environment_id, due_at=now + UNSEEN_AFTER)
                return
            keep_drill(tx, environment_id, due_at=now + timedelta(hours=drill.every_hours))
            if not running_drills(tx, environment_id):
                self._flip(tx, environment_by_id(tx, environment_id), DRILLMASTER, "it was due")

    def _flip(self, tx: Transaction, environment: Environment, actor: Actor, reason: str) -> DrillRun:
        now = self._now()
        drill = drill_of(tx, environment.id) or self._usual(tx, environment)
        keep_drill(tx, environment.id, **{**_columns(drill), "canary_on": False})
        revision = raise_revision(tx, environment.id, now)
        run = begin_run(
            tx,
            environment.id,
            started_by=actor.name,
            reason=reason,
            started_at=now,
            limit_s=drill.limit_s,
            revision=revision,
        )
        evidence = {"drill": run.id, "revision": revision}
        self._record(
            tx, environment, "drill.begin", actor, reason, now, _canary("on"), _canary("off"), evidence
        )
        return run

    def _watch(self, run: DrillRun) -> None:
        now = self._now()
        with self._database.read() as tx:
            found = _outcome(tx, run, now)
        is_late = now - run.started_at >= timedelta(seconds=run.limit_s)
        if is_late or found.state is DrillState.PASSED:
            self._end(run.id, run.environment_id)

    def _end(self, id: int, environment_id: int) -> None:
        """Put the canary back, whatever came of it, and file what did."""
        with self._database.write() as tx:
            lock_environment(tx, environment_id)
            run, now = get_run(tx, environment_id, id), self._now()
            if run.state is not DrillState.RUNNING:
                return
            environment = environment_by_id(tx, environment_id)
            found = _outcome(tx, run, now)
            state, sentence = found.state, found.sentence(timedelta(seconds=run.limit_s))
            keep_drill(tx, environment_id, canary_on=True)
            revision = raise_revision(tx, environment_id, now)
            filed = self._file(tx, environment, run, found, sentence)
            told = {"live": found.live, "reached": found.reached, "sentence": sentence, "evidence": filed}
            end_run(tx, id, state, found.took, ended_at=now, **told)
            evidence = {"drill": id, "revision": revision, "state": state.value}
            back = (_canary("off"), _canary("on"))
            self._record(tx, environment, "drill.end", DRILLMASTER, sentence, now, *back, evidence)
            if state is not DrillState.PASSED:
                payload = {"environment": environment.key, "drill": id, "sentence": sentence}
                put(tx, environment.project_id, f"drill.{state.value}", payload, now)
                log.warning("kill drill %s in %s: %s", id, environment.key, sentence)

    def _file(
        self,
        tx: Transaction,
        environment: Environment,
        run: DrillRun,
        found: Outcome,
        sentence: str,
    ) -> dict[str, int]:
        """File what a drill showed for every feature of the project; gives the ids of the evidence by feature.

        Only where users are protected: a drill elsewhere says nothing of them. And once a day for each, unless it went
        otherwise than before: who drills each hour shall not bury what else was shown. What passed here does not hide
        what failed for other users.
        """
        drill, now = drill_of(tx, environment.id), self._now()
        if drill is None or drill.requirement not in self._rehearsable(tx, environment):
            return {}
        if found.state is DrillState.VOID or not environment.protected:
            return {}
        if found.state is DrillState.PASSED and _fails_elsewhere(tx, environment, now):
            return {}
        project = project_by_id(tx, environment.project_id).key
        answer = {
            "requirement": drill.requirement,
            "sha256": digest([environment.key, run.id, run.started_at.isoformat(), sentence]),
            "summary": f"kill drill {run.id} in {environment.key}: {sentence}",
            "uri": f"/api/v1/projects/{project}/environments/{environment.key}/drill/runs/{run.id}",
            "expires_at": now + timedelta(days=drill.expires_days),
            "made_at": now,
        }
        report, told = (
            _report(run, found, environment.key),
            _told_lately(tx, environment.id, found.state, now),
        )
        return {
            feature.key: self._evidence.accept_in(
                tx, project, feature.key, dict(answer), report, DRILLMASTER
            ).id
            for feature in features_of(tx, environment.project_id)
            if feature.key not in told
        }

    def _usual(self, tx: Transaction, environment: Environment) -> Drill:
        requirement = REQUIREMENT if REQUIREMENT in self._rehearsable(tx, environment) else None
        return Drill(
            environment_id=environment.id,
            requirement=requirement,
            canary_on=True,
            due_at=self._now(),
            **USUAL,
        )

    def _rehearsable(self, tx: Transaction, environment: Environment) -> list[str]:
        """The requirements that a drill can answer."""
        needs = self._cases.requirements_of(tx, environment.project_id).values()
        return sorted(need.key for need in needs if need.artifact is Artifact.DRILL and not need.per_release)

    def _refuse_unknown(self, tx: Transaction, environment: Environment, requirement: str | None) -> None:
        known = self._rehearsable(tx, environment)
        if requirement is not None and requirement not in known:
            message = f"{requirement!r} is not a requirement that a drill answers"
            raise InvalidInput(
                Problem("requirement", message, f"use one of {', '.join(known) or 'none'}, or null")
            )

    def _record(
        self,
        tx: Transaction,
        environment: Environment,
        name: str,
        actor: Actor,
        reason: str,
        now: datetime,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        change = Change(
            project_id=environment.project_id,
            name=name,
            actor=actor,
            at=now,
            environment=environment.key,
            reason=reason,
            before=before,
            after=after,
            evidence=evidence or {},
        )
        record(tx, change)


def _locked(tx: Transaction, place: Place) -> Environment:
    environment = locate_environment(tx, place.project, place.environment)
    lock_environment(tx, environment.id)
    return environment


def _outcome(tx: Transaction, run: DrillRun, now: datetime) -> Outcome:
    """How far the flip has come among the instances that were live when it was made."""
    lately = UNSEEN_AFTER + (now - run.started_at)
    there = [
        instance
        for instance in instances_in(tx, run.environment_id)
        if instance.first_seen_at <= run.started_at and is_live(instance, now, lately)
    ]
    newest = environment_by_id(tx, run.environment_id).revision
    arrivals = [arrival(each, run.started_at) for each in there if has_reached(each, run.revision, newest)]
    in_time = sum(each <= timedelta(seconds=run.limit_s) for each in arrivals)
    return Outcome(len(there), in_time, max(arrivals, default=None) if len(arrivals) == len(there) else None)


def _told_lately(tx: Transaction, environment_id: int, state: DrillState, now: datetime) -> set[str]:
    """The features for which the same was filed within a day, and nothing else since."""
    lately = filed_since(tx, environment_id, now - FILED_EVERY)
    same = takewhile(lambda run: run.state is state, lately)
    return {feature for run in same for feature in run.evidence}


def _fails_elsewhere(tx: Transaction, here: Environment, now: datetime) -> bool:
    """Whether the last drill in another protected environment of the project failed, and that counts yet."""
    for other in environments_of(tx, here.project_id):
        drill, last = drill_of(tx, other.id), last_result(tx, other.id)
        if not other.protected or other.id == here.id or drill is None or last is None:
            continue
        if last.state is DrillState.FAILED and last.started_at + timedelta(days=drill.expires_days) > now:
            return True
    return False


def _report(run: DrillRun, found: Outcome, environment: str) -> EvalReport:
    """The drill in the form in which evidence is checked: each instance is a case."""
    metric = Metric(
        name="instances_reached",
        kind=MetricKind.PASS_RATE,
        value=found.reached / found.live,
        n=found.live,
        passed=found.reached,
        failed=found.live - found.reached,
    )
    return EvalReport(
        tool="kill-drill",
        run_id=str(run.id),
        started_at=run.started_at,
        subject={"environment": environment, "flag": CANARY, "revision": str(run.revision)},
        metrics=(metric,),
    )


def _canary(variant: str) -> dict[str, str]:
    return {CANARY: variant}


def _columns(drill: Drill) -> dict[str, Any]:
    names = ("enabled", "every_hours", "limit_s", "requirement", "expires_days", "canary_on", "due_at")
    return {name: getattr(drill, name) for name in names}


def _said(drill: Drill) -> dict[str, Any]:
    return {name: value for name, value in _columns(drill).items() if name not in ("canary_on", "due_at")}
