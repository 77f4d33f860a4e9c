"""Taking a flagd file over: what it would change, everything that stands against it, and then all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from dataclasses import replace as with_
from datetime import datetime
from typing import Any

from controller.errors import InvalidInput, Problem
from controller.flags.document import JSON
from controller.flags.naming import name_problem, retired
from controller.flags.plain import Draft, FlagFile, FlagType, definition_of, served, size_of
from controller.flags.refusing import (
    at_most,
    compile_problems,
    document_problems,
    lasting_type_problems,
    read_flag_file,
)
from controller.flags.rules import Rules
from controller.store.database import Transaction
from controller.store.features import known_features
from controller.store.plain_flags import (
    FlagSet,
    PlainFlag,
    add_plain_flags,
    bury_plain_flags,
    change_plain_flags,
    flag_set_of,
    keep_flag_set,
    known_flags,
)
from controller.store.projects import Environment
from stages import digest

_COMPARED = ("type", "definition", "description", "owner", "tags", "client_visible")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagImport:
    """What a file changes, looked at while the environment was at ``revision``.

    ``resized`` are flags that change only because of what they share.
    """

    environment_id: int
    revision: int
    before: FlagSet
    after: FlagSet
    created: Mapping[str, Mapping[str, Any]]
    changed: Mapping[str, Mapping[str, Any]]
    resized: Mapping[int, Mapping[str, Any]]
    deleted: tuple[PlainFlag, ...]
    known: Mapping[str, PlainFlag]
    unchanged: int

    @property
    def shared(self) -> tuple[str, ...]:
        """The shared rules that change, come or go."""
        before, after = self.before.evaluators, self.after.evaluators
        return tuple(name for name in sorted({*before, *after}) if before.get(name) != after.get(name))

    @property
    def is_empty(self) -> bool:
        """Whether everything is as the file says already."""
        return not (self.created or self.changed or self.deleted or self._shares_anew)

    @property
    def _shares_anew(self) -> bool:
        return _differ(self.before, self.after)

    @property
    def digests_before(self) -> dict[str, str]:
        """The digests of the flags that change or go. Whole definitions would make one row of the record too large."""
        gone = {flag.key for flag in self.deleted}
        return {key: digest(_said(self.known[key])) for key in sorted({*self.changed, *gone})}

    @property
    def digests_after(self) -> dict[str, str]:
        """The digests of the flags that come or change."""
        new = {**self.created, **self.changed}
        return {key: digest(_said(new[key])) for key in sorted(new)}

    def write(self, tx: Transaction, by: str, reason: str, now: datetime) -> None:
        """Make it so."""
        new = [{"key": key, **columns} for key, columns in self.created.items()]
        add_plain_flags(tx, self.environment_id, new, by, now)
        changed = {self.known[key].id: columns for key, columns in self.changed.items()}
        change_plain_flags(tx, changed, now)
        change_plain_flags(tx, self.resized, now)
        bury_plain_flags(tx, [flag.id for flag in self.deleted], by, reason, now)
        if self._shares_anew:
            keep_flag_set(tx, self.environment_id, self.after)


def prepare_import(tx: Transaction, environment: Environment, content: Any, *, replace: bool) -> FlagImport:
    """What a file would change in an environment; with ``replace``, what is not in it goes.

    Raises:
        InvalidInput: Something stands against it; names each place.
    """
    before, known = flag_set_of(tx, environment.id), known_flags(tx, environment.id)
    living = {key: flag for key, flag in known.items() if flag.deleted_at is None}
    file, problems = read_flag_file(content, {} if replace else before.evaluators)
    after = _after(before, file, replace=replace)
    drafts = {draft.key: _of_known_type(draft, living.get(draft.key)) for draft in file.drafts}
    others = [flag for key, flag in living.items() if key not in drafts]
    rules, kept, shares_anew = Rules(after.evaluators), [] if replace else others, _differ(before, after)
    problems += _against_names(drafts, known, known_features(tx, environment.project_id))
    problems += _against_others(kept, rules) if shares_anew else ()
    _refuse(problems)
    columns = {key: _columns(draft, living.get(key), after, rules) for key, draft in drafts.items()}
    resized = _resized(kept, before, after, rules) if shares_anew else {}
    sizes = [each["size"] for each in columns.values()]
    sizes += [resized[flag.id]["size"] if flag.id in resized else flag.size for flag in kept]
    _refuse([*_against_evaluator(drafts, after, rules), *document_problems(len(sizes), sum(sizes), "flags")])
    changed = {key: new for key, new in columns.items() if key in living and _said(new) != _said(living[key])}
    return FlagImport(
        environment_id=environment.id,
        revision=environment.revision,
        before=before,
        after=after,
        known=known,
        created={key: new for key, new in columns.items() if key not in living},
        changed=changed,
        resized=resized,
        deleted=tuple(others) if replace else (),
        unchanged=sum(key in living and key not in changed for key in columns),
    )


def _differ(before: FlagSet, after: FlagSet) -> bool:
    """Whether the flags share something else; by digests, since to Python true is 1, and 1 is 1.0."""
    return digest(asdict(before)) != digest(asdict(after))


def _after(before: FlagSet, file: FlagFile, *, replace: bool) -> FlagSet:
    if replace:
        return FlagSet(evaluators=file.evaluators, metadata=file.metadata)
    return FlagSet(
        evaluators={**before.evaluators, **file.evaluators}, metadata={**before.metadata, **file.metadata}
    )


def _of_known_type(draft: Draft, known: PlainFlag | None) -> Draft:
    """A flag of fractions keeps its type where a file happens to have whole numbers only."""
    if known is None or (known.type, draft.type) != (FlagType.FLOAT, FlagType.INTEGER):
        return draft
    definition = definition_of(draft.definition, FlagType.FLOAT)
    return with_(draft, type=FlagType.FLOAT, definition=definition)


def _against_names(
    drafts: Mapping[str, Draft], known: Mapping[str, PlainFlag], features: Mapping[str, datetime | None]
) -> Iterator[Problem]:
    for key, draft in drafts.items():
        flag = known.get(key)
        if clash := name_problem(key, features, f"flags.{key}"):
            yield clash
        elif flag is not None and flag.deleted_at is not None:
            yield retired(flag, f"flags.{key}")
        elif flag is not None:
            yield from lasting_type_problems(flag.type, draft.definition["variants"], f"flags.{key}.variants")


def _against_others(flags: Iterable[PlainFlag], rules: Rules) -> Iterator[Problem]:
    """A shared rule that changes must not break the flags that are not in the file."""
    for flag in flags:
        variants = flag.definition.get("variants", {})
        yield from rules.problems(flag.definition.get("targeting"), f"flags.{flag.key}.targeting", variants)


def _against_evaluator(drafts: Mapping[str, Draft], shared: FlagSet, rules: Rules) -> Iterator[Problem]:
    for key, draft in drafts.items():
        yield from compile_problems(key, _served(draft, None, shared, rules), f"flags.{key}")


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput(*at_most(problems), code="bad_flag_file")


def _columns(draft: Draft, known: PlainFlag | None, shared: FlagSet, rules: Rules) -> dict[str, Any]:
    return draft.columns() | {"size": size_of(_served(draft, known, shared, rules))}


def _served(draft: Draft, known: PlainFlag | None, shared: FlagSet, rules: Rules) -> JSON:
    version, visible = known.version + 1 if known else 1, draft.client_visible
    return served(draft.definition, shared, rules, version=version, client_visible=visible)


def _resized(
    flags: Iterable[PlainFlag], before: FlagSet, after: FlagSet, rules: Rules
) -> dict[int, dict[str, int]]:
    """The flags, by their ids, that are served otherwise because of what they share, with their new sizes."""
    earlier, found = Rules(before.evaluators), {}
    for flag in flags:
        said, version, visible = dict(flag.definition), flag.version + 1, flag.client_visible
        new = served(said, after, rules, version=version, client_visible=visible)
        if new != served(said, before, earlier, version=version, client_visible=visible):
            found[flag.id] = {"size": size_of(new)}
    return found


def _said(flag: PlainFlag | Mapping[str, Any]) -> dict[str, Any]:
    """What somebody said of a flag, without what follows from it."""
    if isinstance(flag, PlainFlag):
        return {name: getattr(flag, name) for name in _COMPARED}
    return {name: flag[name] for name in _COMPARED}
