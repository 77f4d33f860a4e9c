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

from controller.flags.compiled import CompiledFlags
from controller.flags.document import document
from controller.store.database import Database, Transaction
from controller.store.projects import environment_by_id, project_keys

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The flags of an environment as they are sent, and compiled for evaluation here.

    What ``flags`` answers has the flag's own metadata alone: those of the document are other ones at each revision, and
    rules that did not change are to be the same from one revision to the next.
    """

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
        self._compiled: dict[int, CompiledFlags] = {}
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
            self._compiled.pop(id, None)
            self.failed.discard(id)

    def _build(self, tx: Transaction, environment_id: int, known: Snapshot | None) -> Snapshot:
        with self._building:
            latest = self._built.get(environment_id)
            if latest is not None and latest is not known:
                return latest  # Somebody else built one while we waited.
            try:
                compiled = self._compiled.setdefault(environment_id, CompiledFlags(environment_id))
                snapshot = _built(tx, environment_id, self._valid_for_s, compiled, known)
            except Exception:
                self.failed.add(environment_id)
                if known is None:
                    raise
                log.exception("no new snapshot for environment %s; the old one keeps serving", environment_id)
                return known
            self._built[environment_id] = snapshot
            self.failed.discard(environment_id)
            return snapshot


def _built(
    tx: Transaction, environment_id: int, valid_for_s: int, compiled: CompiledFlags, before: Snapshot | None
) -> Snapshot:
    environment = environment_by_id(tx, environment_id)
    project = project_keys(tx)[environment.project_id]
    flags = compiled.compile(tx)
    whole = document(project, environment.key, environment.revision, valid_for_s, flags)
    body = _body(whole, compiled.text(flags))
    etag = f"{environment.revision}-{hashlib.sha256(body).hexdigest()[:16]}"
    return Snapshot(environment.revision, body, etag, whole, _for_evaluation(flags, before))


def _body(whole: Mapping[str, Any], flags: str) -> bytes:
    """A document whose flags are written already, and stand last in it."""
    rest = {name: part for name, part in whole.items() if name != "flags"}
    return f'{json.dumps(rest, separators=(",", ":"), allow_nan=False)[:-1]},"flags":{flags}}}'.encode()


def _for_evaluation(flags: Mapping[str, Any], before: Snapshot | None) -> Document:
    if before is None:
        return Document.parse({"flags": dict(flags)})
    old = before.content["flags"]
    changed = {key: flag for key, flag in flags.items() if old.get(key) is not flag}
    return before.flags.patched(changed, [key for key in old if key not in flags])
