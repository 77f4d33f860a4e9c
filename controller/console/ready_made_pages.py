"""Triggers that most features need: choose where their numbers come from, look at each, and add them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.parsing import load
from controller.api.ready_made import WantedSchema, add_wanted
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, Head, head
from controller.console.frame import page
from controller.console.trigger_form import definition_of
from controller.console.trigger_pages import list_address
from controller.console.trigger_words import RuleWords, rule_words
from controller.errors import HeadgateError, Problem
from controller.ready_made import ReadyMade, Telemetry, load_catalogue
from controller.rollouts import Where
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.sources import sources_of
from controller.store.triggers import triggers_of
from controller.trigger_definitions import build_trigger
from stages import Refusal, Refused, Tier

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A ready-made trigger as it would be for this feature; ``why_not`` is why it cannot be added."""

    item: ReadyMade
    words: RuleWords | None
    why_not: str
    is_there: bool

    @property
    def rank(self) -> int:
        """Those that can be added come first."""
        return 2 if self.is_there else int(bool(self.why_not))


@blueprint.get(f"{FEATURE}/ready-made-triggers")
def show_ready_made(project: str, environment: str, feature: str) -> str:
    """What there is, for one telemetry."""
    return _shown(Where(project, environment, feature), request.args.get("telemetry", ""))


@blueprint.post(f"{FEATURE}/ready-made-triggers")
def add_ready_made(project: str, environment: str, feature: str) -> Answer:
    """Add those that were chosen: all of them, or none."""
    where, given = Where(project, environment, feature), forms.given("telemetry", "source", "arming")
    wanted: dict[str, Any] = {name: text for name, text in given.items() if text}
    try:
        content = load(WantedSchema(), wanted | {"keys": request.form.getlist("keys")})
        if not content["keys"]:
            return _shown(
                where, given["telemetry"], (Problem("keys", "none is chosen", "tick at least one"),)
            ), 422
        add_wanted(where, content, actor())
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        return _shown(where, given["telemetry"], problems), status
    return list_address(where, "triggers_added")


def _shown(where: Where, wanted: str, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    known = load_catalogue().telemetries
    telemetry = known.get(wanted) or known["outcomes"]
    with services().database.read() as tx:
        about = head(tx, where)
        sources = [
            each.key for each in sources_of(tx, about.stored.project_id) if each.kind == telemetry.kind
        ]
        offers = list(_offers(tx, about, telemetry, sources[0] if sources else telemetry.key))
    return page(
        "ready_made.html",
        about.frame,
        about=about,
        telemetry=telemetry,
        telemetries=known.values(),
        sources=sources,
        offers=offers,
        problems=problems,
        given=request.form,
        chosen=set(request.form.getlist("keys")),
    )


def _offers(tx: Transaction, about: Head, telemetry: Telemetry, source: str) -> Iterator[Offer]:
    there = {
        item.key if isinstance(item, Broken) else item.trigger.key
        for item in triggers_of(tx, about.stored.id)
    }
    tier = Tier(about.stored.tier)
    for item in load_catalogue().triggers.values():
        why_not = "it is there already" if item.key in there else item.why_not(telemetry)
        body = item.body(tier, telemetry, source)
        words = None
        if body is not None:
            definition = definition_of(body)
            trigger = build_trigger(definition).on_tier(about.stored.tier)
            words = rule_words(trigger, source, definition.query)
        yield Offer(item=item, words=words, why_not=why_not, is_there=item.key in there)
