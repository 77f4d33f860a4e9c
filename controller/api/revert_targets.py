"""What a revert would bring back, and whether that would help."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from controller.api.auth import services
from controller.api.parsing import Blueprint
from controller.api.schemas import RefusalSchema
from controller.rollouts import Where, locate
from controller.store.revert_checks import find_revert_check
from controller.viability import target_of

blueprint = Blueprint(
    "revert_targets",
    __name__,
    url_prefix="/api/v1/projects/<project>/environments/<environment>/rollouts/<feature>/revert-target",
    description="What a revert would bring back",
)


class RevertTargetSchema(Schema):
    """The release that would come back. A trigger reverts only if nothing is against it; a person may anyway."""

    release = fields.String(allow_none=True)
    viable = fields.Boolean()
    against = fields.List(fields.Nested(RefusalSchema))
    undetermined = fields.List(fields.String(), metadata={"description": "What could not be found out"})
    checked_at = fields.AwareDateTime(allow_none=True)


@blueprint.get("")
@blueprint.response(200, RevertTargetSchema)
def show_target(project: str, environment: str, feature: str) -> dict[str, Any]:
    """What a revert would bring back now, and what is against it."""
    parts = services()
    with parts.database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        check, release = find_revert_check(tx, stored.id), target_of(stored)
        against = parts.viability.judge(tx, stored, check, parts.now())
    is_of_it = check is not None and check.release == release
    return {
        "release": release,
        "viable": not against,
        "against": against,
        "undetermined": check.unknown if check and is_of_it else [],
        "checked_at": check.checked_at if check and is_of_it else None,
    }
