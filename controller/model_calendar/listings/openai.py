"""OpenAI: every model has the day on which it is shut down, or null as long as none is announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.model_calendar.listings.listing import BadListing, Listing, date_of, listed, text_of
from stages.models import ModelEnd

_FIELD = "shutdown_date"


def _ends(content: Any) -> Iterator[ModelEnd]:
    models = listed(content, "data")
    if content.get("has_more"):
        raise BadListing("the answer is only a part of the listing")
    # Many servers speak this API without that field; not one of their models would ever seem to end.
    if not any(_FIELD in model for model in models):
        raise BadListing(f"no model has a {_FIELD}, so this is not OpenAI's own listing")
    for model in models:
        id = text_of(model, "id")
        if model.get(_FIELD) is not None:
            yield ModelEnd("openai", id, date_of(model[_FIELD], _FIELD), source="OpenAI's listing of models")


OPENAI = Listing("openai", "env:OPENAI", "https://api.openai.com/v1", "/models", _ends)
"""Answers ``{"object": "list", "data": [{"id": …, "shutdown_date": "2027-01-14" or null}, …]}``."""
