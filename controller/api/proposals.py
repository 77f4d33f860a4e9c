"""Changes that would loosen live triggers: what waits for a second person, and what sources and features are to be."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from controller.api import schemas
from controller.api.auth import actor, services
from controller.api.feature_schemas import FeatureChangeSchema
from controller.api.fields import FreeForm
from controller.api.paging import page_of
from controller.api.parsing import Blueprint
from controller.proposals import ReviewedProposal
from controller.reliance import FEATURE_LIMITS
from controller.sealing import shown
from controller.store.proposals import About
from controller.store.trigger_proposals import PlacedProposal

blueprint = Blueprint(
    "proposals",
    __name__,
    url_prefix="/api/v1/projects/<project>",
    description="What waits for a second person",
)


class WaitingSchema(Schema):
    """A proposal that waits for somebody. ``environment`` and ``feature`` are empty where it belongs to none."""

    id = fields.Integer()
    about = fields.String(metadata={"description": "trigger, source or feature"})
    environment = fields.String()
    feature = fields.String()
    key = fields.String(metadata={"description": "Of the trigger, source or feature"})
    reason = fields.String()
    proposed_by = fields.String()
    proposed_at = fields.AwareDateTime()


class SubjectProposalSchema(Schema):
    """A proposal about a source or a feature, and in what it loosens triggers as they are now."""

    id = fields.Integer()
    wanted = fields.Dict(metadata={"description": "Settings with their secrets hidden, or limits"})
    reason = fields.String()
    looser = fields.List(fields.Nested(schemas.RefusalSchema))
    proposed_by = fields.String()
    proposed_at = fields.AwareDateTime()
    status = fields.String()
    decided_by = fields.String()
    decided_at = fields.AwareDateTime(allow_none=True)


class SourceProposalSchema(schemas.ReasonSchema):
    """What the settings of a source shall be instead, all of them."""

    settings = FreeForm(required=True)


class LimitsSchema(FeatureChangeSchema):
    """What decides when moves of triggers are not enough; what is not sent stays."""

    class Meta:
        """Of a feature, these alone."""

        fields = FEATURE_LIMITS


class FeatureProposalSchema(schemas.ReasonSchema):
    """What the limits of a feature shall be instead."""

    limits = fields.Nested(LimitsSchema, required=True)


_PAGE = page_of(SubjectProposalSchema)


@blueprint.get("/proposals")
@blueprint.response(200, page_of(WaitingSchema))
def list_waiting(project: str) -> dict[str, Any]:
    """What waits for a second person in the whole project, oldest first."""
    mine, about_triggers = services().proposals.waiting(project)
    items = [*map(_waiting, mine), *map(_about_trigger, about_triggers)]
    return {"items": sorted(items, key=lambda item: item["proposed_at"]), "next_cursor": None}


@blueprint.get("/sources/<source>/proposals")
@blueprint.response(200, _PAGE)
def list_about_source(project: str, source: str) -> dict[str, Any]:
    """What was proposed about a source, newest first."""
    found = services().proposals.of(project, About.SOURCE, source)
    return {"items": [_proposal(each) for each in found], "next_cursor": None}


@blueprint.post("/sources/<source>/proposals")
@blueprint.arguments(SourceProposalSchema)
@blueprint.response(201, SubjectProposalSchema)
def propose_source(content: dict[str, Any], project: str, source: str) -> dict[str, Any]:
    """Propose other settings for a source that live triggers read."""
    settings, reason = content["settings"], content["reason"]
    return _proposal(services().proposals.propose_source(project, source, settings, actor(), reason))


@blueprint.post("/sources/<source>/proposals/<row:id>/approve")
@blueprint.response(204)
def approve_about_source(project: str, source: str, id: int) -> None:
    """Agree to somebody else's proposal, which carries it out."""
    services().proposals.approve(project, About.SOURCE, source, id, actor())


@blueprint.delete("/sources/<source>/proposals/<row:id>")
@blueprint.response(204)
def withdraw_about_source(project: str, source: str, id: int) -> None:
    """Take a proposal back."""
    services().proposals.withdraw(project, About.SOURCE, source, id, actor())


@blueprint.get("/features/<feature>/proposals")
@blueprint.response(200, _PAGE)
def list_about_feature(project: str, feature: str) -> dict[str, Any]:
    """What was proposed about the limits of a feature, newest first."""
    found = services().proposals.of(project, About.FEATURE, feature)
    return {"items": [_proposal(each) for each in found], "next_cursor": None}


@blueprint.post("/features/<feature>/proposals")
@blueprint.arguments(FeatureProposalSchema)
@blueprint.response(201, SubjectProposalSchema)
def propose_feature(content: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """Propose other limits for a feature that live triggers act on."""
    limits, reason = content["limits"], content["reason"]
    return _proposal(services().proposals.propose_feature(project, feature, limits, actor(), reason))


@blueprint.post("/features/<feature>/proposals/<row:id>/approve")
@blueprint.response(204)
def approve_about_feature(project: str, feature: str, id: int) -> None:
    """Agree to somebody else's proposal, which carries it out."""
    services().proposals.approve(project, About.FEATURE, feature, id, actor())


@blueprint.delete("/features/<feature>/proposals/<row:id>")
@blueprint.response(204)
def withdraw_about_feature(project: str, feature: str, id: int) -> None:
    """Take a proposal back."""
    services().proposals.withdraw(project, About.FEATURE, feature, id, actor())


def _proposal(reviewed: ReviewedProposal) -> dict[str, Any]:
    proposal = reviewed.proposal
    told = {name: getattr(proposal, name) for name in type(proposal).__slots__}
    return told | {"wanted": shown(proposal.wanted), "looser": reviewed.looser}


def _waiting(reviewed: ReviewedProposal) -> dict[str, Any]:
    feature = reviewed.proposal.key if reviewed.proposal.about == About.FEATURE else ""
    return _proposal(reviewed) | {"environment": "", "feature": feature}


def _about_trigger(placed: PlacedProposal) -> dict[str, Any]:
    proposal = placed.proposal
    return {
        "id": proposal.id,
        "about": "trigger",
        "environment": placed.environment,
        "feature": placed.feature,
        "key": placed.trigger,
        "reason": proposal.reason,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at,
    }
