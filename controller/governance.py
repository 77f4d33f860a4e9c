"""The use cases of whoever answers for the rules: what a project's plans ask for, and whose word they ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.actors import Actor
from controller.cases import tightened
from controller.errors import Conflict, InvalidInput, Problem
from controller.persons import are_one
from controller.plans import Plans
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.groups import Group, groups_of, set_group
from controller.store.projects import Project, get_project, tighten
from stages import Tier


class Governance:
    """Changes to the rules of a project; each is recorded with its reason."""

    def __init__(self, database: Database, plans: Plans, now: Clock) -> None:
        self._database = database
        self._plans = plans
        self._now = now

    def tighten(
        self,
        project_key: str,
        tightening: Mapping[str, Any] | None,
        actor: Actor,
        reason: str,
        seen: str | None = None,
    ) -> Project:
        """Say where a project asks for more than the installation's plans; None: nowhere.

        With ``seen``, only if that is still the name of what it asked for before (`Project.seen`).

        Raises:
            InvalidInput: It cannot be read, or asks for less somewhere; names each place.
            Conflict: Somebody else changed it meanwhile.
        """
        after = self._plans.tightened(tightening or {})
        with self._database.write() as tx:
            project = get_project(tx, project_key)
            _refuse_unseen("tightening", seen, project.seen)
            before = self._before(project)
            tighten(tx, project.id, tightening)
            # Less than before, though never less than the installation: the record says so aloud.
            loosened = {tier.value: _loosened(before, after, tier) for tier in Tier}
            told = {
                "tightening": tightening,
                "loosened": {tier: what for tier, what in loosened.items() if what},
            }
            was = {"tightening": project.tightening if isinstance(project.tightening, Mapping) else None}
            self._record(tx, project, "plans.tighten", actor, reason, was, told)
            return get_project(tx, project_key)

    def set_group(
        self, project_key: str, key: str, members: Iterable[str], actor: Actor, seen: str | None = None
    ) -> Group:
        """Say who belongs to a group whose word a plan may ask for.

        With ``seen``, only if that is still the name of who belonged to it (`Group.seen`); empty: nobody was.

        Raises:
            InvalidInput: The actor would add themselves.
            Conflict: Somebody else changed it meanwhile.
        """
        with self._database.write() as tx:
            project = get_project(tx, project_key)
            there = {group.key: group for group in groups_of(tx, project.id)}
            _refuse_unseen("members", seen, there[key].seen if key in there else "")
            was = {group.key: list(group.members) for group in there.values()}
            members = tuple(members)
            _refuse_oneself(tx, project.id, {*members} - {*was.get(key, [])}, actor)
            group = set_group(tx, project.id, key, members)
            before, after = {key: was.get(key, [])}, {key: list(group.members)}
            self._record(tx, project, "group.set", actor, "", before, after)
            return group

    def _before(self, project: Project) -> Plans:
        """The plans a project has followed; the installation's alone where its own part cannot be used any more."""
        try:
            return tightened(self._plans, project)
        except InvalidInput:
            return self._plans

    def _record(
        self,
        tx: Transaction,
        project: Project,
        name: str,
        actor: Actor,
        reason: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        change = Change(
            project_id=project.id,
            name=name,
            actor=actor,
            at=self._now(),
            reason=reason,
            before=before,
            after=after,
        )
        record(tx, change)


def _refuse_unseen(field: str, seen: str | None, now: str) -> None:
    """Nobody overwrites what they have not looked at."""
    if seen is not None and seen != now:
        problem = Problem(
            field, "somebody else changed it meanwhile", "look at theirs, and save again if you mean it"
        )
        raise Conflict("overtaken", problem.message, problem)


def _refuse_oneself(tx: Transaction, project_id: int, added: Iterable[str], actor: Actor) -> None:
    """Nobody gives themselves the word that a plan asks of others."""
    for member in added:
        if are_one(tx, project_id, member, actor.name):
            problem = Problem("members", f"{member} is you", "let somebody else put you into a group")
            raise InvalidInput(problem)


def _loosened(before: Plans, after: Plans, tier: Tier) -> list[str]:
    return list(before.of(tier, protected=True).loosened_by(after.of(tier, protected=True)))
