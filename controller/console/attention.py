"""What somebody should look at, in all projects, the most urgent first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from flask import url_for

from controller.actors import Actor
from controller.api.auth import services
from controller.console.cards import TriggerLine, trigger_line
from controller.console.proposals import proposal_address
from controller.console.words import Sign, percent, sentence
from controller.permissions import Permission, Rights
from controller.persons import are_one
from controller.ramp_approvals import awaiting
from controller.store.board import (
    Place,
    Within,
    expiring_evidence,
    incidents_waiting,
    served_bundles,
    troubled_triggers,
    unreviewed_glass,
)
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.promotions import get_promotion
from controller.store.proposals import About
from controller.store.releases import releases_by
from controller.store.rollouts import StoredRollout, rollouts_by_id
from controller.store.triggers import triggers_by_id
from controller.store.waiting import (
    Id,
    Waiting,
    changes_waiting,
    promotions_waiting,
    proposals_waiting,
    ramps_waiting,
    releases_waiting,
)
from stages import EXPOSED, Model, ModelEnd, models_of
from triggers import TriggerClass

MOST = 40
"""Of each kind, so many are read; the page says when there are more."""
_SOON = timedelta(days=14)
_RETIRING_WITHIN = 60

_EXPIRED = Sign("expired", "clock", "alarm")
_EXPIRING = Sign("expires soon", "clock", "warn")
_WAITING = Sign("waits for your approval", "human", "review")
_INCIDENT = Sign("incident open", "alarm", "warn")
_GLASS = Sign("glass broken", "broken", "alarm")
_RETIRED = Sign("model retired", "clock", "alarm")
_RETIRING = Sign("model retiring", "clock", "warn")
_SATURATED = Sign("reviewers saturated", "people", "alarm")
_TONES = ("alarm", "warn", "review", "plain", "good")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something to look at: what it is, where, in words, and the page on which to do something about it."""

    sign: Sign
    place: Place
    text: str
    address: str
    act: str = ""
    since: datetime | None = None
    ahead: bool = False


def attention(tx: Transaction, actor: Actor, rights: Rights, now: datetime) -> list[Item]:
    """Everything that waits for people in the projects that somebody sees, alarms first."""
    within = rights.projects
    found = [
        *_triggers(tx, within, now),
        *_incidents(tx, within),
        *_glass(tx, within),
        *_promotions(tx, actor, rights),
        *_releases(tx, actor, rights),
        *_ramps(tx, actor, rights),
        *_proposals(tx, actor, rights),
        *_proposed_changes(tx, actor, rights),
        *_evidence(tx, within, now),
        *_models(tx, within, now),
    ]
    return sorted(found, key=lambda item: _TONES.index(item.sign.tone))


def _triggers(tx: Transaction, within: Within, now: datetime) -> Iterator[Item]:
    places = troubled_triggers(tx, within, now, MOST)
    stored = triggers_by_id(tx, [id for _, id in places])
    for place, id in places:
        line = trigger_line(stored[id], now)
        if line.alarms:
            yield _trigger(place, line, stored[id])


def _trigger(place: Place, line: TriggerLine, stored: object) -> Item:
    is_queue = line.fires and not isinstance(stored, Broken) and _class(stored) is TriggerClass.REVIEW_QUEUE
    keys = _keys(place)
    return Item(
        sign=_SATURATED if is_queue else line.sign,
        place=place,
        text=f"{line.key}: {sentence(line.sentence)} {line.ladder}".strip(),
        address=url_for("console.show_acknowledge", **keys, trigger=line.key) if line.fires else _page(place),
        act="Acknowledge" if line.fires else "",
        since=line.since,
    )


def _class(stored: object) -> TriggerClass:
    found: TriggerClass = stored.trigger.trigger_class  # type: ignore[attr-defined]
    return found


def _incidents(tx: Transaction, within: Within) -> Iterator[Item]:
    for place, id, status, since in incidents_waiting(tx, within, MOST):
        text = f"incident {id} is {status}, and waits for somebody to close it"
        address = url_for("console.show_incident", project=place.project, id=id)
        yield Item(sign=_INCIDENT, place=place, text=text, address=address, since=since)


def _glass(tx: Transaction, within: Within) -> Iterator[Item]:
    for place, _, actor, since in unreviewed_glass(tx, within, MOST):
        text = f"{actor} entered a stage without its evidence; somebody else has to review that"
        address = url_for("console.show_break_glass", **_keys(place))
        yield Item(sign=_GLASS, place=place, text=text, address=address, since=since)


def _promotions(tx: Transaction, actor: Actor, rights: Rights) -> Iterator[Item]:
    use_cases = services().promotions
    waiting = promotions_waiting(tx, rights.projects, actor.name, MOST)
    for each, stored in _where_may_approve(tx, rights, waiting):
        promotion = get_promotion(tx, stored.id, each.id)
        if use_cases.awaits(tx, stored, promotion, actor):
            yield Item(
                sign=_WAITING,
                place=each.place,
                text=f"{promotion.requester.removeprefix('user:')} asks for {promotion.to_stage}",
                address=url_for("console.show_promotion", **_keys(each.place)),
                act="Look and approve",
                since=promotion.created_at,
            )


def _releases(tx: Transaction, actor: Actor, rights: Rights) -> Iterator[Item]:
    """Releases that lack nothing but people before they may come to users, and this one's word among them."""
    use_cases = services().release_approvals
    waiting = {
        (stored.id, each.id): (each, stored)
        for each, stored in _where_may_approve(
            tx, rights, releases_waiting(tx, rights.projects, actor.name, MOST)
        )
    }
    named = releases_by(tx, [(stored.feature_id, each.id) for each, stored in waiting.values()])
    offered = [(stored, named[stored.feature_id, each.id]) for each, stored in waiting.values()]
    for stored, release in use_cases.lacking_only_people(tx, offered):
        if use_cases.awaits(tx, stored, release, actor):
            each, _ = waiting[stored.id, release.public_id]
            yield Item(
                sign=_WAITING,
                place=each.place,
                text=f"{release.created_by.removeprefix('user:')} made the release {each.id} for its users",
                address=url_for("console.show_release_approval", release=each.id, **_keys(each.place)),
                act="Look and approve",
                since=release.created_at,
            )


def _ramps(tx: Transaction, actor: Actor, rights: Rights) -> Iterator[Item]:
    found = _where_may_approve(tx, rights, ramps_waiting(tx, rights.projects, actor.name, MOST))
    places = {stored.id: (each.place, stored) for each, stored in found}
    running = [stored for _, stored in places.values() if stored.rollout.stage in EXPOSED]
    for stored, standing in awaiting(tx, services().ramps, services().cases, running, actor):
        place, _ = places[stored.id]
        share = percent(standing.next.share) if standing.next else ""
        yield Item(
            sign=_WAITING,
            place=place,
            text=f"the ramp would go on to {share} of its users",
            address=url_for("console.show_ramp", **_keys(place)),
            act="Look and approve",
            since=standing.step_since,
        )


def _where_may_approve(
    tx: Transaction, rights: Rights, waiting: Sequence[Waiting[Id]]
) -> Iterator[tuple[Waiting[Id], StoredRollout]]:
    """What waits where somebody may approve, with the rollout; what cannot be read waits for nobody."""
    there = rollouts_by_id(tx, {each.rollout_id for each in waiting})
    for each in waiting:
        stored = there.get(each.rollout_id)
        if isinstance(stored, StoredRollout) and rights.may(Permission.APPROVE, stored.project_id):
            yield each, stored


def _proposals(tx: Transaction, actor: Actor, rights: Rights) -> Iterator[Item]:
    for each in proposals_waiting(tx, rights.projects, actor.name, MOST):
        if _may_approve(tx, rights, actor, each.project_id, each.proposer):
            yield Item(
                sign=_WAITING,
                place=each.place,
                text=f"{each.proposer.removeprefix('user:')} wants to loosen {each.trigger}",
                address=url_for("console.show_trigger", **_keys(each.place), trigger=each.trigger),
                act="Look and approve",
                since=each.since,
            )


def _proposed_changes(tx: Transaction, actor: Actor, rights: Rights) -> Iterator[Item]:
    """What was proposed about sources and features, which belong to no environment."""
    waiting = changes_waiting(tx, rights.projects, actor.name, MOST)
    mine = [each for each in waiting if _may_approve(tx, rights, actor, each.project_id, each.proposer)]
    current = {
        found.proposal.id
        for project_id in {each.project_id for each in mine}
        for found in services().proposals.waiting_in(tx, project_id)
        if not found.is_outdated
    }
    for each in mine:
        if each.id in current:
            what = "other settings" if each.about == About.SOURCE else "other limits"
            yield Item(
                sign=_WAITING,
                place=Place(project=each.project, environment="", feature="", name=each.key),
                text=f"{each.proposer.removeprefix('user:')} proposes {what} for the {each.about} {each.key}",
                address=proposal_address(each.project, each.id),
                act="Look and approve",
                since=each.since,
            )


def _may_approve(tx: Transaction, rights: Rights, actor: Actor, project_id: int, asker: str) -> bool:
    """Whether an actor may give the second word: by their roles, and because it was another who asked."""
    return rights.may(Permission.APPROVE, project_id) and not are_one(tx, project_id, actor.name, asker)


def _evidence(tx: Transaction, within: Within, now: datetime) -> Iterator[Item]:
    needs = services().plans.requirements
    lifetimes = {key: need.valid_s for key, need in needs.items() if need.valid_s}
    for place, key, end in expiring_evidence(tx, within, lifetimes, now, _SOON, MOST):
        title = needs[key].title if key in needs else key
        sign = _EXPIRED if end <= now else _EXPIRING
        yield Item(sign=sign, place=place, text=title, address=_page(place), since=end, ahead=end > now)


def _models(tx: Transaction, within: Within, now: datetime) -> Iterator[Item]:
    calendar = services().calendar.current()

    @cache  # Many features are of one model.
    def ending(models: tuple[Model, ...]) -> tuple[tuple[Model, ModelEnd], ...]:
        return calendar.ending_within(models, now.date(), _RETIRING_WITHIN)

    for place, bundle in served_bundles(tx, within):
        for model, end in ending(_models_in(bundle)):
            sign = _RETIRED if end.ends_at <= now.date() else _RETIRING
            instead = f"; {end.replacement} takes its place" if end.replacement else ""
            yield Item(
                sign=sign, place=place, text=f"{model} ends on {end.ends_at}{instead}", address=_page(place)
            )


@lru_cache(maxsize=8192)
def _models_in(bundle: str) -> tuple[Model, ...]:
    """The models that a bundle names; releases never change, so each is read once."""
    try:
        read = json.loads(bundle)
    except ValueError:
        return ()
    return models_of(read) if isinstance(read, Mapping) else ()


def _keys(place: Place) -> dict[str, Any]:
    return {"project": place.project, "environment": place.environment, "feature": place.feature}


def _page(place: Place) -> str:
    return url_for("console.show_feature", **_keys(place))
