"""A trigger as somebody writes it down, and whether it can be used so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from controller.errors import InvalidInput, NotFound, Problem
from controller.sources import SOURCES, VALUE_MEASURES, BadConfiguration, BadQuery, Source
from controller.sources.access import Access
from controller.store.database import Transaction
from controller.store.sources import StoredSource, get_source, sources_of
from controller.store.triggers import StoredTrigger
from triggers import METHODS, BadParameter, Baseline, Method, Param, Scope, Trigger, parse_method


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A trigger as somebody writes it down, without what it remembers. ``rest`` holds the times and the ladder."""

    key: str
    source: str
    query: Mapping[str, str]
    method: str
    params: Mapping[str, Param]
    rest: Mapping[str, Any]

    @classmethod
    def of(cls, stored: StoredTrigger) -> Definition:
        """The definition of a trigger that is there."""
        trigger = stored.trigger
        named = {part.name: getattr(trigger, part.name) for part in fields(trigger)}
        rest = {name: value for name, value in named.items() if name not in ("key", "method", "sharing")}
        method = trigger.method
        return cls(
            key=trigger.key,
            source=stored.source_key,
            query=stored.query,
            method=method.name,
            params=method.params(),
            rest=rest,
        )


def build_trigger(definition: Definition) -> Trigger:
    """The trigger that a definition describes.

    Raises:
        InvalidInput: A part of it cannot be used.
    """
    try:
        method = parse_method(definition.method, definition.params)
        trigger = Trigger(key=definition.key, method=method, **definition.rest)
    except BadParameter as bad:
        raise InvalidInput(Problem(bad.field, bad.message, bad.remedy)) from bad
    _check_limit(method, definition.query)
    _check_shape(method, definition.query)
    _check_currency(method, definition.query)
    _check_comparable(trigger, definition.query)
    if trigger.scope is Scope.ALL:
        for part, text in definition.query.items():
            if "${release}" in text:
                problem = Problem(
                    f"query.{part}", "a trigger over all releases has no ${release}", "set scope to candidate"
                )
                raise InvalidInput(problem, code="bad_query")
    return trigger


def source_for(
    tx: Transaction, project_id: int, definition: Definition, access: Access
) -> tuple[StoredSource, Source]:
    """The source that a definition names, ready to be asked what it asks.

    Raises:
        InvalidInput: There is no such source, or it cannot be asked that.
    """
    try:
        stored = get_source(tx, project_id, definition.source)
    except NotFound as missing:
        known = ", ".join(source.key for source in sources_of(tx, project_id))
        problem = Problem(
            "source", f"there is no source {definition.source!r}", f"use one of {known}, or connect it"
        )
        raise InvalidInput(problem, code="unknown_source") from missing
    if stored.kind not in SOURCES:
        problem = Problem("source", f"{stored.kind!r} is not a kind of source", "connect another source")
        raise InvalidInput(problem, code="bad_query")
    try:
        source = SOURCES[stored.kind].from_settings(stored.settings, access)
        source.check_query(definition.query)
        _check_follows(source, definition)
    except BadConfiguration as bad:
        field = "query" if bad.field == "query" else f"query.{bad.field}"
        raise InvalidInput(Problem(field, bad.message, bad.remedy), code="bad_query") from bad
    return stored, source


def _check_follows(source: Source, definition: Definition) -> None:
    """Whether the query asks about the windows it is asked for, where the method depends on it."""
    method = METHODS.get(definition.method)
    if method and method.needs_the_window() and not source.follows_window(definition.query):
        wrong = f"is not about the window that is asked for: {definition.method} would count the same things again"
        remedy = "name the window in each part, with ${window} or :start and :end, or use threshold"
        raise BadQuery("query", wrong, remedy)


def _check_limit(method: Method, query: Mapping[str, str]) -> None:
    """A share above 1 cannot be reached: somebody wrote 5 and meant 5 %."""
    limit = method.params().get("limit", 0)
    if not isinstance(limit, str) and limit > 1 and given_by(query)[1] == "bad":
        problem = Problem("params.limit", f"{limit:g} is more than all answers", "give a share: 0.05 is 5 %")
        raise InvalidInput(problem)


def _check_shape(method: Method, query: Mapping[str, str]) -> None:
    """Whether the method can judge what the query asks for."""
    part, given = given_by(query)
    if given and given not in method.reads:
        wanted = " or ".join("bad and total" if each == "bad" else each for each in method.reads)
        problem = Problem(f"query.{part}", f"{method.name} cannot judge it", f"ask for {wanted}")
        raise InvalidInput(problem, code="bad_query")


def _check_currency(method: Method, query: Mapping[str, str]) -> None:
    """Products report what answers cost in dollars; nothing is exchanged."""
    currency = method.params().get("currency", "USD")
    if query.get("measure") == "spend" and currency != "USD":
        told = f"{currency} is not what answers are reported to cost, which is USD"
        raise InvalidInput(Problem("params.currency", told, "give USD, and the amount in it"))


_GIVEN_BY = {
    "aggregation": "value",
    "value": "value",
    "count": "count",
    "bad": "bad",
    "measure": "bad",
    "score": "bad",
}
"""What comes back for a query that has this part; the first one that it has decides."""


def given_by(query: Mapping[str, str]) -> tuple[str, str]:
    """The part of a query that decides what comes back, and what that is; both empty if only the answer tells."""
    if query.get("measure") in VALUE_MEASURES:
        return "measure", "value"
    return next(((part, given) for part, given in _GIVEN_BY.items() if part in query), ("", ""))


def _check_comparable(trigger: Trigger, query: Mapping[str, str]) -> None:
    """A bare count goes with the traffic, so two of them say nothing about one another."""
    if trigger.baseline is not Baseline.NONE and "count" in query:
        problem = Problem("query.count", "a bare count cannot be compared", "ask for bad and total")
        raise InvalidInput(problem, code="bad_query")
