"""What the plans of this installation ask for."""

from __future__ import annotations

from typing import Any

from controller.api import evidence_schemas
from controller.api.auth import services
from controller.api.paging import page_of
from controller.api.parsing import Blueprint

blueprint = Blueprint(
    "requirements", __name__, url_prefix="/api/v1/requirements", description="What must be shown"
)


@blueprint.get("")
@blueprint.response(200, page_of(evidence_schemas.RequirementSchema))
def list_requirements() -> dict[str, Any]:
    """Every requirement that evidence can answer."""
    return {"items": list(services().plans.requirements.values()), "next_cursor": None}
