"""The use cases about prompt registries: connect one, try it, change it, and hold releases to what is connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.actors import Actor
from controller.errors import BadConfiguration, Conflict, InvalidInput, Problem
from controller.http import Outbound
from controller.leads import check_leads
from controller.registries import REGISTRIES, BadPointer, Pointer, Registry, RegistryError
from controller.rollouts import Clock
from controller.secrets import Secrets
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.pointer_moves import has_open_moves
from controller.store.projects import get_project
from controller.store.registries import (
    StoredRegistry,
    add_registry,
    find_registry,
    get_registry,
    remove_registry,
    set_settings,
)
from stages import index_of


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of reading a pointer: the version it names, or else why that could not be found out."""

    version: str | None
    message: str


@dataclass(frozen=True, slots=True)
class RegistryDesk:
    """Knows how to reach registries. ``deadline_s`` is how long reading one pointer may take."""

    database: Database
    outbound: Outbound
    secrets: Secrets
    now: Clock
    deadline_s: float

    def connect(
        self, project_key: str, key: str, kind: str, settings: Mapping[str, Any], actor: Actor
    ) -> StoredRegistry:
        """Connect a registry.

        Raises:
            InvalidInput: The kind is unknown or a setting cannot be used.
        """
        if kind not in REGISTRIES:
            remedy = f"use one of {', '.join(REGISTRIES)}"
            raise InvalidInput(Problem("kind", f"{kind!r} is not a kind of registry", remedy))
        self._check(kind, settings)
        with self.database.write() as tx:
            project = get_project(tx, project_key)
            registry = add_registry(tx, project.id, key, kind, settings, self.now())
            self._record(tx, "registry.connect", registry, actor)
            return registry

    def change(self, project_key: str, key: str, settings: Mapping[str, Any], actor: Actor) -> StoredRegistry:
        """Reach a registry by other settings from now on; its kind stays.

        Raises:
            InvalidInput: A setting cannot be used.
        """
        with self.database.read() as tx:
            kind = get_registry(tx, get_project(tx, project_key).id, key).kind
        self._check(kind, settings)
        with self.database.write() as tx:
            stored = get_registry(tx, get_project(tx, project_key).id, key)
            changed = set_settings(tx, stored, settings)
            self._record(tx, "registry.change", changed, actor)
            return changed

    def disconnect(self, project_key: str, key: str, actor: Actor) -> None:
        """Forget a registry; pointers that releases have in it are not moved until it is connected again.

        Raises:
            Conflict: A revert still has pointers of it to move.
        """
        with self.database.write() as tx:
            stored = get_registry(tx, get_project(tx, project_key).id, key)
            if has_open_moves(tx, stored.project_id, key):
                message = f"pointers in {key!r} are still to be moved; settle them, or close their incident"
                raise Conflict("registry_in_use", message)
            remove_registry(tx, stored)
            self._record(tx, "registry.disconnect", stored, actor)

    def _check(self, kind: str, settings: Mapping[str, Any]) -> None:
        try:
            REGISTRIES[kind].from_settings(settings, self.outbound, self.secrets)
            check_leads(settings, self.outbound)
        except BadConfiguration as bad:
            raise InvalidInput(Problem(f"settings.{bad.field}", bad.message, bad.remedy)) from bad

    def _record(self, tx: Transaction, name: str, registry: StoredRegistry, actor: Actor) -> None:
        after = {"key": registry.key, "kind": registry.kind}
        record(tx, Change(project_id=registry.project_id, name=name, actor=actor, at=self.now(), after=after))

    def test(self, project_key: str, key: str, pointer: Pointer) -> Tried:
        """Read where a pointer is now, and change nothing.

        Raises:
            InvalidInput: There can be no such pointer in this registry.
        """
        with self.database.read() as tx:
            stored = get_registry(tx, get_project(tx, project_key).id, key)
        try:
            version = self.adapter(stored).read(pointer, self.deadline_s)
        except BadPointer as bad:
            raise InvalidInput(Problem(bad.field, bad.message, bad.remedy)) from bad
        except (RegistryError, BadConfiguration) as error:
            return Tried(None, self.secrets.redact(str(error)))
        return Tried(version, f"{pointer.pointer} of {pointer.name} is at {version}")

    def adapter(self, stored: StoredRegistry) -> Registry:
        """The registry behind what is stored of it.

        Raises:
            BadConfiguration: It cannot be used as it is connected, such as when its secret is gone.
        """
        if stored.kind not in REGISTRIES:
            raise BadConfiguration("kind", f"{stored.kind!r} is not a kind of registry", "connect it anew")
        return REGISTRIES[stored.kind].from_settings(stored.settings, self.outbound, self.secrets)

    def check_pointers(self, tx: Transaction, project_id: int, bundle: Mapping[str, Any]) -> None:
        """Find out, when a release is made, whether a revert could move the pointers of its prompts.

        Raises:
            InvalidInput: One names a registry that is not connected, or could not be a pointer there, or two
                contradict each other; names every such field.
        """
        problems = [*self._problems(tx, project_id, bundle), *self._about_index(tx, project_id, bundle)]
        if problems:
            raise InvalidInput(*problems)

    def _problems(self, tx: Transaction, project_id: int, bundle: Mapping[str, Any]) -> Iterator[Problem]:
        versions: dict[tuple[str, str, str], str] = {}
        for field, pointer in _pointers(bundle):
            place = (pointer["registry"], pointer["name"], pointer["pointer"])
            version = pointer["version"]
            if versions.setdefault(place, version) != version:
                message = f"{version} contradicts {versions[place]}, where another prompt has this pointer"
                yield Problem(f"{field}.version", message, "let each pointer have one version")
            stored = find_registry(tx, project_id, pointer["registry"])
            if stored is None:
                message = f"there is no registry {pointer['registry']!r} in this project"
                yield Problem(f"{field}.registry", message, "connect it first, or check how it is spelled")
            else:
                yield from self._impossible(stored, field, pointer)

    def _about_index(self, tx: Transaction, project_id: int, bundle: Mapping[str, Any]) -> Iterator[Problem]:
        """Whether there is the registry that is to be asked for the retrieval index."""
        index = index_of(bundle)
        if index and index.registry and find_registry(tx, project_id, index.registry) is None:
            message = f"there is no registry {index.registry!r} in this project"
            remedy = "connect it first, or check how it is spelled"
            yield Problem("bundle.retrieval.registry", message, remedy)

    def _impossible(
        self, stored: StoredRegistry, field: str, pointer: Mapping[str, str]
    ) -> Iterator[Problem]:
        try:
            registry = self.adapter(stored)
        except BadConfiguration as bad:
            yield Problem(f"{field}.registry", f"{stored.key} cannot be used: {bad.message}", bad.remedy)
            return
        try:
            registry.check_pointer(Pointer(pointer["name"], pointer["pointer"]))
            registry.check_version(pointer["version"])
        except BadPointer as bad:
            yield Problem(f"{field}.{bad.field}", bad.message, bad.remedy)


def _pointers(bundle: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pointers of a bundle, each with the name of its field."""
    prompts = [("prompt", bundle.get("prompt"))]
    prompts += [(f"prompts.{place}", prompt) for place, prompt in enumerate(bundle.get("prompts") or ())]
    for name, prompt in prompts:
        if prompt and "pointer" in prompt:
            yield f"bundle.{name}.pointer", prompt["pointer"]
