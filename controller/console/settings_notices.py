"""Where notices go: who is told what, whether that arrives, and somebody more or less to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api.auth import services
from controller.api.destinations import DestinationSchema
from controller.api.parsing import load
from controller.console.auth import actor
from controller.console.connections import Connections, Field, Given, Thing, Tried, serve
from controller.notices import CHANNELS
from controller.notices.events import EVENTS
from controller.sealing import HIDDEN, shown
from controller.store.database import Transaction
from controller.store.destinations import Destination, destinations_of


class Notices(Connections):
    """The page of the destinations of notices."""

    name = "notices"
    title = "Notices"
    one = "destination"
    lead = "Who is told when something happens."
    nothing = (
        "Nobody is told yet",
        "Connect Slack, a pager that takes webhooks, or e-mail, so that an alarm at night reaches somebody.",
    )
    works = ("The test notice arrived.", "The test notice did not arrive.")
    kind_hint = (
        "Slack needs no address: its secret is what stands behind https://hooks.slack.com/services/ "
        "in the address of its webhook. For email the address is that of the mail "
        "server, such as smtps://smtp.example.com, and the secret its password."
    )
    ends = "What waits for it is not sent any more either."
    events = EVENTS
    fields = (
        Field(name="key", label="Key", required=True, longest=63, new_only=True, placeholder="pager"),
        Field(
            name="url",
            label="Address",
            placeholder="https://hooks.example.com/headgate",
            takes="settings.url",
        ),
        Field(
            name="secret",
            label="Secret",
            longest=8192,
            placeholder="env:PAGER",
            takes="settings.secret",
            hint="The secret itself, which is kept encrypted and never shown again; *** leaves it as it is. "
            "Or env:NAME, which the operator sets.",
        ),
        Field(
            name="to",
            label="Recipients",
            placeholder="on-call@example.com",
            takes="settings.to",
            hint="For email: addresses with spaces between.",
        ),
        Field(
            name="from",
            label="Sender",
            longest=254,
            placeholder="headgate@example.com",
            takes="settings.from",
            hint="For email.",
        ),
        Field(
            name="user",
            label="Login",
            longest=255,
            takes="settings.user",
            hint="For email: the name that the mail server knows, if it asks for one.",
        ),
        Field(
            name="events",
            label="Is told of",
            placeholder="*",
            takes="events",
            hint="Names of events, groups such as incident.*, or * for all, with spaces between.",
        ),
    )

    def kinds(self) -> list[str]:
        """The channels."""
        return list(CHANNELS)

    def things(self, tx: Transaction, project_id: int) -> list[Thing]:
        """The destinations of a project."""
        return [_thing(each) for each in destinations_of(tx, project_id)]

    def connect(self, project: str, sent: Given) -> None:
        """Tell somebody more."""
        content = _content({"key": sent["key"], "kind": sent["kind"]}, sent)
        events = tuple(content.pop("events"))
        services().notices.connect(project, **content, events=events, actor=actor())

    def change(self, project: str, thing: Thing, sent: Given) -> None:
        """Reach a destination in another way, or tell it other things."""
        content = _content({"key": thing.key, "kind": thing.kind}, sent)
        services().notices.change(project, thing.key, content["settings"], tuple(content["events"]), actor())

    def test(self, project: str, key: str) -> Tried:
        """Send a test notice now."""
        return Tried(*services().notices.test(project, key, actor()))

    def disconnect(self, project: str, key: str) -> None:
        """Tell a destination nothing any more."""
        services().notices.disconnect(project, key, actor())

    def without_secrets(self, sent: Given) -> Given:
        """A secret that somebody typed is never sent back."""
        is_none = sent["secret"] == HIDDEN or sent["secret"].startswith("env:")
        return sent if is_none else {**sent, "secret": ""}


def _content(named: Mapping[str, str], sent: Given) -> dict[str, Any]:
    """What was sent, as the API takes it."""
    settings: dict[str, Any] = {name: sent[name] for name in ("url", "user", "secret", "from") if sent[name]}
    if sent["to"]:
        settings["to"] = sent["to"].replace(",", " ").split()
    events = sent["events"].replace(",", " ").split() or ["*"]
    content: dict[str, Any] = load(DestinationSchema(), {**named, "settings": settings, "events": events})
    return content


def _thing(one: Destination) -> Thing:
    settings = shown(one.settings)
    given = {name: str(settings.get(name, "")) for name in ("url", "user", "secret", "from")}
    given["to"] = " ".join(settings.get("to", ()))
    told = "everything" if "*" in one.events else ", ".join(one.events)
    return Thing(
        key=one.key,
        kind=one.kind,
        about=" · ".join(part for part in (told, given["to"], given["url"]) if part),
        created_at=one.created_at,
        given=given | {"events": " ".join(one.events)},
    )


serve(Notices())
