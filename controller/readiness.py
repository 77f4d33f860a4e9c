"""How ready a feature is for its next stage, told from the records: what is missing, and the eight questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.cases import Cases, asked_about, watch_of
from controller.rollouts import Clock, Where, locate
from controller.store.database import Database, Transaction
from controller.store.evidence import StoredEvidence, evidence_of
from controller.store.features import Feature, feature_by_id
from controller.store.outcomes import count_answers
from controller.store.releases import StoredRelease, get_release
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger, triggers_of
from stages import (
    EXPOSED,
    QUESTIONS,
    Answer,
    Answered,
    Fact,
    Gate,
    Request,
    Requirement,
    Stage,
    Standing,
    answer,
    digest,
    expiry,
    find_arrival,
    stand_all,
)
from triggers import TriggerClass

_TRACED_OVER = timedelta(days=7)
_QUALITY = frozenset(
    {
        TriggerClass.UNSUPPORTED_ANSWERS,
        TriggerClass.REVIEWER_REJECTION,
        TriggerClass.HALLUCINATED_CITATIONS,
        TriggerClass.GROUNDING,
        TriggerClass.DRIFT,
        TriggerClass.SENSITIVE_DATA,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One requirement of the sheet. ``owner`` is the person who provides it, ``role`` as what.

    ``since`` is since when it stands as it does, as far as is known.
    """

    standing: Standing
    role: str
    owner: str
    since: datetime

    @property
    def need(self) -> Requirement:
        """What is required."""
        return self.standing.requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a stage asks of a feature, and how each of it stands."""

    feature: Feature
    stored: StoredRollout
    stage: Stage
    release: StoredRelease | None
    made_at: datetime
    items: tuple[Item, ...]

    @property
    def missing(self) -> tuple[Item, ...]:
        """What still has to be shown before the stage is entered."""
        return tuple(item for item in self.items if item.standing.refuses)

    @property
    def reminders(self) -> tuple[Item, ...]:
        """What is not shown either, and keeps nothing from going up."""
        return tuple(item for item in self.items if item.standing.reminds)

    def of(self, gate: Gate) -> tuple[Item, ...]:
        """The items of one gate."""
        return tuple(item for item in self.items if item.need.gate is gate)

    def score(self, gate: Gate | None = None) -> tuple[int, int]:
        """How many requirements hold, and how many there are; of one gate or of all."""
        items = self.items if gate is None else self.of(gate)
        return sum(item.standing.holds for item in items), len(items)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreShipReview:
    """The eight questions with their answers. ``seen`` names exactly these records by a digest.

    ``unasked`` are the requirements that would answer a question too, and that the stage does not ask for, by the key
    of the question: a yes says nothing of them.
    """

    sheet: Sheet
    answers: tuple[Answered, ...]
    unasked: Mapping[str, tuple[Requirement, ...]]
    seen: str


class Readiness:
    """Tells how ready a feature is. Nothing is changed by asking."""

    def __init__(self, database: Database, cases: Cases, now: Clock) -> None:
        self._database = database
        self._cases = cases
        self._now = now

    def sheet(self, where: Where, stage: Stage | None = None, release: str | None = None) -> Sheet:
        """What a stage asks of the feature, the next one unless another is named, and how each of it stands.

        It is asked about the stable release unless another is named.

        Raises:
            NotFound: There is no such rollout or release.
        """
        with self._database.read() as tx:
            return self._sheet(tx, locate(tx, where), stage, release)

    def review(self, where: Where, stage: Stage | None = None) -> PreShipReview:
        """The eight questions before the feature ships, answered from the records."""
        with self._database.read() as tx:
            stored = locate(tx, where)
            sheet = self._sheet(tx, stored, stage)
            facts = dict(self._facts(tx, sheet))
            standings = [item.standing for item in sheet.items]
            answers = tuple(answer(each, standings, facts.get(each.key, ())) for each in QUESTIONS)
            unasked = _unasked(self._cases.requirements_of(tx, stored.project_id), sheet)
            return PreShipReview(sheet=sheet, answers=answers, unasked=unasked, seen=_digest(sheet, answers))

    def _sheet(
        self, tx: Transaction, stored: StoredRollout, stage: Stage | None, named: str | None = None
    ) -> Sheet:
        now = self._now()
        entered = stage or find_arrival(stored.rollout, Request(move="promote")) or stored.rollout.stage
        if entered not in EXPOSED:
            entered = Stage.BETA
        case = self._cases.case(tx, stored, Request(move="promote", stage=entered), "", now)
        feature = feature_by_id(tx, stored.feature_id)
        asked = named or stored.rollout.stable
        release = get_release(tx, feature.id, asked) if asked else None
        case = replace(case, subject=asked_about(feature, release, case.watches))
        known = {f"e-{item.id}": item for item in evidence_of(tx, feature.id)}
        standings = stand_all(case, self._cases.plan_of(tx, stored)[entered], now)
        items = tuple(_item(feature, release, standing, known) for standing in standings)
        return Sheet(feature=feature, stored=stored, stage=entered, release=release, made_at=now, items=items)

    def _facts(self, tx: Transaction, sheet: Sheet) -> Iterator[tuple[str, tuple[Fact, ...]]]:
        triggers = list(self._acting(tx, sheet))
        yield "guardrails", (_guardrails_named(sheet.release),)
        yield "traceability", tuple(self._traced(tx, sheet))
        yield "monitoring", (_watched(triggers),)
        yield "human_review", (_reviewers_named(sheet.feature),)
        yield "rollback", (_taken_back(triggers), _somewhere_to_go(sheet))

    def _acting(self, tx: Transaction, sheet: Sheet) -> Iterator[StoredTrigger]:
        """The triggers that may act and see something, as a promotion counts them."""
        now, rollout = self._now(), sheet.stored.rollout
        for item in triggers_of(tx, sheet.stored.id):
            watch = watch_of(item, now, rollout)
            if isinstance(item, StoredTrigger) and watch.acts and not watch.blind:
                yield item

    def _traced(self, tx: Transaction, sheet: Sheet) -> Iterator[Fact]:
        rollout = sheet.stored.rollout
        if sheet.release is None:
            yield Fact(
                "there is no release an answer could be traced to",
                holds=False,
                remedy="introduce one",
                link="releases",
            )
            return
        told = f"every lookup names its release, {sheet.release.public_id} now"
        yield Fact(told, holds=True, link="releases")
        if rollout.stage not in EXPOSED:
            return
        since, place = self._now() - _TRACED_OVER, (sheet.stored.environment_id, rollout.feature)
        total, named = count_answers(tx, *place, since), count_answers(tx, *place, since, traced=True)
        message = f"{named} of {total} outcomes of the last {_TRACED_OVER.days} days name their release"
        remedy = "report outcomes with the decision they belong to"
        yield Fact(message, holds=total > 0 and named == total, remedy=remedy)


def _unasked(known: Mapping[str, Requirement], sheet: Sheet) -> dict[str, tuple[Requirement, ...]]:
    asked = {item.need.key for item in sheet.items}
    return {
        each.key: tuple(known[key] for key in each.about if key in known and key not in asked)
        for each in QUESTIONS
    }


def _item(
    feature: Feature, release: StoredRelease | None, standing: Standing, known: dict[str, StoredEvidence]
) -> Item:
    role = standing.requirement.owner
    return Item(
        standing=standing,
        role=role,
        owner=_person(feature, role),
        since=_since(feature, release, standing, known.get(standing.by)),
    )


def _person(feature: Feature, role: str) -> str:
    """Who has a role; the feature's owner answers for what nobody else does."""
    named = {"owner": feature.owner, "budget owner": feature.budget_owner, **feature.people}
    return named.get(role) or named.get(role.replace(" ", "-")) or feature.owner


def _since(
    feature: Feature, release: StoredRelease | None, standing: Standing, by: StoredEvidence | None
) -> datetime:
    if by is None:
        return feature.created_at
    if standing.answer is Answer.EXPIRED:
        return expiry(standing.requirement, by.judged) or by.accepted_at
    if standing.answer is Answer.STALE and release:
        return release.created_at
    return by.accepted_at


def _guardrails_named(release: StoredRelease | None) -> Fact:
    named = release.bundle.get("guardrails") if release else None
    message = f"the release has the guardrails {named}" if named else "the release names no guardrails"
    return Fact(message, holds=bool(named), remedy="name their version in the release", link="releases")


def _watched(acting: list[StoredTrigger]) -> Fact:
    keys = [item.trigger.key for item in acting if item.trigger.trigger_class in _QUALITY]
    message = (
        f"watched by {', '.join(keys)}" if keys else "no trigger that may act watches the quality of answers"
    )
    remedy = "arm one, such as for unsupported answers"
    return Fact(message, holds=bool(keys), remedy=remedy, link="triggers")


def _reviewers_named(feature: Feature) -> Fact:
    names = ", ".join(map(str, feature.reviewers))
    message = f"reviewed by {names}" if names else "nobody is named who reviews answers"
    return Fact(message, holds=bool(names), remedy="name reviewers in the feature's record")


def _taken_back(acting: list[StoredTrigger]) -> Fact:
    moving = (item for item in acting if any(rung.do.moves_traffic for rung in item.trigger.ladder))
    keys = ", ".join(item.trigger.key for item in moving)
    message = f"taken back by {keys}" if keys else "no trigger may take it back"
    remedy = "arm a trigger whose ladder moves traffic"
    return Fact(message, holds=bool(keys), remedy=remedy, link="triggers")


def _somewhere_to_go(sheet: Sheet) -> Fact:
    if previous := sheet.stored.rollout.previous:
        return Fact(f"a revert goes back to {previous}", holds=True, link="releases")
    fallback = sheet.feature.fallback
    message = (
        f"the fallback is {fallback}" if fallback else "there is neither an earlier release nor a fallback"
    )
    return Fact(message, holds=bool(fallback), remedy="name a fallback in the feature's record")


def _digest(sheet: Sheet, answers: tuple[Answered, ...]) -> str:
    return digest(
        {
            "feature": [sheet.feature.key, sheet.feature.version],
            "rollout": [sheet.stored.rollout.environment, sheet.stored.rollout.version],
            "release": sheet.release.digest if sheet.release else None,
            "stage": sheet.stage,
            "standings": [[i.need.key, i.standing.answer, i.standing.by, i.need.missed] for i in sheet.items],
            "facts": [[fact.holds, fact.message] for each in answers for fact in each.facts],
        }
    )
