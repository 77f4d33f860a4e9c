from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.http import Outbound
from controller.registries import Outcome, Pointer, Registry, move_pointer
from controller.registries.registry import Conflict, RegistryError, Unreachable
from controller.secrets import Secrets

POINTER = Pointer("claims-answer", "production")
VERSIONS = st.sampled_from(["1", "2", "3"])
STEPS = st.sampled_from(["done", "lost", "not done", "conflict"])


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Memory(Registry):
    """A registry in this process, with what happens at each of its calls to come."""

    at: str
    happens: list[Callable[[Memory], None]] = field(default_factory=list)
    compares: bool = False
    deadlines: list[float] = field(default_factory=list)
    writes: int = 0

    kind = "memory"

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        raise NotImplementedError

    def check_pointer(self, pointer: Pointer) -> None:
        """Any will do."""

    def check_version(self, version: str) -> None:
        """Any will do."""

    def read(self, pointer: Pointer, deadline_s: float) -> str:
        self._next(deadline_s)
        return self.at

    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:
        self.writes += 1
        lost = self._next(deadline_s)
        if self.compares and self.at != expected:
            raise Conflict("the pointer is elsewhere")
        self.at = version
        if lost:
            raise lost

    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        return None

    def _next(self, deadline_s: float) -> RegistryError | None:
        self.deadlines.append(deadline_s)
        if self.happens:
            try:
                self.happens.pop(0)(self)
            except Lost as error:
                return error
        return None


class Lost(Unreachable):
    """The write was done, but its answer got lost."""


def nothing(_: Memory) -> None:
    """All is well."""


def failing(error: BaseException) -> Callable[[Memory], None]:
    def fail(_: Memory) -> None:
        raise error

    return fail


def somebody_moves_to(version: str) -> Callable[[Memory], None]:
    return lambda registry: setattr(registry, "at", version)


def move(registry: Memory, *, force: bool = False, target: str = "1") -> Any:
    return move_pointer(registry, POINTER, expected="2", target=target, deadline_s=10.0, force=force)


happenings = st.lists(
    st.one_of(
        st.just(nothing),
        VERSIONS.map(somebody_moves_to),
        st.sampled_from([Unreachable("no answer"), Conflict("busy"), Lost("cut off"), Crash()]).map(failing),
    ),
    max_size=4,
)


@given(VERSIONS, happenings, st.booleans(), st.booleans())
def test_whatever_happens_a_claim_to_have_moved_it_is_true(
    at: str, happens: list[Callable[[Memory], None]], compares: bool, force: bool
) -> None:
    registry = Memory(at, happens, compares)
    try:
        moved = move(registry, force=force)
    except Crash:
        moved = None
    if moved and moved.outcome in (Outcome.MOVED, Outcome.ALREADY_THERE):
        assert registry.at == moved.now == "1"
    if moved and moved.outcome is Outcome.CONFLICT:
        assert moved.now == registry.at != "1"
    registry.happens.clear()
    again = move(registry, force=True)
    assert again.outcome in (Outcome.MOVED, Outcome.ALREADY_THERE)
    assert registry.at == "1"


@given(happenings)
def test_a_registry_that_compares_never_loses_what_somebody_else_did(
    happens: list[Callable[[Memory], None]],
) -> None:
    registry = Memory("2", [nothing, somebody_moves_to("3"), *happens[:1]], compares=True)
    try:
        outcome = move(registry).outcome
    except Crash:
        return
    assert outcome in (Outcome.CONFLICT, Outcome.FAILED, Outcome.MOVED)
    assert outcome is not Outcome.MOVED or registry.at == "1"
    assert registry.writes == 1


@given(VERSIONS.filter(lambda version: version != "2"))
def test_without_force_only_the_expected_version_is_left(at: str) -> None:
    registry = Memory(at)
    outcome = move(registry).outcome
    assert outcome is (Outcome.ALREADY_THERE if at == "1" else Outcome.CONFLICT)
    assert (registry.at, registry.writes) == (at, 0)


@pytest.mark.parametrize("crash_at", range(3))
def test_a_crash_at_any_point_is_mended_by_the_same_call(crash_at: int) -> None:
    registry = Memory("2", [*[nothing] * crash_at, failing(Crash())])
    try:
        move(registry)
    except Crash:
        registry.happens.clear()
    moved = move(registry)
    assert moved.outcome is (Outcome.MOVED if crash_at < 2 else Outcome.ALREADY_THERE)
    assert registry.at == "1"


def test_a_conflict_says_from_what_to_what() -> None:
    moved = move(Memory("3"))
    assert moved.message == "somebody else moved production of claims-answer from 2 to 3; it was left there"
    assert (moved.before, moved.now) == ("3", "3")


def test_a_conflict_that_nothing_came_of_is_a_failure() -> None:
    busy = Memory("2", [nothing, failing(Conflict("an experiment runs"))])
    moved = move(busy)
    assert (moved.outcome, moved.now) == (Outcome.FAILED, "2")
    assert moved.message == "production of claims-answer was not moved, and is at 2: an experiment runs"


def test_a_registry_that_takes_the_move_and_does_nothing_is_found_out() -> None:
    moved = move(Memory("2", [nothing, nothing, somebody_moves_to("2")]))
    assert moved.outcome is Outcome.FAILED
    assert moved.message == "production of claims-answer was moved to 1, but reads back as 2"


def test_what_cannot_be_read_back_is_not_claimed() -> None:
    moved = move(Memory("2", [nothing, nothing, failing(Unreachable("no answer", retry_after_s=9))]))
    assert (moved.outcome, moved.now, moved.retry_after_s) == (Outcome.FAILED, None, 9)
    assert moved.message.startswith("it is unknown whether production of claims-answer was moved from 2")


def test_the_write_leaves_time_to_read_back() -> None:
    registry = Memory("2")
    move(registry)
    first, write, back = registry.deadlines
    assert 0 < write < 0.71 * first <= 7.1
    assert back > write
