"""How much a trigger may do: its record, proposals that loosen it, and muting it for a while."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from controller.api import schemas
from controller.api.auth import actor, services
from controller.api.fields import Whole
from controller.api.paging import page_of
from controller.api.parsing import Blueprint
from controller.api.trigger_schemas import StandingTriggerSchema, TriggerSchema
from controller.api.views import trigger_view
from controller.errors import InvalidInput, Problem
from controller.rollouts import Where
from controller.store.triggers import StoredTrigger
from controller.trigger_reviews import LONGEST_MUTE, Record, Reviewed
from triggers import Arming

blueprint = Blueprint(
    "trigger_reviews",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>/triggers/<key>",
    description="How much triggers may do",
)


class ActSchema(Schema):
    """An evaluation in which something fell due. In shadow and while muted, ``actions`` would have been done."""

    evaluated_at = fields.AwareDateTime()
    sentence = fields.String()
    numbers = fields.Dict()
    actions = fields.List(fields.Dict())


class RecordSchema(Schema):
    """What a trigger did, or would have done, under its present rule."""

    key = fields.String()
    arming = fields.String()
    watching_since = fields.AwareDateTime()
    evaluations = fields.Integer(metadata={"description": "Of those that are still kept"})
    telling = fields.Integer(metadata={"description": "How many of them could tell good from bad"})
    unproven = fields.String(metadata={"description": "Why it is early to let it act; empty if it is not"})
    acts = fields.List(fields.Nested(ActSchema))


class MuteSchema(schemas.ReasonSchema):
    """For how long, and why."""

    minutes = Whole(1, int(LONGEST_MUTE.total_seconds() // 60), required=True)


class ProposalRequestSchema(schemas.ReasonSchema):
    """What a trigger shall be instead; null: gone."""

    definition = fields.Nested(TriggerSchema, required=True, allow_none=True)


class ProposalSchema(Schema):
    """A proposal, and in what it loosens the trigger as it is now."""

    id = fields.Integer()
    version = fields.Integer()
    definition = fields.Dict(allow_none=True)
    reason = fields.String()
    looser = fields.List(fields.Nested(schemas.RefusalSchema))
    proposed_by = fields.String()
    proposed_at = fields.AwareDateTime()
    status = fields.String()
    decided_by = fields.String()
    decided_at = fields.AwareDateTime(allow_none=True)


@blueprint.get("/record")
@blueprint.response(200, RecordSchema)
def show_record(project: str, environment: str, feature: str, key: str) -> dict[str, Any]:
    """What the trigger did, or would have done, newest first."""
    return _record(services().trigger_reviews.record(Where(project, environment, feature), key))


@blueprint.post("/mute")
@blueprint.arguments(MuteSchema)
@blueprint.response(200, StandingTriggerSchema)
def mute(content: dict[str, Any], project: str, environment: str, feature: str, key: str) -> dict[str, Any]:
    """Let it do nothing for a while, at most seven days; it goes on watching."""
    where = Where(project, environment, feature)
    muted = services().trigger_reviews.mute(where, key, content["minutes"], actor(), content["reason"])
    return trigger_view(muted)


@blueprint.post("/unmute")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, StandingTriggerSchema)
def unmute(content: dict[str, Any], project: str, environment: str, feature: str, key: str) -> dict[str, Any]:
    """Let it do again what its ladder says."""
    where = Where(project, environment, feature)
    return trigger_view(services().trigger_reviews.unmute(where, key, actor(), content["reason"]))


@blueprint.get("/proposals")
@blueprint.response(200, page_of(ProposalSchema))
def list_proposals(project: str, environment: str, feature: str, key: str) -> dict[str, Any]:
    """What was proposed about it, newest first."""
    found = services().trigger_reviews.of(Where(project, environment, feature), key)
    return {"items": [_proposal(each) for each in found], "next_cursor": None}


@blueprint.post("/proposals")
@blueprint.arguments(ProposalRequestSchema)
@blueprint.response(201, ProposalSchema)
def propose(
    content: dict[str, Any], project: str, environment: str, feature: str, key: str
) -> dict[str, Any]:
    """Propose a change that loosens it, or its removal."""
    definition = content["definition"]
    if definition is not None and definition.key != key:
        raise InvalidInput(
            Problem("definition.key", f"is not {key!r}", "send the key that is in the address")
        )
    where = Where(project, environment, feature)
    return _proposal(services().trigger_reviews.propose(where, key, definition, actor(), content["reason"]))


@blueprint.post("/proposals/<row:id>/approve")
@blueprint.response(204)
def approve_proposal(project: str, environment: str, feature: str, key: str, id: int) -> None:
    """Agree to somebody else's proposal, which carries it out."""
    services().trigger_reviews.approve(Where(project, environment, feature), key, id, actor())


@blueprint.delete("/proposals/<row:id>")
@blueprint.response(204)
def withdraw_proposal(project: str, environment: str, feature: str, key: str, id: int) -> None:
    """Take a proposal back."""
    services().trigger_reviews.withdraw(Where(project, environment, feature), key, id, actor())


def _record(found: Record) -> dict[str, Any]:
    stored: StoredTrigger = found.stored
    return {
        "key": stored.trigger.key,
        "arming": stored.trigger.arming.value,
        "watching_since": found.watching_since,
        "evaluations": found.evaluations,
        "telling": found.telling,
        "unproven": "" if stored.trigger.arming is Arming.ACT else found.unproven,
        "acts": [
            {
                "evaluated_at": reading.evaluated_at,
                "sentence": reading.sentence,
                "numbers": reading.numbers,
                "actions": reading.due,
            }
            for reading in found.acts
        ],
    }


def _proposal(reviewed: Reviewed) -> dict[str, Any]:
    proposal = reviewed.proposal
    return {name: getattr(proposal, name) for name in type(proposal).__slots__} | {"looser": reviewed.looser}
