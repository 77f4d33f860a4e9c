"""Going up: what a stage asks for and how each of it stands, handing it in, asking, and approving what one has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.evidence_schemas import EvidenceSchema, WaiverSchema
from controller.api.parsing import load
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, against, asked_of, head
from controller.console.frame import page
from controller.console.live import live
from controller.console.onward import onward_after, place_of
from controller.console.ways_out import ways_out
from controller.console.words import GATES, STANDINGS, Sign
from controller.errors import InvalidInput, Problem
from controller.evidence import LONGEST_WAIVER, ReportUpload
from controller.readiness import Item, Sheet
from controller.rollouts import Where
from controller.store.triggers import trigger_keys
from stages import EXPOSED, Artifact, Gate, Refusal, Request, Stage, find_arrival

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedLine:
    """A requirement as it stands; ``hands_in`` names the form that answers it, empty where the record does."""

    item: Item
    sign: Sign
    hands_in: str


@dataclass(frozen=True, slots=True)
class GateLines:
    """A gate with its requirements."""

    title: str
    held: int
    needs: tuple[NeedLine, ...]


@blueprint.get(f"{FEATURE}/promotion")
def show_promotion(project: str, environment: str, feature: str) -> str:
    """The page."""
    return _shown(Where(project, environment, feature))


@blueprint.post(f"{FEATURE}/promotion")
def ask_for_promotion(project: str, environment: str, feature: str) -> Answer:
    """Ask for the next stage."""
    where = Where(project, environment, feature)

    def ask() -> None:
        stage = request.form.get("stage", "")
        if stage not in list(EXPOSED):
            raise InvalidInput(Problem("stage", "is none that can be asked for", "reload the page"))
        share = forms.share()
        exposure = None if share is None else {"share": share}
        services().promotions.ask(where, Stage(stage), exposure, actor(), forms.reason())

    return _try(where, ask, "asked")


@blueprint.post(f"{FEATURE}/promotion/<int:id>/approve")
def approve_promotion(project: str, environment: str, feature: str, id: int) -> Answer:
    """Agree to what the page showed, which its hash names."""
    where, seen = Where(project, environment, feature), request.form.get("seen", "")
    return _try(where, lambda: services().promotions.approve(where, id, actor(), seen), "approved")


@blueprint.post(f"{FEATURE}/promotion/<int:id>/withdraw")
def withdraw_promotion(project: str, environment: str, feature: str, id: int) -> Answer:
    """Take it back."""
    where = Where(project, environment, feature)
    return _try(where, lambda: services().promotions.withdraw(where, id, actor()), "withdrawn")


@blueprint.post(f"{FEATURE}/promotion/evidence")
def hand_in_evidence(project: str, environment: str, feature: str) -> Answer:
    """Hand in a document, by its address and its hash; of a file that is chosen, the hash is reckoned here."""
    where = Where(project, environment, feature)

    def hand_in() -> None:
        given: dict[str, Any] = forms.given("requirement", "summary", "uri", "sha256")
        given["release"] = request.form.get("release") or None
        if file := forms.file():
            given["sha256"] = hashlib.sha256(file[1]).hexdigest()
        if not given["sha256"]:
            raise InvalidInput(
                Problem("sha256", "is missing", "give the hash of the document, or choose its file")
            )
        content = load(EvidenceSchema(), given)
        services().evidence.accept(project, feature, content, actor())

    return _try(where, hand_in, "handed_in")


@blueprint.post(f"{FEATURE}/promotion/report")
def hand_in_report(project: str, environment: str, feature: str) -> Answer:
    """Hand in the report file of an evaluation tool."""
    where = Where(project, environment, feature)

    def hand_in() -> None:
        file = forms.file()
        if file is None:
            raise InvalidInput(Problem("file", "there is none", "choose the report of the evaluation tool"))
        name, data = file
        release = request.form.get("release") or None
        upload = ReportUpload(
            requirement=request.form.get("requirement", ""), release=release, data=data, name=name
        )
        services().evidence.read_in(project, feature, upload, actor())

    return _try(where, hand_in, "handed_in")


@blueprint.post(f"{FEATURE}/promotion/waiver")
def waive_requirement(project: str, environment: str, feature: str) -> Answer:
    """Let a requirement pass until the end of a day, while a trigger watches in its place."""
    where = Where(project, environment, feature)

    def waive() -> None:
        given: dict[str, Any] = forms.given("requirement", "trigger", "reason")
        given["release"] = request.form.get("release") or None
        given["expires_at"] = forms.last_day("until").isoformat()
        services().evidence.waive(project, feature, load(WaiverSchema(), given), actor())

    return _try(where, waive, "waived")


def _shown(where: Where, problems: tuple[Refusal | Problem, ...] = ()) -> str:
    parts = services()
    sheet = parts.readiness.sheet(where)
    with parts.database.read() as tx:
        about = head(tx, where)
        seen = live(tx, about.stored.id)
        plan = parts.cases.plan_of(tx, about.stored)
        next_stage = find_arrival(about.stored.rollout, Request(move="promote"))
        asked = asked_of(tx, about)
        shown = {
            "asked": asked,
            "awaits_me": asked is not None
            and parts.promotions.awaits(tx, about.stored, asked.promotion, actor()),
            "against": list(ways_out(where, about.stored, against(tx, about))) if next_stage else [],
            "step": plan[next_stage] if next_stage else None,
            "triggers": sorted(trigger_keys(tx, about.feature.id)),
        }
    return page(
        "promotion.html",
        about.frame,
        seen,
        about=about,
        rollout=about.stored.rollout,
        next=next_stage,
        sheet=sheet,
        gates=list(_gates(sheet)),
        problems=problems,
        given=request.form,
        me=actor().name,
        last_day=(about.frame.now + LONGEST_WAIVER).date(),
        today=about.frame.now.date(),
        **shown,
    )


def _gates(sheet: Sheet) -> Iterator[GateLines]:
    for gate in Gate:
        held, total = sheet.score(gate)
        if total:
            lines = tuple(
                NeedLine(item=item, sign=STANDINGS[item.standing.answer], hands_in=_form(item))
                for item in sheet.of(gate)
            )
            yield GateLines(GATES[gate], held, lines)


def _form(item: Item) -> str:
    if item.need.artifact is Artifact.RECORD:
        return ""
    return "report" if item.need.artifact is Artifact.EVAL_REPORT else "evidence"


def _try(where: Where, do: Callable[[], object], done: str) -> Answer:
    """Do it and show the page; if it is refused, the page says so, with what was written."""
    return onward_after(
        do, lambda problems: _shown(where, problems), "show_promotion", done=done, **place_of(where)
    )
