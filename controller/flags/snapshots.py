"""All flags of an environment with one revision number, kept in memory until the revision changes."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.evaluator import Document

from controller.flags.document import document, flags_of, off_flags
from controller.flags.naming import CANARY
from controller.flags.plain import broken as broken_flag
from controller.flags.plain import canary, served
from controller.flags.rules import Rules
from controller.observability import BROKEN_ROLLOUTS
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.drills import drill_of
from controller.store.plain_flags import FlagSet, definitions_in, flag_set_of, why_broken
from controller.store.projects import environment_by_id, project_keys
from controller.store.releases import bundles_of
from controller.store.rollouts import StoredRollout, rollouts_in

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The flags of an environment as they are sent, and compiled for evaluation here."""

    revision: int
    body: bytes
    etag: str
    content: Mapping[str, Any]
    flags: Document


class Snapshots:
    """Gives the current snapshot of an environment; it is built once for each revision."""

    def __init__(self, database: Database, valid_for_s: int) -> None:
        self._database = database
        self._valid_for_s = valid_for_s
        self._built: dict[int, Snapshot] = {}
        self._building = threading.Lock()
        self.failed: set[int] = set()
        """The environments whose newest flags could not be built."""

    def current(self, environment_id: int) -> Snapshot:
        """The snapshot of the newest revision that could be built."""
        with self._database.read() as tx:
            revision = environment_by_id(tx, environment_id).revision
            known = self._built.get(environment_id)
            if known is not None and known.revision == revision:
                return known
            return self._build(tx, environment_id, known)

    def forget(self, environment_ids: Iterable[int]) -> None:
        """Drop what is kept of environments that are gone: SQLite gives their ids to others."""
        for id in environment_ids:
            self._built.pop(id, None)
            self.failed.discard(id)

    def _build(self, tx: Transaction, environment_id: int, known: Snapshot | None) -> Snapshot:
        with self._building:
            latest = self._built.get(environment_id)
            if latest is not None and latest is not known:
                return latest  # Somebody else built one while we waited.
            try:
                snapshot = _built(tx, environment_id, self._valid_for_s)
            except Exception:
                self.failed.add(environment_id)
                if known is None:
                    raise
                log.exception("no new snapshot for environment %s; the old one keeps serving", environment_id)
                return known
            self._built[environment_id] = snapshot
            self.failed.discard(environment_id)
            return snapshot


def _built(tx: Transaction, environment_id: int, valid_for_s: int) -> Snapshot:
    environment = environment_by_id(tx, environment_id)
    project = project_keys(tx)[environment.project_id]
    flags = compile_flags(tx, environment_id)
    whole = document(project, environment.key, environment.revision, valid_for_s, flags)
    body = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
    etag = f"{environment.revision}-{hashlib.sha256(body).hexdigest()[:16]}"
    return Snapshot(environment.revision, body, etag, whole, Document.parse(whole))


def compile_flags(tx: Transaction, environment_id: int) -> dict[str, Any]:
    """The flags of rollouts, and the plain ones; one that cannot be compiled is served as off and harms no other."""
    stored = rollouts_in(tx, environment_id)
    readable = [item for item in stored if not isinstance(item, Broken)]
    bundles = bundles_of(tx, [item.feature_id for item in readable])
    flags: dict[str, Any] = {}
    broken = 0
    for item in stored:
        compiled, why = _compiled(item, bundles)
        flags |= compiled
        broken += bool(why)
    BROKEN_ROLLOUTS.labels(str(environment_id)).set(broken)
    # A feature's flags come last: whatever else bears their name must not stand in for them.
    return _plain(tx, environment_id) | _canary(tx, environment_id) | flags


def _canary(tx: Transaction, environment_id: int) -> dict[str, Any]:
    """The flag that drills flip, where there are any."""
    drill = drill_of(tx, environment_id)
    return {} if drill is None else {CANARY: canary(on=drill.canary_on)}


def _plain(tx: Transaction, environment_id: int) -> dict[str, Any]:
    """The plain flags. They were checked when they were set; what the evaluator cannot use harms no other flag."""
    shared = flag_set_of(tx, environment_id)
    rules = Rules(shared.evaluators)
    return {
        key: _served(key, definition, shared, rules, version=version, client_visible=visible)
        for key, definition, version, visible in definitions_in(tx, environment_id)
    }


def _served(key: str, definition: Any, shared: FlagSet, rules: Rules, **known: Any) -> dict[str, Any]:
    why = why_broken(definition)
    try:
        flag = broken_flag(why) if why else served(definition, shared, rules, **known)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"[:200]
        flag = broken_flag(why)
    if why:
        log.error("the flag %s is served as disabled: %s", key, why)
    return flag


def _compiled(
    item: StoredRollout | Broken, bundles: Mapping[tuple[int, str], Any]
) -> tuple[dict[str, Any], str]:
    if isinstance(item, Broken):
        return _broken(item.key, item.why)
    rollout = item.rollout
    try:
        flags = flags_of(
            rollout.capped(item.autonomy_cap),
            lambda release: _bundle(bundles[item.feature_id, release]),
            fallback=item.fallback,
            when_lost=item.when_lost,
            on_switch=item.on_switch,
            client_visible=item.client_visible,
        )
        _check(flags)
    except (KeyError, TypeError, ValueError) as error:
        return _broken(rollout.feature, f"{type(error).__name__}: {error}")
    return flags, ""


def _check(flags: Mapping[str, Any]) -> None:
    """Whatever the evaluator cannot use must not be sent out: the same code checks here and evaluates there.

    Raises:
        ValueError: A flag is not JSON or not a flag.
    """
    json.dumps(flags, allow_nan=False)
    compiled = Document.parse({"flags": flags})
    for key in flags:
        answer = compiled.evaluate(key, {})
        if answer.error_code:
            raise ValueError(answer.error_message)


def _bundle(stored: Any) -> Mapping[str, Any]:
    if not isinstance(stored, dict):
        raise TypeError("the bundle of the release cannot be read")
    return stored


def _broken(feature: str, why: str) -> tuple[dict[str, Any], str]:
    log.error("the rollout of %s is served as off: %s", feature, why)
    return off_flags(feature, why[:200]), why
