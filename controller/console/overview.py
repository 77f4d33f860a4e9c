"""Everything the board shows, read in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller.console.cards import BrokenCard, Card, TriggerLine, card
from controller.console.words import ACTORS, Moved, Sign, change_word, moved, subject, who
from controller.store.changes import RecordedChange, changes_of
from controller.store.claims import oldest_due
from controller.store.columns import Broken, build
from controller.store.database import Transaction
from controller.store.features import Feature, features_of
from controller.store.projects import (
    Environment,
    Project,
    all_projects,
    environments_of,
    get_environment,
    get_project,
)
from controller.store.rollouts import StoredRollout, rollouts_in
from controller.store.triggers import StoredTrigger, triggers_by_rollout
from stages import EXPOSED, Stage

COLUMNS = (Stage.READINESS, *EXPOSED)
NEWEST = 15
"""How many changes are shown."""
_PAGE = 100
_PAGES = 5
"""How far back changes of the environment are looked for, among those of other environments."""
_SHARED = frozenset({"feature.create", "feature.change", "feature.delete", "release.judge"})
"""Changes of a whole project that touch what its environments serve."""
_PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """What is shown: an environment of a project. Without one there is nothing to show yet."""

    project: Project | None
    environment: Environment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """A recorded change as it is shown."""

    seq: int
    at: datetime | None
    word: str
    feature: str
    subject: str
    moved: tuple[Moved, ...]
    actor: str
    kind: Sign
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody should look at."""

    card: Card
    line: TriggerLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The board of one environment. ``late_since``: when a trigger fell due that nobody evaluated."""

    place: Place
    cards: tuple[Card, ...] = ()
    broken: tuple[BrokenCard, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    late_since: datetime | None = None
    alarms: tuple[Alarm, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Collect what needs attention."""
        found = (Alarm(item, line) for item in self.cards for line in item.triggers if line.alarms)
        object.__setattr__(self, "alarms", tuple(found))

    def column(self, stage: Stage) -> list[Card]:
        """The features in a stage."""
        return [item for item in self.cards if item.stage == stage]


def find_place(tx: Transaction, project_key: str, environment_key: str) -> Place:
    """The place with these keys. Without them: the first project with features, its first protected environment.

    Raises:
        NotFound: There is no such project or environment.
    """
    project = get_project(tx, project_key) if project_key else _first_project(tx)
    if project is None:
        return Place(None, None)
    if environment_key:
        return Place(project, get_environment(tx, project.id, environment_key))
    environments = environments_of(tx, project.id)
    protected = [environment for environment in environments if environment.protected]
    return Place(project, next(iter(protected or environments), None))


def all_places(tx: Transaction) -> list[tuple[Project, list[Environment]]]:
    """Every project with its environments, to choose from."""
    return [(project, environments_of(tx, project.id)) for project in all_projects(tx)]


def overview(tx: Transaction, place: Place, now: datetime) -> Overview:
    """Read the board. What cannot be read is named, and harms nothing else."""
    if place.project is None or place.environment is None:
        return Overview(place=place)
    features = {feature.id: feature for feature in features_of(tx, place.project.id)}
    items = list(_cards(tx, features, place.environment, now))
    names = {feature.key: feature.name for feature in features.values() if feature.name}
    return Overview(
        place=place,
        cards=tuple(item for item in items if isinstance(item, Card)),
        broken=tuple(_broken(item, names) for item in items if isinstance(item, Broken)),
        changes=tuple(_changes(tx, names, place.environment)),
        late_since=_late_since(tx, now),
    )


def _first_project(tx: Transaction) -> Project | None:
    projects = all_projects(tx)
    described = (project for project in projects if features_of(tx, project.id, limit=1))
    return next(described, next(iter(projects), None))


def _late_since(tx: Transaction, now: datetime) -> datetime | None:
    due = oldest_due(tx, now)
    return due if isinstance(due, datetime) and now - due > _PATIENCE else None


def _cards(
    tx: Transaction, features: Mapping[int, Feature], environment: Environment, now: datetime
) -> Iterator[Card | Broken]:
    stored = rollouts_in(tx, environment.id)
    watching = triggers_by_rollout(tx, [item.id for item in stored])
    for item in stored:
        if isinstance(item, Broken):
            yield item
        else:
            yield _card(tx, item, features[item.feature_id], watching[item.id], now)


def _card(
    tx: Transaction,
    item: StoredRollout,
    feature: Feature,
    watching: Sequence[StoredTrigger | Broken],
    now: datetime,
) -> Card | Broken:
    built = build(item.id, feature.key, lambda: card(item, feature, watching, now))
    if isinstance(built, Card) and built.stage is Stage.STOPPED:
        return replace(built, ended=_why_stopped(tx, item))
    return built


def _broken(item: Broken, names: Mapping[str, str]) -> BrokenCard:
    return BrokenCard(key=item.key, name=names.get(item.key, item.key), why=item.why)


def _why_stopped(tx: Transaction, item: StoredRollout) -> str:
    """The reason a feature was stopped for here: a stop is a decision to be respected, so it is told."""
    rollout = item.rollout
    for change in changes_of(tx, item.project_id, feature=rollout.feature, limit=_PAGE):
        if (change.name, change.environment) == ("stop", rollout.environment):
            return change.reason
    return ""


def _changes(tx: Transaction, names: Mapping[str, str], environment: Environment) -> Iterator[ChangeLine]:
    """The newest changes that touched what the environment serves."""
    before, shown = None, 0
    for _ in range(_PAGES):
        page = changes_of(tx, environment.project_id, before=before, limit=_PAGE)
        for change in page:
            if _touches(change, environment) and shown < NEWEST:
                shown += 1
                yield _change_line(change, names)
        if shown == NEWEST or len(page) < _PAGE:
            return
        before = page[-1].seq


def _touches(change: RecordedChange, environment: Environment) -> bool:
    return change.environment == environment.key or (not change.environment and change.name in _SHARED)


def _change_line(change: RecordedChange, names: Mapping[str, str]) -> ChangeLine:
    built = build(change.id, "", lambda: (subject(change), tuple(moved(change))))
    about, steps = ("its content cannot be read", ()) if isinstance(built, Broken) else built
    return ChangeLine(
        seq=change.seq,
        at=change.at if isinstance(change.at, datetime) else None,
        word=change_word(change.name),
        feature=names.get(change.feature, change.feature),
        subject=about,
        moved=steps,
        actor=who(change.actor),
        kind=ACTORS.get(change.actor_kind, Sign(change.actor_kind, "never", "plain")),
        reason=change.reason,
    )
