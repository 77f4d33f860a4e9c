"""Reasons against going up, each with the page that leads out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flask import url_for

from controller.console.onward import place_of
from controller.rollouts import Where
from controller.store.rollouts import StoredRollout
from stages import EXPOSED, Mode, Refusal

_EVIDENCE = "evidence_"
_WAYS_OUT = {
    "held": "show_resume",
    "break_glass_unreviewed": "show_break_glass",
    "no_release": "show_new_release",
    "release_bad": "show_new_release",
    "model_unpinned": "show_new_release",
    "model_retires": "show_new_release",
    "model_retired": "show_new_release",
    "step_unapproved": "show_ramp",
    "triggers_missing": "show_ready_made",
    "trigger_class_missing": "show_ready_made",
}
"""Where something can be done about a reason, by its code."""
_TO_TRIGGERS = {"trigger_firing": "show_acknowledge", "trigger_blind": "show_trigger"}
"""The same of reasons that name a trigger."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """A reason against it, and the page where something can be done about it; empty if there is none."""

    refusal: Refusal
    address: str


def ways_out(
    where: Where, stored: StoredRollout, refusals: Iterable[Refusal], evidence: str = ""
) -> Iterator[WayOut]:
    """Each reason with the page that leads out of it.

    ``evidence`` is the page that has what evidence misses as `need-KEY`; empty: it is the page that tells of it.
    """
    for refusal in refusals:
        yield WayOut(refusal, _address(where, stored, refusal, evidence))


def _address(where: Where, stored: StoredRollout, refusal: Refusal, evidence: str) -> str:
    rollout, code = stored.rollout, refusal.code
    keys = place_of(where)
    if code.startswith(_EVIDENCE):
        return f"{evidence}#need-{refusal.field}"
    if code == "incident_open":
        return url_for("console.show_incidents", project=where.project, open=1)
    if view := _TO_TRIGGERS.get(code):
        return url_for(f"console.{view}", trigger=refusal.field, **keys)
    if code == "candidate_running":
        return url_for("console.show_release_approval", release=rollout.candidate, **keys)
    waits = code == "not_from_here" and rollout.stage in EXPOSED and rollout.mode is not Mode.LIVE
    view = _WAYS_OUT.get("held" if waits else code)
    return url_for(f"console.{view}", **keys) if view else ""
