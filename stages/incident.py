"""What follows a revert: which pointers have to move, when it is proved that it worked, when its incident may close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from stages.refusals import Refusal
from stages.release import digest

PROPAGATION_S = 300
"""How long a release takes to reach everybody, unless the release says so itself in ``limits.propagation_s``."""
LONGEST_PROPAGATION_S = 86_400
ENOUGH_ANSWERS = 20
"""So many answers are needed to say that a release is served; with less traffic than that in a day, all there are."""
LOOKED_BACK = timedelta(hours=24)
"""Answers from before say nothing about what is served now."""

_PERCENT = 95
_SHORTEST_PAUSE_S = 2
_LONGEST_PAUSE_S = 300
_MOST_DOUBLINGS = 10


class IncidentStatus(StrEnum):
    """How far an incident has come. What is not closed is open."""

    CONTAINED = "contained"
    """The flag serves the release that came back."""
    RESTORED = "restored"
    """Its pointers are where that release wants them."""
    VERIFIED = "verified"
    """The answers that arrive come from it."""
    CLOSED = "closed"


class MoveStatus(StrEnum):
    """What became of moving one pointer."""

    PENDING = "pending"
    MOVED = "moved"
    ALREADY_THERE = "already_there"
    CONFLICT = "conflict"
    """Somebody else moved it; a person decides."""
    MANUAL = "manual"
    """There is no version to move it to; a person sees to it."""
    CONFIRMED = "confirmed"
    """A person did it, or says that it need not be done."""
    UNNEEDED = "unneeded"
    """It did not stand on the version of the candidate that was dropped."""
    SUPERSEDED = "superseded"
    """A later revert moves it."""
    ABANDONED = "abandoned"
    """The incident was closed without it."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self not in (MoveStatus.PENDING, MoveStatus.CONFLICT, MoveStatus.MANUAL)


class FollowUp(StrEnum):
    """What an incident ends in, so that it does not come again."""

    REGRESSION_TEST = "regression_test"
    DATA_FIX = "data_fix"
    PROMPT_CHANGE = "prompt_change"
    WORKFLOW_DECISION = "workflow_decision"


@dataclass(frozen=True, slots=True)
class Place:
    """A pointer in a registry: the label, alias or branch that says which version of a prompt is live."""

    registry: str
    name: str
    pointer: str

    def __str__(self) -> str:
        return f"{self.pointer} of {self.name} in {self.registry}"


@dataclass(frozen=True, slots=True)
class PointerMove:
    """Moving a pointer to the ``target`` version, "" if the release that came back does not say which.

    It is expected at the version of the release that went away, "" if that did not say. It may stand at one of
    ``also`` too, because an earlier revert may or may not have moved it.
    """

    place: Place
    expected: str
    target: str
    also: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version it has to do with."""
        return (self.expected, *self.also, self.target)


def pointers_of(bundle: Mapping[str, Any]) -> dict[Place, str]:
    """The pointers of a bundle's prompts, each with the version it stands for; what is not whole is left out."""
    listed = bundle.get("prompts")
    prompts = [bundle.get("prompt"), *(listed if isinstance(listed, list) else ())]
    found: dict[Place, str] = {}
    for prompt in prompts:
        pointer = prompt.get("pointer") if isinstance(prompt, Mapping) else None
        if isinstance(pointer, Mapping):
            *place, version = (str(pointer.get(part) or "") for part in _PARTS)
            if all((*place, version)):
                found.setdefault(Place(*place), version)
    return found


_PARTS = ("registry", "name", "pointer", "version")


def moves_back(
    away: Mapping[str, Any],
    back: Mapping[str, Any],
    *,
    candidate: bool,
    unfinished: Iterable[PointerMove] = (),
) -> tuple[PointerMove, ...]:
    """The pointers to move when the release with the bundle ``away`` gives way to the one with the bundle ``back``.

    A dropped ``candidate`` has touched no pointers but its own. Moves that earlier reverts did not get done with are
    ``unfinished``; what is moved now takes the place of those that are about the same pointer.
    """
    left, wanted = pointers_of(away), pointers_of(back)
    open_moves = {move.place: move for move in unfinished}
    places = dict.fromkeys((*left, *wanted))
    moves = (_move_back(place, left, wanted, open_moves.get(place), candidate=candidate) for place in places)
    return tuple(move for move in moves if move)


def _move_back(
    place: Place,
    left: Mapping[Place, str],
    wanted: Mapping[Place, str],
    unfinished: PointerMove | None,
    *,
    candidate: bool,
) -> PointerMove | None:
    expected, target = left.get(place, ""), wanted.get(place, "")
    untouched = expected == target or (candidate and not expected)
    if untouched and unfinished is None:
        return None
    known = (expected, *(unfinished.versions if unfinished else ()))
    standing = [version for version in dict.fromkeys(known) if version not in ("", target)]
    return PointerMove(place, standing[0] if standing else "", target, tuple(standing[1:]))


def propagation_s(*bundles: Mapping[str, Any]) -> int:
    """How many seconds a change takes to reach everybody, by the slowest of these releases that says so."""
    usable = [seconds for bundle in bundles if (seconds := _seconds(bundle.get("limits"))) is not None]
    return max(usable, default=PROPAGATION_S)


def _seconds(limits: object) -> int | None:
    """The propagation time of some limits, if it is one that can be meant."""
    said = limits.get("propagation_s") if isinstance(limits, Mapping) else None
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return int(said) if 0 <= said <= LONGEST_PROPAGATION_S else None


def pause_s(attempts: int, seed: str) -> float:
    """How many seconds to wait after so many attempts that failed.

    It doubles from 2 s up to 5 min, less up to half of it, by a ``seed`` that tells one move from another: so not all
    of them come back to a registry at the same moment.
    """
    doublings = min(max(attempts - 1, 0), _MOST_DOUBLINGS)
    longest = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S << doublings)
    part = int(digest([seed, attempts])[:8], 16) / 0xFFFFFFFF
    return longest * (1 - part / 2)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers that arrived: how many in all, how many of them as they should be, and how many from elsewhere.

    ``others`` goes by release; under "" are those that did not say.
    """

    right: int
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many there are."""
        return self.right + sum(self.others.values())


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether what was reverted is out of use, and what makes us think so."""

    holds: bool
    sentence: str


def prove(answers: Answers, release: str, since: datetime, now: datetime) -> Proof:
    """Whether the answers that arrived since an instant show that a release is served, and no other one to speak of.

    ``since`` is when the release had had time to reach everybody. Without answers nothing is shown.
    """
    if now < since:
        return Proof(holds=False, sentence=f"{release} has until {_minute(since)} to reach everybody")
    total, counted = answers.total, _minute(max(since, now - LOOKED_BACK))
    if not total:
        return Proof(
            holds=False,
            sentence=f"no answers have arrived since {counted}; it is unknown what users get",
        )
    few = total < ENOUGH_ANSWERS
    if answers.right < total and (few or answers.right * 100 < total * _PERCENT):
        return Proof(holds=False, sentence=_strays(answers))
    came = f"{answers.right} of {total} answers since {counted} come from {release}"
    if few and now - since < LOOKED_BACK:
        wait = f"{ENOUGH_ANSWERS} are needed, or as many as come until {_minute(since + LOOKED_BACK)}"
        return Proof(holds=False, sentence=f"{came}; {wait}")
    return Proof(holds=True, sentence=came)


def _strays(answers: Answers) -> str:
    most_first = sorted(answers.others.items(), key=lambda item: (-item[1], item[0]))
    parts = [
        f"{count} of {answers.total} answers still come from {release}"
        if release
        else f"{count} of {answers.total} answers do not say which release they come from"
        for release, count in most_first
        if count
    ]
    return ", ".join(parts)


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def status_of(*, settled: bool, verified: bool, closed: bool) -> IncidentStatus:
    """How far an incident has come; it is verified only when its pointers are settled too."""
    if closed:
        return IncidentStatus.CLOSED
    if not settled:
        return IncidentStatus.CONTAINED
    return IncidentStatus.VERIFIED if verified else IncidentStatus.RESTORED


def unsettled(moves: Iterable[tuple[int, Place, MoveStatus, str]]) -> Iterator[Refusal]:
    """One reason for each pointer that is not where it should be: its number, place, status and what is known of it."""
    for number, place, status, message in moves:
        if not status.is_settled:
            why = f": {message}" if message else ""
            yield Refusal(
                "pointer_unsettled",
                f"the pointer {place} is {status}{why}",
                "wait, try it again, force it, or move it by hand and confirm that",
                f"pointer_moves.{number}",
            )


def unverified(sentence: str) -> Iterator[Refusal]:
    """The reason against closing an incident that is not verified; the sentence is what the answers show by now."""
    message = f"it is not verified that the revert worked: {sentence}"
    yield Refusal("incident_unverified", message, "wait for answers, or confirm by hand what users get")
