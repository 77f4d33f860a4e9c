"""Metric sources: what is connected, whether it answers, and other settings for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controller.api.auth import services
from controller.api.parsing import load
from controller.api.schemas import SourceSchema
from controller.catalog import BUILT_IN_SOURCES
from controller.console.auth import actor
from controller.console.connections import Connections, Field, Given, Thing, Tried, serve
from controller.console.proposals import ProposalLine, proposal_lines
from controller.errors import InvalidInput, Problem
from controller.sealing import HIDDEN, shown
from controller.sources import SOURCES
from controller.store.database import Transaction
from controller.store.proposals import About
from controller.store.sources import StoredSource, sources_of
from controller.strict_json import InvalidJSON, loads

_SECRETS = frozenset({"secret", "api_key", "application_key"})
"""The settings that are secrets, in whatever kind of source."""
_LIKELIEST = "prometheus"
_EXAMPLE = '{"url": "https://prometheus.example.com",\n "auth": {"scheme": "bearer", "secret": "…"}}'


class Sources(Connections):
    """The page of the sources."""

    name = "sources"
    title = "Sources"
    one = "source"
    takes_proposals = True
    lead = "Where triggers get their numbers from. A secret is kept encrypted, and never shown again."
    fields = (
        Field(
            name="key",
            label="Key",
            required=True,
            longest=63,
            new_only=True,
            placeholder="metrics",
            hint="What triggers call it: a-z, 0-9 and -.",
        ),
        Field(
            name="settings",
            label="Settings as JSON",
            required=True,
            rows=8,
            longest=20_000,
            placeholder=_EXAMPLE,
            takes="settings",
            hint="A secret is written as it is, or as env:NAME where the operator set it. One shown as *** stays as it "
            "is, as long as its address does.",
        ),
    )

    def kinds(self) -> list[str]:
        """Those that anybody can connect."""
        found = [kind for kind in SOURCES if kind not in BUILT_IN_SOURCES]
        return sorted(found, key=lambda kind: kind != _LIKELIEST)

    def things(self, tx: Transaction, project_id: int) -> list[Thing]:
        """What is built in, and what is connected."""
        return [_thing(source) for source in sources_of(tx, project_id)]

    def connect(self, project: str, sent: Given) -> None:
        """Connect a source."""
        named = {"key": sent["key"], "kind": sent["kind"]}
        content = load(SourceSchema(), named | {"settings": _settings(sent)})
        services().sources.connect(project, content["key"], content["kind"], content["settings"], actor())

    def change(self, project: str, thing: Thing, sent: Given) -> None:
        """Give a source other settings."""
        services().sources.change(project, thing.key, _settings(sent), actor())

    def propose(self, project: str, thing: Thing, sent: Given, reason: str) -> None:
        """Propose other settings for a source that live triggers read."""
        services().proposals.propose_source(project, thing.key, _settings(sent), actor(), reason)

    def proposed(self, tx: Transaction, project_id: int) -> list[ProposalLine]:
        """The settings that wait for somebody else."""
        return proposal_lines(tx, project_id, About.SOURCE)

    def test(self, project: str, key: str) -> Tried:
        """Ask a source something that costs little."""
        found = services().sources.test(project, key)
        return Tried(found.works, found.message)

    def without_secrets(self, sent: Given) -> Given:
        """Secrets are never sent back. What is no JSON is left for mending."""
        try:
            return {**sent, "settings": _written(_emptied(_settings(sent)))}
        except InvalidInput:
            return sent


def _thing(source: StoredSource) -> Thing:
    is_built_in = source.kind in BUILT_IN_SOURCES
    return Thing(
        key=source.key,
        kind=source.kind,
        about="built in" if is_built_in else "",
        created_at=source.created_at,
        given={"settings": _written(shown(source.settings))},
        is_fixed=is_built_in,
    )


def _settings(sent: Given) -> dict[str, Any]:
    """The settings that were entered.

    Raises:
        InvalidInput: They are no JSON object.
    """
    try:
        settings = loads((sent["settings"] or "{}").encode())
    except InvalidJSON as invalid:
        raise InvalidInput(Problem("settings", f"are not valid JSON: {invalid}", "mend them")) from invalid
    if not isinstance(settings, dict):
        raise InvalidInput(Problem("settings", "are not a JSON object", 'write {"url": "https://…"}'))
    return settings


def _emptied(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _emptied_value(name, value) for name, value in settings.items()}


def _emptied_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _emptied(value)
    is_secret = name in _SECRETS and isinstance(value, str) and value != HIDDEN
    return "" if is_secret and not value.startswith("env:") else value


def _written(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, ensure_ascii=False, indent=2)


serve(Sources())
