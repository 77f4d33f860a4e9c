"""Where instances of product code say which revision they run."""

from __future__ import annotations

from typing import Any

from controller.api.auth import key, services
from controller.api.instance_schemas import ReceiptSchema
from controller.api.parsing import Blueprint
from controller.api.spec import SERVER_KEY

blueprint = Blueprint("receipts", __name__, url_prefix="/sdk/v1", description="For SDKs: what they run")


@blueprint.post("/receipts")
@blueprint.arguments(ReceiptSchema)
@blueprint.response(204)
@blueprint.doc(security=SERVER_KEY)
def receive(content: dict[str, Any]) -> None:
    """Say which revision an instance runs, and how often it answered each flag since the last receipt."""
    environment_id = key().environment_id
    if environment_id is None:
        raise TypeError("the guard lets only keys of an environment in")
    unsaid = {name: content[name] or "" for name in ("etag", "app", "app_version")}
    services().receipts.take(environment_id, content | unsaid)
