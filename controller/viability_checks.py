"""Looking, before anything happens, whether each rollout could be reverted; and saying so when it could not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from controller.errors import BadConfiguration
from controller.registries import BadPointer, Pointer, RegistryError
from controller.registries.registry import Missing
from controller.registry_desk import RegistryDesk
from controller.rollouts import Clock
from controller.store.database import Database, Transaction
from controller.store.outbox import put
from controller.store.registries import StoredRegistry, find_registry
from controller.store.revert_checks import (
    RevertCheck,
    find_revert_check,
    keep_revert_check,
    revertible_rollouts,
)
from controller.store.rollouts import StoredRollout, rollout_by_id
from controller.viability import Viability, bundle_of, target_of
from stages import Place, RetrievalIndex, index_of, pointers_of

log = logging.getLogger(__name__)

LOOK_EVERY_S = 300.0
"""How often it is looked whether rollouts could be reverted."""
_LIVE = "live"
"""An index has no pointer of its own; requests that name one get this."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A version of a prompt that a release is made of, and the registry it should be in."""

    place: Place
    version: str
    registry: StoredRegistry | None


@dataclass(frozen=True, slots=True)
class _Index:
    """The index that a release retrieves from, and the registry that should know of it."""

    index: RetrievalIndex
    registry: StoredRegistry | None

    @property
    def words(self) -> str:
        """What it is."""
        where = f" in {self.index.registry}" if self.index.registry else ""
        return f"the retrieval index {self.index.name}{where}"


@dataclass(frozen=True, slots=True)
class ViabilityChecks:
    """Looks at the targets of reverts. ``deadline_s`` is how long a registry may take to answer about one prompt."""

    database: Database
    viability: Viability
    desk: RegistryDesk
    now: Clock
    deadline_s: float

    def run(self) -> None:
        """Look at every rollout that users have; a registry that fails spoils the look at one of them only."""
        with self.database.read() as tx:
            ids = revertible_rollouts(tx)
        for id in ids:
            try:
                self._look(id)
            except Exception:
                log.exception("could not look whether the rollout %s can be reverted", id)

    def _look(self, id: int) -> None:
        with self.database.read() as tx:
            stored = rollout_by_id(tx, id)
            if not isinstance(stored, StoredRollout) or (release := target_of(stored)) is None:
                return
            parts, index = [*_parts(tx, stored, release)], _index(tx, stored, release)
        missing, unknown = self._looked_for(parts)
        if index is not None:
            self._look_for_index(index, missing, unknown)
        with self.database.write() as tx:
            stored = rollout_by_id(tx, id)
            if isinstance(stored, StoredRollout) and target_of(stored) == release:
                self._keep(tx, stored, release, missing, unknown)

    def _looked_for(self, parts: list[_Part]) -> tuple[list[str], list[str]]:
        """What is not there, and what could not be found out. Nothing is open in the database meanwhile."""
        missing, unknown = list[str](), list[str]()
        for part in parts:
            what = f"{part.place.name} at {part.version} in {part.place.registry}"
            try:
                self._find(part)
            except Missing as gone:
                missing.append(f"{what}: {self.desk.secrets.redact(str(gone))}")
            except (RegistryError, BadConfiguration, BadPointer) as error:
                unknown.append(f"{what}: {self.desk.secrets.redact(str(error))}")
        return missing, unknown

    def _find(self, part: _Part) -> None:
        if part.registry is None:
            raise Missing(f"there is no registry {part.place.registry!r} in this project")
        pointer = Pointer(part.place.name, part.place.pointer)
        self.desk.adapter(part.registry).content_sha256(pointer, part.version, self.deadline_s)

    def _look_for_index(self, index: _Index, missing: list[str], unknown: list[str]) -> None:
        """Whether the index is there: a registry that can tell what a version holds is asked about it by its name."""
        if not index.index.registry:
            unknown.append(f"{index.words}: not checked, because the release names no registry for it")
            return
        try:
            if self._content_of(index) is None:
                unknown.append(f"{index.words}: not checked, because the registry cannot look into it")
        except Missing as gone:
            missing.append(f"{index.words}: {self.desk.secrets.redact(str(gone))}")
        except (RegistryError, BadConfiguration, BadPointer) as error:
            unknown.append(f"{index.words}: {self.desk.secrets.redact(str(error))}")

    def _content_of(self, index: _Index) -> str | None:
        if index.registry is None:
            raise Missing(f"there is no registry {index.index.registry!r} in this project")
        pointer = Pointer(index.index.name, _LIVE)
        registry = self.desk.adapter(index.registry)
        return registry.content_sha256(pointer, index.index.name, self.deadline_s)

    def _keep(
        self, tx: Transaction, stored: StoredRollout, release: str, missing: list[str], unknown: list[str]
    ) -> None:
        now, before = self.now(), find_revert_check(tx, stored.id)
        check = RevertCheck(
            rollout_id=stored.id,
            release=release,
            checked_at=now,
            missing=tuple(missing),
            unknown=tuple(unknown),
            viable=True,
        )
        against = self.viability.judge(tx, stored, check, now)
        keep_revert_check(tx, replace(check, viable=not against))
        was_told = before is not None and before.release == release and not before.viable
        if against and not was_told:
            self._warn(tx, stored, release, [refusal.message for refusal in against], now)

    def _warn(
        self, tx: Transaction, stored: StoredRollout, release: str, reasons: list[str], now: datetime
    ) -> None:
        told = {
            "feature": stored.rollout.feature,
            "environment": stored.rollout.environment,
            "release": release,
            "reasons": reasons,
        }
        put(tx, stored.project_id, "revert.unviable", told, now)


def _index(tx: Transaction, stored: StoredRollout, release: str) -> _Index | None:
    index = index_of(bundle_of(tx, stored.feature_id, release))
    if index is None:
        return None
    registry = find_registry(tx, stored.project_id, index.registry) if index.registry else None
    return _Index(index, registry)


def _parts(tx: Transaction, stored: StoredRollout, release: str) -> Iterator[_Part]:
    for place, version in pointers_of(bundle_of(tx, stored.feature_id, release)).items():
        yield _Part(place, version, find_registry(tx, stored.project_id, place.registry))
