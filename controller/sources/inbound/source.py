"""The source that others send alerts to: what it was told in the window is what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from controller.errors import NotFound
from controller.sources.access import Access
from controller.sources.inbound.senders import SENDERS
from controller.sources.own_store import own_store_works
from controller.sources.source import BadQuery, SecretPlace, Shape, Source, Tried, shape_of
from controller.sources.web import Entered
from controller.sources.web.auth import entered_secret
from controller.store.database import Database, DatabaseUnavailable
from controller.store.inbound import Received, events_between
from controller.store.projects import get_project
from controller.store.sources import sources_of
from triggers import Reading, Status, Window

ORIGIN = "https://headgate.invalid"
"""What secrets are bound to that are never sent anywhere: they come in."""
ANY = "*"

_OWN = ("feature", "environment", "release")
"""Labels that say whose an alert is: where one stands, it has to be that of the trigger."""
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}=[^,]{0,300}")


class Inbound(Source):
    """One sender. An alert that fires is bad, one that was resolved is good, and silence is neither."""

    kind: ClassVar[str] = "inbound"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.ALERT,)
    at_once: ClassVar[int] = 100
    lag_s: ClassVar[float] = 0.5

    def __init__(self, database: Database, settings: Mapping[str, Any]) -> None:
        """``settings`` are how the events of this source are found again."""
        self._database = database
        self._settings = dict(settings)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from ``sender`` and its ``secret``; see `Source.from_settings`."""
        entered = Entered(settings, ("sender", "secret"))
        entered.one_of("sender", SENDERS)
        entered_secret(entered, access.secrets, ORIGIN)
        return cls(access.database, settings)

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> tuple[SecretPlace, ...]:
        """See `Source.secrets_in`."""
        return (SecretPlace(("secret",), ORIGIN),) if isinstance(settings.get("secret"), str) else ()

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`."""
        shape_of(query, self.shapes)
        check_labels(query.get("labels", ""))

    def test(self, deadline_s: float) -> Tried:  # noqa: ARG002 - the database has one of its own
        """See `Source.test`: there is nobody to ask."""
        tried = own_store_works(self._database)
        if not tried.works:
            return tried
        return Tried(works=True, message="it waits for alerts; let the sender send one to see it arrive")

    def read(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        window: Window,
        deadline_s: float,  # noqa: ARG002 - the database has one of its own
    ) -> Reading:
        """See `Source.read`."""
        try:
            self.check_query(query)
            reading = _reading(self._received(variables, window), query, variables, window)
        except (BadQuery, DatabaseUnavailable, NotFound) as error:
            reading = Reading.missing(Status.ERROR, window, str(error))
        except KeyError as missing:
            reading = Reading.missing(Status.ERROR, window, f"the variable {missing} has no value here")
        return replace(reading, asked=dict(query))

    def _received(self, variables: Mapping[str, str], window: Window) -> list[Received]:
        with self._database.read() as tx:
            project = get_project(tx, variables["project"])
            # Whoever has the same sender and the same secret cannot be told apart, and need not be.
            own = [source.id for source in sources_of(tx, project.id) if source.settings == self._settings]
            return events_between(tx, own, window.start, window.end)


def check_labels(text: str) -> dict[str, str]:
    """The labels of a query, written as ``team=claims,severity=critical``.

    Raises:
        BadQuery: They are not.
    """
    pairs = [pair.strip() for pair in text.split(",") if pair.strip()]
    if not all(_LABEL.fullmatch(pair) for pair in pairs):
        raise BadQuery("labels", "is not a list of labels", "write it as team=claims,severity=critical")
    return dict(pair.split("=", 1) for pair in pairs)


def _reading(
    received: list[Received], query: Mapping[str, str], variables: Mapping[str, str], window: Window
) -> Reading:
    labels = check_labels(query.get("labels", ""))
    # The later message of an alert replaces the earlier one.
    latest = {
        each.event.fingerprint: each
        for each in received
        if query["alert"] in (ANY, each.event.alert) and _is_meant(each.event.labels, labels, variables)
    }
    if not latest:
        return Reading.missing(Status.NO_DATA, window, "no such alert was received in the window")
    firing = sum(each.event.firing for each in latest.values())
    newest = max(each.received_at for each in latest.values())
    return replace(Reading.ratio(window, firing, len(latest)), newest_sample_at=newest)


def _is_meant(has: Mapping[str, str], wanted: Mapping[str, str], variables: Mapping[str, str]) -> bool:
    own = {name: variables[name] for name in _OWN if name in variables and name in has}
    return all(has.get(name) == value for name, value in {**wanted, **own}.items())
