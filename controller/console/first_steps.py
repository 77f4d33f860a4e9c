"""How far an installation has come on its first way to a feature. Nothing of it is stored: it is what there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.api.auth import rights, services
from controller.catalog import BUILT_IN_SOURCES
from controller.console.feature import Head, against, head
from controller.console.frame import Frame, frame
from controller.console.words import ACTIONS
from controller.demo import is_demo
from controller.ready_made import load_catalogue
from controller.ready_made.catalogue import ReadyMade, Telemetry
from controller.rollouts import Where
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.features import Feature, features_of, get_feature
from controller.store.flag_counts import counted_since, uses_since
from controller.store.instances import Instance, instances_in
from controller.store.keys import ApiKey, KeyKind, keys_of
from controller.store.projects import Environment, Project, all_projects
from controller.store.sources import StoredSource, sources_of
from controller.store.triggers import triggers_of
from stages import EXPOSED, Refusal, Tier
from triggers import Action

STEPS = ("project", "feature", "product", "metrics", "triggers", "release", "begin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was heard of the product: lookups of this feature, instances, and when a key was last used."""

    lookups: int
    instances: tuple[Instance, ...]
    key_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Telemetries:
    """A telemetry of one source that is connected."""

    telemetry: Telemetry
    source: StoredSource

    @property
    def value(self) -> str:
        """As the form names it."""
        return f"{self.telemetry.key}@{self.source.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A ready-made trigger as it would be for this feature; ``why_not`` says why it cannot be had."""

    ready: ReadyMade
    does: str
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way so far. What was not made yet is None or empty."""

    frame: Frame
    project: Project | None = None
    environment: Environment | None = None
    feature: Feature | None = None
    about: Head | None = None
    keys: tuple[ApiKey, ...] = ()
    seen: Seen | None = None
    sources: tuple[StoredSource, ...] = ()
    triggers: tuple[str, ...] = ()
    telemetries: tuple[Telemetries, ...] = ()
    against: tuple[Refusal, ...] = ()

    @property
    def place(self) -> dict[str, str]:
        """What was made, as the forms and addresses name it."""
        made = {"project": self.project, "environment": self.environment, "feature": self.feature}
        return {name: each.key for name, each in made.items() if each is not None}

    @property
    def connected(self) -> tuple[StoredSource, ...]:
        """The sources that somebody connected."""
        return tuple(source for source in self.sources if source.kind not in BUILT_IN_SOURCES)

    @property
    def done(self) -> Mapping[str, bool]:
        """Which steps were taken. Reported outcomes are there without a step, so metrics are done with the triggers."""
        rollout = self.about.stored.rollout if self.about else None
        return {
            "project": self.environment is not None,
            "feature": self.feature is not None,
            "product": bool(self.keys),
            "metrics": bool(self.connected or self.triggers),
            "triggers": bool(self.triggers),
            "release": rollout is not None and rollout.stable is not None,
            "begin": rollout is not None and rollout.stage in EXPOSED,
        }

    @property
    def next(self) -> str:
        """The first step that was not taken; empty at the end."""
        return next((step for step in STEPS if not self.done[step]), "")

    def can(self, step: str) -> bool:
        """Whether what a step stands on is there."""
        return {"project": True, "feature": self.environment is not None}.get(step, self.feature is not None)


def way(tx: Transaction, asked: Mapping[str, str]) -> Way:
    """The way to the feature that is asked for; what is not named is the first there is, but never the demo.

    Raises:
        NotFound: There is no such project, environment or feature.
    """
    project = asked.get("project") or _first_key(tx)
    if not project:
        return Way(frame=frame(tx))
    here = frame(tx, project, asked.get("environment", ""))
    if here.project is None or here.environment is None:
        return Way(frame=here, project=here.project)
    feature = _feature(tx, here.project, asked.get("feature", ""))
    if feature is None:
        return Way(frame=here, project=here.project, environment=here.environment)
    about = head(tx, Where(here.project.key, here.environment.key, feature.key))
    sources = tuple(sources_of(tx, here.project.id))
    keys = _server_keys(tx, here.project, here.environment)
    return Way(
        frame=here,
        project=here.project,
        environment=here.environment,
        feature=feature,
        about=about,
        keys=keys,
        seen=_seen(tx, here.environment, feature, keys),
        sources=sources,
        triggers=tuple(_trigger_keys(tx, about.stored.id)),
        telemetries=tuple(_telemetries(sources)),
        against=against(tx, about) if about.stored.rollout.stage not in EXPOSED else (),
    )


def chosen(far: Way, value: str) -> Telemetries | None:
    """The telemetry that was asked for, or else that of what was connected last, or else what the product reports."""
    mine = [each for each in far.telemetries if each.source in far.connected]
    fallback = next(iter((*mine, *far.telemetries)), None)
    return next((each for each in far.telemetries if each.value == value), fallback)


def offers(far: Way, asked: Telemetries) -> Iterator[Offer]:
    """Every ready-made trigger for the tier of the feature: those that can be had first."""
    found = [_offer(far, ready, asked.telemetry) for ready in load_catalogue().triggers.values()]
    yield from sorted(found, key=lambda offer: bool(offer.why_not))


def _offer(far: Way, ready: ReadyMade, telemetry: Telemetry) -> Offer:
    tier = Tier(far.about.stored.tier) if far.about else Tier.T2
    ladder = ready.tiers[tier].get("ladder", ready.shape.get("ladder", []))
    does = ", then ".join(ACTIONS[Action(rung["do"])] for rung in ladder)
    why_not = "it is there already" if ready.key in far.triggers else ready.why_not(telemetry)
    return Offer(ready=ready, does=does, why_not=why_not)


def _first_key(tx: Transaction) -> str:
    mine = (each for each in all_projects(tx) if rights().sees(each.id))
    return next((each.key for each in mine if not is_demo(tx, each)), "")


def _feature(tx: Transaction, project: Project, key: str) -> Feature | None:
    if key:
        return get_feature(tx, project.id, key)
    return next(iter(features_of(tx, project.id, limit=1)), None)


def _server_keys(tx: Transaction, project: Project, environment: Environment) -> tuple[ApiKey, ...]:
    return tuple(
        key
        for key in keys_of(tx, project.id)
        if key.kind is KeyKind.SERVER and key.environment_id == environment.id and key.revoked_at is None
    )


def _seen(tx: Transaction, environment: Environment, feature: Feature, keys: tuple[ApiKey, ...]) -> Seen:
    since = counted_since(tx, environment.id)
    uses: Mapping[str, Any] = uses_since(tx, environment.id, since).get(feature.key, {}) if since else {}
    return Seen(
        lookups=sum(use.count for use in uses.values()),
        instances=tuple(instances_in(tx, environment.id, limit=3)),
        key_used_at=max((key.last_used_at for key in keys if key.last_used_at), default=None),
    )


def _trigger_keys(tx: Transaction, rollout_id: int) -> Iterator[str]:
    for item in triggers_of(tx, rollout_id):
        yield item.key if isinstance(item, Broken) else item.trigger.key


def _telemetries(sources: tuple[StoredSource, ...]) -> Iterator[Telemetries]:
    for source in sources:
        for telemetry in load_catalogue().telemetries.values():
            if telemetry.kind == source.kind:
                yield Telemetries(telemetry, source)


def base_url(host_url: str) -> str:
    """Where product code asks."""
    return (services().settings.public_url or host_url).rstrip("/")
