"""Amazon Bedrock: a model that is on its way out has the time of its end, one region at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from controller.model_calendar.listings.listing import BadListing, Listing, date_of, listed, text_of
from stages.models import ModelEnd

_FIELD = "endOfLifeTime"


def _ends(content: Any) -> Iterator[ModelEnd]:
    models = listed(content, "modelSummaries")
    if not any("modelLifecycle" in model for model in models):
        raise BadListing("no model has a modelLifecycle, so this is not the listing of Bedrock")
    for model in models:
        id, lifecycle = text_of(model, "modelId"), model.get("modelLifecycle")
        if lifecycle is None:
            continue
        if not isinstance(lifecycle, dict):
            raise BadListing("modelLifecycle of a model is not an object")
        text_of(lifecycle, "status")
        if lifecycle.get(_FIELD) is not None:
            yield ModelEnd(
                "bedrock", id, date_of(lifecycle[_FIELD], _FIELD), source="Bedrock's listing of models"
            )


BEDROCK = Listing(
    "bedrock",
    "env:BEDROCK",
    "https://bedrock.{region}.amazonaws.com",
    "/foundation-models",
    _ends,
    {"region": re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")},
)
"""Answers ``{"modelSummaries": [{"modelId": …, "modelLifecycle": {"status": …, "endOfLifeTime": …}}, …]}``."""
