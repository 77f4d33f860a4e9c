"""The use cases of plain flags: set, delete and revive one, read a whole file in.

Whatever they change becomes true together with its change row, the announcement and the environment's new revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.actors import Actor
from controller.errors import Conflict, InvalidInput, Problem, VersionConflict
from controller.flag_files import FlagImport, prepare_import
from controller.flags.naming import name_problem, retired
from controller.flags.plain import NUMBER, Draft, FlagType, definition_of, served, size_of, type_of
from controller.flags.refusing import (
    compile_problems,
    document_problems,
    flag_problems,
    key_problems,
    lasting_type_problems,
    said_elsewhere,
    type_problems,
)
from controller.flags.rules import Rules
from controller.rollouts import Clock, locate_environment
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.features import known_features
from controller.store.plain_flags import (
    PlainFlag,
    add_plain_flags,
    bury_plain_flags,
    change_plain_flags,
    find_plain_flag,
    flag_set_of,
    get_plain_flag,
    measure_plain_flags,
    revive_plain_flag,
)
from controller.store.projects import Environment, lock_environment, raise_revision

LOOKS = 5
"""How often a file is looked at because something changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Place:
    """The keys of a project and one of its environments."""

    project: str
    environment: str


class PlainFlags:
    """Changes plain flags; each change is checked as a whole before anything of it is written."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def set(
        self,
        place: Place,
        key: str,
        content: Mapping[str, Any],
        actor: Actor,
        reason: str,
        expected_version: int | None = None,
    ) -> tuple[PlainFlag, bool]:
        """Make a flag, or say anew what one is; gives the flag, and whether it is new.

        Raises:
            InvalidInput: Something is wrong with it; names each place.
            Conflict: A flag of this key was deleted.
            VersionConflict: The flag is not at the expected version.
        """
        with self._database.write() as tx:
            environment, now = _locked(tx, place), self._now()
            known = find_plain_flag(tx, environment.id, key)
            if known is not None and known.deleted_at is not None:
                raise _retired(known)
            _check_version(key, known, expected_version)
            columns = _checked(tx, environment, key, known, content)
            if known is not None and columns == _columns(known):
                return known, False
            if known is None:
                add_plain_flags(tx, environment.id, [{"key": key, **columns}], actor.name, now)
            else:
                change_plain_flags(tx, {known.id: columns}, now)
            flag = get_plain_flag(tx, environment.id, key)
            _record(tx, environment, "flag.set", actor, now, reason, known, flag)
            return flag, known is None

    def preview(self, place: Place, key: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """The flag as it would be served if this was set; nothing is.

        Raises:
            InvalidInput: Something is wrong with it; names each place.
        """
        with self._database.read() as tx:
            environment = locate_environment(tx, place.project, place.environment)
            known = find_plain_flag(tx, environment.id, key)
            columns = _checked(tx, environment, key, known, content)
            shared = flag_set_of(tx, environment.id)
        about = {"version": known.version if known else 1, "client_visible": columns["client_visible"]}
        return served(columns["definition"], shared, Rules(shared.evaluators), **about)

    def delete(
        self, place: Place, key: str, actor: Actor, reason: str, expected_version: int | None = None
    ) -> None:
        """Delete a flag. Its key stays behind: product code may still ask for it."""
        with self._database.write() as tx:
            environment, now = _locked(tx, place), self._now()
            flag = get_plain_flag(tx, environment.id, key)
            _check_version(key, flag, expected_version)
            bury_plain_flags(tx, [flag.id], actor.name, reason, now)
            _record(tx, environment, "flag.delete", actor, now, reason, flag, None)

    def revive(self, place: Place, key: str, type: str, actor: Actor, reason: str) -> PlainFlag:
        """Let a deleted flag be there again as it was, for somebody who knows what it was.

        Raises:
            Conflict: The flag was not deleted.
            InvalidInput: It was of another type, or refers to something that is gone.
        """
        with self._database.write() as tx:
            environment, now = _locked(tx, place), self._now()
            flag = find_plain_flag(tx, environment.id, key) or get_plain_flag(tx, environment.id, key)
            if flag.deleted_at is None:
                raise Conflict("not_deleted", f"the flag {key} was not deleted; nothing is to be revived")
            if type != flag.type:
                message = f"the flag {key} was of the type {flag.type}"
                raise InvalidInput(Problem("type", message, f"send {flag.type}, or choose another key"))
            _checked(tx, environment, key, flag, {**flag.definition, "type": type})
            revive_plain_flag(tx, flag.id, now)
            revived = get_plain_flag(tx, environment.id, key)
            _record(tx, environment, "flag.revive", actor, now, reason, None, revived)
            return revived

    def read_in(
        self, place: Place, file: Any, actor: Actor, reason: str, *, replace: bool, dry_run: bool
    ) -> FlagImport:
        """Take a flagd file over; with ``replace``, what is not in it is deleted. A dry run only says what would be.

        Raises:
            InvalidInput: Something is wrong with it; names each place, and nothing of it is taken over.
            Conflict: Whatever was looked at had been changed before it could be written.
        """
        for _ in range(LOOKS):
            with self._database.read() as tx:
                # Everything is looked at before anybody has to wait: a large file must not hold up a stop.
                environment = locate_environment(tx, place.project, place.environment)
                asked = prepare_import(tx, environment, file, replace=replace)
            if dry_run or asked.is_empty:
                return asked
            with self._database.write() as tx:
                environment, now = _locked(tx, place), self._now()
                if environment.revision == asked.revision:
                    asked.write(tx, actor.name, reason, now)
                    _record_import(tx, environment, asked, actor, now, reason, replace=replace)
                    return asked
        message = "the environment was changed again and again while the file was looked at"
        raise Conflict("overtaken", message, Problem("file", message, "send it again"))


def described(flag: PlainFlag) -> dict[str, Any]:
    """What somebody said of a flag, as it stands in changes."""
    said = {name: getattr(flag, name) for name in ("type", "description", "owner", "tags", "client_visible")}
    return said | {"definition": flag.definition, "version": flag.version}


def _locked(tx: Transaction, place: Place) -> Environment:
    """The environment, locked, so that of two who change the same the second sees what the first has done."""
    lock_environment(tx, locate_environment(tx, place.project, place.environment).id)
    return locate_environment(tx, place.project, place.environment)


def _checked(
    tx: Transaction, environment: Environment, key: str, known: PlainFlag | None, content: Mapping[str, Any]
) -> dict[str, Any]:
    """What is to be kept of a flag that nothing is wrong with.

    Raises:
        InvalidInput: Something is; names each place.
    """
    shared = flag_set_of(tx, environment.id)
    rules = Rules(shared.evaluators)
    problems = list(key_problems(key, "key"))
    if clash := name_problem(key, known_features(tx, environment.project_id), "key"):
        problems.append(clash)
    found = list(flag_problems(content, "", rules))
    problems += said_elsewhere(content.get("metadata") or {})
    problems += found or type_problems(content.get("type"), content["variants"], "type")
    if known is not None and not found:
        problems += _changed_type(known, content)
    if problems:
        raise InvalidInput(*problems)
    draft = _draft(key, known, content)
    version = known.version + 1 if known else 1
    sent = served(draft.definition, shared, rules, version=version, client_visible=draft.client_visible)
    count, size = measure_plain_flags(tx, environment.id)
    if known is None or known.deleted_at is not None:
        count += 1
    else:
        size -= known.size
    problems += compile_problems(key, sent, "targeting")
    problems += document_problems(count, size + size_of(sent), "key")
    if problems:
        raise InvalidInput(*problems)
    return draft.columns() | {"size": size_of(sent)}


def _draft(key: str, known: PlainFlag | None, content: Mapping[str, Any]) -> Draft:
    type = _type(known, content)
    return Draft(
        key=key,
        type=type,
        definition=definition_of(content, type),
        description=content.get("description", ""),
        owner=content.get("owner", ""),
        tags=tuple(content.get("tags", ())),
        client_visible=content.get("client_visible", False),
    )


def _type(known: PlainFlag | None, content: Mapping[str, Any]) -> FlagType:
    """The type a flag has already, or the one that was named, or that of its variants."""
    wanted = known.type if known else content.get("type")
    found = type_of(content["variants"].values()) or FlagType.OBJECT
    return found if wanted in (None, NUMBER) else FlagType(wanted)


def _changed_type(known: PlainFlag, content: Mapping[str, Any]) -> list[Problem]:
    """A flag keeps its type: product code asks for it by a getter of that type."""
    wanted = content.get("type")
    numbers = (FlagType.INTEGER, FlagType.FLOAT)
    if wanted not in (None, known.type) and not (wanted == NUMBER and known.type in numbers):
        message = f"the flag is of the type {known.type}, and stays so"
        return [Problem("type", message, "make a flag with another key")]
    return list(lasting_type_problems(known.type, content["variants"], "variants"))


def _columns(flag: PlainFlag) -> dict[str, Any]:
    names = ("type", "definition", "description", "owner", "tags", "client_visible", "size")
    return {name: getattr(flag, name) for name in names}


def _check_version(key: str, flag: PlainFlag | None, expected: int | None) -> None:
    version = flag.version if flag else 0
    if expected is not None and expected != version:
        raise VersionConflict(f"the flag {key}", version)


def _retired(flag: PlainFlag) -> Conflict:
    problem = retired(flag, "key")
    return Conflict("key_retired", problem.message, problem)


def _record(
    tx: Transaction,
    environment: Environment,
    name: str,
    actor: Actor,
    now: datetime,
    reason: str,
    before: PlainFlag | None,
    after: PlainFlag | None,
) -> None:
    flag = after or before
    revision = raise_revision(tx, environment.id, now)
    change = Change(
        project_id=environment.project_id,
        name=name,
        actor=actor,
        at=now,
        environment=environment.key,
        reason=reason,
        before=described(before) if before else {},
        after=described(after) if after else {},
        evidence={"flag": flag.key if flag else "", "revision": revision},
    )
    record(tx, change)


def _record_import(
    tx: Transaction,
    environment: Environment,
    done: FlagImport,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    replace: bool,
) -> None:
    revision = raise_revision(tx, environment.id, now)
    change = Change(
        project_id=environment.project_id,
        name="flags.import",
        actor=actor,
        at=now,
        environment=environment.key,
        reason=reason,
        before=done.digests_before,
        after=done.digests_after,
        evidence={"revision": revision, "replace": replace},
    )
    record(tx, change)
