"""What a project connects, one page for each sort of it: what is there, whether it works, other settings, a new one.

A page is described by a `Connections`, and its forms by their fields; the views are the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from flask import Response, request

from controller.api.auth import services
from controller.console import forms
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.console.proposals import ProposalLine
from controller.errors import Conflict, HeadgateError, NotFound, Problem
from controller.store.database import Transaction
from controller.store.projects import get_project
from stages import Refusal, Refused, digest

Answer = Response | str | tuple[str, int]
Given = Mapping[str, str]
_LOOSER = "loosening_unreviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form. ``rows``: 0 is a single line. ``takes``: problems with what begins so are told beside it too.

    ``new_only``: it is asked for once, when something is connected.
    """

    name: str
    label: str
    hint: str = ""
    placeholder: str = ""
    required: bool = False
    rows: int = 0
    type: str = "text"
    longest: int = 2000
    takes: str = ""
    options: tuple[str, ...] = ()
    new_only: bool = False

    def is_about(self, problem: str) -> bool:
        """Whether a problem with a field of that name is told here."""
        return problem == self.name or bool(self.takes and f"{problem}.".startswith(f"{self.takes}."))


_WHY = Field(
    name="reason",
    label="Reason, for who approves it",
    longest=1000,
    hint="If you propose it instead, somebody else looks at it. A secret that you entered has to be entered again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that is connected. ``given`` are its settings as the form has them, without secrets.

    ``is_fixed``: there is nothing to set.
    """

    key: str
    kind: str
    about: str
    created_at: datetime
    given: Given
    is_fixed: bool = False

    @property
    def seen(self) -> str:
        """A name for its settings, so that nobody overwrites what they have not seen."""
        return digest(self.given)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying something."""

    works: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What could not be done about a thing, or a new one where ``key`` is empty, and what was entered but for secrets.

    ``theirs`` is what somebody else made of it meanwhile, where it is another than what was entered.
    ``takes_two``: one person alone may not do it, but propose it.
    """

    key: str
    problems: tuple[Refusal | Problem, ...]
    given: Given
    theirs: Given = field(default_factory=dict)
    takes_two: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """A form: its fields, what stands in them, and what is wrong with each."""

    fields: tuple[Field, ...]
    given: Given
    undone: Undone | None = None

    def wrong(self, asked: Field) -> list[str]:
        """What is wrong with a field, in words; a part of it is named."""
        problems = self.undone.problems if self.undone else ()
        return [_told(each, asked) for each in problems if asked.is_about(each.field)]

    def theirs(self, asked: Field) -> str:
        """What somebody else wrote into it."""
        return self.undone.theirs.get(asked.name, "") if self.undone else ""

    @property
    def others(self) -> list[Refusal | Problem]:
        """What is wrong with none of its fields."""
        problems = self.undone.problems if self.undone else ()
        return [each for each in problems if not any(asked.is_about(each.field) for asked in self.fields)]


def _told(problem: Refusal | Problem, asked: Field) -> str:
    part = "" if problem.field in (asked.name, asked.takes) else f"{problem.field}: "
    return f"{part}{problem.message.removesuffix('.')}{f'; {problem.remedy}' if problem.remedy else ''}"


class Connections(ABC):
    """One sort of things that a project connects, as a page of its settings."""

    name: ClassVar[str]
    """As in the address, and in the names of the views."""
    title: ClassVar[str]
    one: ClassVar[str]
    """What one of them is called."""
    lead: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    nothing: ClassVar[tuple[str, str]] = ("Nothing is connected yet", "")
    works: ClassVar[tuple[str, str]] = ("It works.", "It does not work.")
    kind_hint: ClassVar[str] = ""
    ends: ClassVar[str] = ""
    """What follows when one is disconnected; empty where none can be."""
    events: ClassVar[Mapping[str, str]] = {}
    """Names that a field takes, with what each means."""

    takes_proposals: ClassVar[bool] = False
    """Whether changes that one person may not make alone are proposed here."""

    @abstractmethod
    def kinds(self) -> list[str]:
        """The kinds that can be connected, the likeliest first."""

    @abstractmethod
    def things(self, tx: Transaction, project_id: int) -> list[Thing]:
        """What is connected."""

    @abstractmethod
    def connect(self, project: str, sent: Given) -> None:
        """Connect a new one."""

    @abstractmethod
    def change(self, project: str, thing: Thing, sent: Given) -> None:
        """Give one other settings."""

    @abstractmethod
    def test(self, project: str, key: str) -> Tried:
        """Try one."""

    def disconnect(self, project: str, key: str) -> None:  # noqa: ARG002 - of use to some
        """End one."""
        raise NotFound(self.one, key)

    def propose(self, project: str, thing: Thing, sent: Given, reason: str) -> None:  # noqa: ARG002 - of use to some
        """Propose other settings for one, for somebody else to approve."""
        raise NotFound(self.one, thing.key)

    def proposed(self, tx: Transaction, project_id: int) -> list[ProposalLine]:  # noqa: ARG002 - of use to some
        """The changes that wait for somebody to approve them."""
        return []

    def without_secrets(self, sent: Given) -> Given:
        """What was entered, as it may be sent back."""
        return sent

    def asks(self, *, new: bool) -> tuple[Field, ...]:
        """The fields of the form; what kind it is, and what it is called, is asked for once."""
        if not new:
            return tuple(each for each in self.fields if not each.new_only)
        kinds = tuple(self.kinds())
        kind = Field(name="kind", label="Kind", required=True, options=kinds, hint=self.kind_hint)
        return (kind, *self.fields)

    def form(self, thing: Thing | None, undone: Undone | None) -> Asking:
        """The form for a thing, or for a new one, as it was sent if it was not done."""
        mine = undone if undone and undone.key == (thing.key if thing else "") else None
        given = mine.given if mine else thing.given if thing else {}
        fields = self.asks(new=thing is None)
        return Asking((*fields, _WHY) if mine and mine.takes_two else fields, given, mine)


def serve(desk: Connections) -> None:
    """Give a sort of things its page: `show_<name>`, `connect_<name>`, `change_<name>` and so on."""
    path, name = f"/projects/<project>/settings/{desk.name}", desk.name

    def show(project: str) -> str:
        return _shown(desk, project)

    def connect(project: str) -> Answer:
        return _done(desk, project, "", "connected", lambda: desk.connect(project, _sent(desk)))

    def change(project: str, key: str) -> Answer:
        done = "proposed" if _proposes(desk) else "changed"
        return _done(desk, project, key, done, lambda: _change(desk, project, key))

    def test(project: str, key: str) -> str:
        return _shown(desk, project, tried={key: desk.test(project, key)})

    def disconnect(project: str, key: str) -> Answer:
        return _done(desk, project, key, "disconnected", lambda: desk.disconnect(project, key))

    blueprint.add_url_rule(path, f"show_{name}", show, methods=["GET"])
    blueprint.add_url_rule(path, f"connect_{name}", connect, methods=["POST"])
    blueprint.add_url_rule(f"{path}/<key>", f"change_{name}", change, methods=["POST"])
    blueprint.add_url_rule(f"{path}/<key>/test", f"test_{name}", test, methods=["POST"])
    if desk.ends:
        blueprint.add_url_rule(f"{path}/<key>/disconnect", f"disconnect_{name}", disconnect, methods=["POST"])


def _sent(desk: Connections) -> Given:
    return forms.given(
        "kind", *(each.name for each in desk.fields), *([_WHY.name] if desk.takes_proposals else [])
    )


def _proposes(desk: Connections) -> bool:
    return desk.takes_proposals and request.form.get("do") == "propose"


def _change(desk: Connections, project: str, key: str) -> None:
    """Only if it is still as it was shown."""
    thing = _thing(desk, project, key)
    if thing.seen != request.form.get("seen"):
        problem = Problem(
            "", "somebody else changed it meanwhile", "look at theirs, and save again if you mean it"
        )
        raise Conflict(f"{desk.one}_changed", problem.message, problem)
    if _proposes(desk):
        desk.propose(project, thing, _sent(desk), forms.reason())
    else:
        desk.change(project, thing, _sent(desk))


def _thing(desk: Connections, project: str, key: str) -> Thing:
    with services().database.read() as tx:
        found = desk.things(tx, get_project(tx, project).id)
    thing = next((each for each in found if each.key == key and not each.is_fixed), None)
    if thing is None:
        raise NotFound(desk.one, key)
    return thing


def _done(desk: Connections, project: str, key: str, what: str, do: Callable[[], None]) -> Answer:
    try:
        do()
    except NotFound:
        raise
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        given = desk.without_secrets(_sent(desk))
        theirs = _thing(desk, project, key).given if isinstance(error, Conflict) and key else {}
        differs = {name: value for name, value in theirs.items() if value != given.get(name, value)}
        takes_two = _proposes(desk) or any(getattr(each, "code", "") == _LOOSER for each in problems)
        undone = Undone(
            key=key,
            problems=problems,
            given=given,
            theirs=differs,
            takes_two=desk.takes_proposals and takes_two,
        )
        return _shown(desk, project, undone), status
    return onward(f"show_{desk.name}", project=project, done=what)


def _shown(
    desk: Connections, project: str, undone: Undone | None = None, tried: Mapping[str, Tried] | None = None
) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        project_id = get_project(tx, project).id
        things, proposed = desk.things(tx, project_id), desk.proposed(tx, project_id)
    return page(
        "settings_connections.html",
        here,
        seen,
        desk=desk,
        listed=list(_listed(desk, things, undone, tried or {})),
        proposals=proposed,
        new=desk.form(None, undone),
    )


def _listed(
    desk: Connections, things: list[Thing], undone: Undone | None, tried: Mapping[str, Tried]
) -> Iterator[tuple[Thing, Asking, Tried | None]]:
    for thing in things:
        yield thing, desk.form(thing, undone), tried.get(thing.key)
