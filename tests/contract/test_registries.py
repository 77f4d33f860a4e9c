"""What every registry promises, whatever product it is.

Each kind is put before a server on this machine that speaks as the product does, and that can be made to fail at any
moment of a move. A new kind registers its server here.
"""

from __future__ import annotations

import contextlib
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from controller.errors import BadSetting
from controller.http import Outbound
from controller.registries import REGISTRIES, BadPointer, Moved, Outcome, Pointer, Registry, move_pointer
from controller.registries.registry import (
    Conflict,
    Denied,
    Missing,
    Nonsense,
    Refused,
    RegistryError,
    Unreachable,
)
from controller.secrets import Secrets
from tests.contract.registry_servers.git import GitServer
from tests.contract.registry_servers.http import HomeMadeServer
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.contract.registry_servers.launchdarkly import LaunchDarklyServer
from tests.contract.registry_servers.mlflow import MLflowServer
from tests.contract.registry_servers.server import Moment, RegistryServer, reply, said_too_much
from tests.endpoint import (
    SLOW_BODY,
    SLOW_CHUNKS,
    SLOW_HEADER,
    Call,
    Endpoint,
    closed_port,
    flooding,
    hanging,
    serving,
)

SERVERS: Mapping[str, type[RegistryServer]] = {
    "git": GitServer,
    "http": HomeMadeServer,
    "langfuse": LangfuseServer,
    "launchdarkly": LaunchDarklyServer,
    "mlflow": MLflowServer,
}
"""A server for every kind in the registry; one line for every line there."""

DEADLINE_S = 20.0
SHORT_S = 0.4
MARGIN_S = 15.0
MAX_SENT = 40_000_000


class Case(StrEnum):
    """How a registry fails."""

    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    TOO_MANY_REQUESTS = "429"
    SERVER_ERROR = "500"
    HANG = "hang"
    SLOW_HEADER = "slow header"
    SLOW_BODY = "slow body"
    SLOW_CHUNKS = "slow chunks"
    REDIRECT = "redirect"
    WRONG_JSON = "wrong JSON"
    WRONG_TYPES = "wrong types"
    BROKEN_OFF = "broken off"
    FLOOD = "100 MB"


EXPECTED: Mapping[Case, type[RegistryError]] = {
    Case.UNAUTHORIZED: Denied,
    Case.FORBIDDEN: Denied,
    Case.NOT_FOUND: Missing,
    Case.TOO_MANY_REQUESTS: Unreachable,
    Case.SERVER_ERROR: Unreachable,
    Case.HANG: Unreachable,
    Case.SLOW_HEADER: Unreachable,
    Case.SLOW_BODY: Unreachable,
    Case.SLOW_CHUNKS: Unreachable,
    Case.REDIRECT: Refused,
    Case.WRONG_JSON: Nonsense,
    Case.WRONG_TYPES: Nonsense,
    Case.BROKEN_OFF: Unreachable,
    Case.FLOOD: Nonsense,
}
SLOW = (Case.HANG, Case.SLOW_HEADER, Case.SLOW_BODY, Case.SLOW_CHUNKS)


def redirecting(call: Call) -> None:
    reply(call, 302, said_too_much(call), {"Location": "http://127.0.0.1:1/?" + call.headers.get("x", "")})


def breaking_off(call: Call) -> None:
    call.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def wrong_types(call: Call) -> None:
    kind = call.path.partition("service=")[2]
    content_type = f"application/x-{kind}-advertisement" if kind else "application/json"
    call.reply(200, b'[{"version": [1]}, null, {"labels": [[[]]]}]', {"Content-Type": content_type})


def behaviour(server: RegistryServer, case: Case) -> Callable[[Call], None]:
    if case.value.isdigit():
        return lambda call: server.refuse(call, int(case.value))
    return {
        Case.HANG: hanging,
        Case.SLOW_HEADER: SLOW_HEADER,
        Case.SLOW_BODY: SLOW_BODY,
        Case.SLOW_CHUNKS: SLOW_CHUNKS,
        Case.REDIRECT: redirecting,
        Case.WRONG_JSON: lambda call: call.reply(200, b'{"version": ' + said_too_much(call).encode()),
        Case.WRONG_TYPES: wrong_types,
        Case.BROKEN_OFF: breaking_off,
        Case.FLOOD: flooding(100_000_000),
    }[case]


@dataclass(frozen=True)
class Met:
    """A registry and the server it is connected to."""

    registry: Registry
    server: RegistryServer
    endpoint: Endpoint

    @property
    def pointer(self) -> Pointer:
        return self.server.pointer

    def move(self, deadline_s: float = DEADLINE_S, *, force: bool = False) -> Moved:
        """Move the pointer from its first version to its second."""
        expected, target, _ = self.server.versions
        return move_pointer(
            self.registry, self.pointer, expected=expected, target=target, deadline_s=deadline_s, force=force
        )

    def assert_shows_nothing(self, message: str) -> None:
        """No message holds a secret, a query, or what a server said."""
        secret, password = self.server.secret, self.server.password
        for hidden in (secret, password, b64encode(secret.encode()).decode(), "?", "{'", "Traceback"):
            assert hidden not in message
        assert message.isprintable()
        assert 0 < len(message) < 400


@pytest.fixture(params=REGISTRIES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def met(kind: str, tmp_path: Path) -> Iterator[Met]:
    with connected(kind, tmp_path) as met:
        yield met


@contextlib.contextmanager
def connected(kind: str, folder: Path) -> Iterator[Met]:
    with SERVERS[kind].made(folder) as server, serving(server) as endpoint:
        secrets = Secrets({"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {server.secret}"})
        registry = REGISTRIES[kind].from_settings(server.settings(endpoint.url), Outbound(), secrets)
        yield Met(registry, server, endpoint)


def test_every_kind_in_the_registry_has_a_server_and_no_other_has() -> None:
    assert set(SERVERS) == set(REGISTRIES)


def test_every_kind_is_registered_under_its_own_name(kind: str) -> None:
    assert REGISTRIES[kind].kind == kind


def test_a_pointer_is_read(met: Met) -> None:
    assert met.registry.read(met.pointer, DEADLINE_S) == met.server.versions[0]


def test_a_pointer_is_moved_and_read_back(met: Met) -> None:
    expected, target, _ = met.server.versions
    moved = met.move()
    assert (moved.outcome, moved.before, moved.now) == (Outcome.MOVED, expected, target), moved.message
    assert met.server.now == target
    assert expected in moved.message
    assert target in moved.message


def test_a_second_run_finds_the_pointer_there_and_writes_nothing(met: Met) -> None:
    met.move()
    writes = sum(met.server.is_write(call) for call in met.endpoint.calls)
    moved = met.move()
    assert moved.outcome is Outcome.ALREADY_THERE
    assert moved.now == met.server.now
    assert sum(met.server.is_write(call) for call in met.endpoint.calls) == writes == 1


def test_a_pointer_that_somebody_else_moved_is_left_there(met: Met) -> None:
    expected, _, other = met.server.versions
    met.server.move(other)
    moved = met.move()
    assert (moved.outcome, moved.now) == (Outcome.CONFLICT, other)
    assert met.server.now == other
    assert expected in moved.message
    assert other in moved.message
    assert not any(met.server.is_write(call) for call in met.endpoint.calls)


def test_with_force_it_is_moved_from_wherever_it_is(met: Met) -> None:
    _, target, other = met.server.versions
    met.server.move(other)
    moved = met.move(force=True)
    assert (moved.outcome, moved.before, moved.now) == (Outcome.MOVED, other, target), moved.message
    assert met.server.now == target


@pytest.mark.parametrize("force", [False, True])
def test_somebody_who_moves_it_in_the_same_moment_is_noticed_if_the_product_can_tell(
    met: Met, force: bool
) -> None:
    expected, target, other = met.server.versions
    met.server.before_write = lambda: met.server.move(other)
    moved = met.move(force=force)
    if met.server.compares_and_swaps:
        assert (moved.outcome, moved.before, moved.now) == (Outcome.CONFLICT, expected, other), moved.message
        assert met.server.now == other
    else:
        assert (moved.outcome, met.server.now) == (Outcome.MOVED, target)


def test_after_a_crash_between_write_and_read_back_the_second_run_ends_it(met: Met) -> None:
    expected, target, _ = met.server.versions
    met.registry.write(met.pointer, target, expected, DEADLINE_S)
    moved = met.move()
    assert (moved.outcome, met.server.now) == (Outcome.ALREADY_THERE, target)


def test_after_a_crash_before_the_write_the_second_run_does_it(met: Met) -> None:
    met.registry.read(met.pointer, DEADLINE_S)
    assert met.move().outcome is Outcome.MOVED


def test_a_write_that_is_repeated_is_as_good_as_one(met: Met) -> None:
    expected, target, _ = met.server.versions
    met.registry.write(met.pointer, target, expected, DEADLINE_S)
    with contextlib.suppress(Conflict):
        met.registry.write(met.pointer, target, expected, DEADLINE_S)
    assert met.server.now == target


@pytest.mark.parametrize("case", [Case.BROKEN_OFF, Case.SERVER_ERROR, Case.WRONG_JSON, Case.REDIRECT])
def test_a_write_whose_answer_got_lost_is_known_by_reading_back(met: Met, case: Case) -> None:
    met.server.faults[Moment.AFTER_WRITE] = behaviour(met.server, case)
    moved = met.move()
    assert (moved.outcome, moved.now) == (Outcome.MOVED, met.server.versions[1]), moved.message


def test_somebody_who_moves_it_right_after_us_is_seen(met: Met) -> None:
    _, target, other = met.server.versions
    met.server.faults[Moment.AFTER_WRITE] = lambda call: (met.server.move(other), breaking_off(call))[1]
    moved = met.move()
    assert (moved.outcome, moved.now) == (Outcome.FAILED, other)
    assert met.server.now == other
    assert target not in (moved.before, moved.now)


@pytest.mark.parametrize("case", Case)
def test_each_failure_to_read_is_of_its_kind_in_time(met: Met, case: Case) -> None:
    met.server.faults[Moment.READ] = behaviour(met.server, case)
    deadline_s = SHORT_S if case in SLOW else DEADLINE_S
    began = time.monotonic()
    with pytest.raises(RegistryError) as failed:
        met.registry.read(met.pointer, deadline_s)
    assert time.monotonic() - began < deadline_s + MARGIN_S
    assert type(failed.value) is EXPECTED[case], failed.value
    met.assert_shows_nothing(str(failed.value))
    assert failed.value.retry_after_s == (17 if case is Case.TOO_MANY_REQUESTS else None)
    met.endpoint.stop()
    assert met.endpoint.bytes_sent < MAX_SENT


@pytest.mark.parametrize("moment", [Moment.READ, Moment.WRITE, Moment.READ_BACK])
@pytest.mark.parametrize("case", [case for case in Case if case not in SLOW or case is Case.HANG])
def test_whenever_it_fails_nothing_is_claimed_and_a_second_run_ends_it(
    met: Met, case: Case, moment: Moment
) -> None:
    expected, target, _ = met.server.versions
    met.server.faults[moment] = behaviour(met.server, case)
    moved = met.move(5 * SHORT_S if case in SLOW else DEADLINE_S)
    assert (moved.outcome, moved.before) == (Outcome.FAILED, None if moment is Moment.READ else expected)
    assert met.server.now == (target if moment is Moment.READ_BACK else expected)
    met.assert_shows_nothing(moved.message)
    if case is Case.TOO_MANY_REQUESTS:
        assert moved.retry_after_s == 17
        assert "17 s" in moved.message
    met.server.faults.clear()
    again = met.move()
    assert again.outcome in (Outcome.MOVED, Outcome.ALREADY_THERE), again.message
    assert met.server.now == target


def test_nobody_there_is_a_failure(kind: str, tmp_path: Path) -> None:
    with SERVERS[kind].made(tmp_path) as server:
        url = f"http://127.0.0.1:{closed_port()}"
        secrets = Secrets({"HEADGATE_SECRET_REGISTRY": f"{url} {server.secret}"})
        registry = REGISTRIES[kind].from_settings(server.settings(url), Outbound(), secrets)
        with pytest.raises(Unreachable, match="connection refused"):
            registry.read(server.pointer, DEADLINE_S)


def test_what_a_version_says_has_a_hash(met: Met) -> None:
    target = met.server.versions[1]
    assert met.registry.content_sha256(met.pointer, target, DEADLINE_S) == met.server.target_sha256


@pytest.mark.parametrize("case", [case for case in Case if case not in SLOW])
def test_each_failure_to_look_into_a_version_is_of_its_kind(met: Met, case: Case) -> None:
    met.server.faults[Moment.READ] = behaviour(met.server, case)
    with pytest.raises(EXPECTED[case]) as failed:
        met.registry.content_sha256(met.pointer, met.server.versions[1], DEADLINE_S)
    met.assert_shows_nothing(str(failed.value))


@pytest.mark.parametrize("name", ["", ".", "..", "line\nbreak", "\u202e", "x" * 501])
def test_a_name_that_can_be_none_is_refused_before_anything_is_sent(met: Met, name: str) -> None:
    odd = Pointer(name, met.pointer.pointer)
    with pytest.raises(BadPointer):
        met.registry.check_pointer(odd)
    moved = move_pointer(met.registry, odd, expected="1", target="2", deadline_s=DEADLINE_S)
    assert moved.outcome is Outcome.FAILED
    assert met.endpoint.calls == []


@pytest.mark.parametrize("pointer", ["", ".", "..", "two\nlines", "x" * 600])
def test_a_pointer_that_can_be_none_is_refused(met: Met, pointer: str) -> None:
    with pytest.raises(BadPointer):
        met.registry.check_pointer(Pointer(met.pointer.name, pointer))


@pytest.mark.parametrize("version", ["", ".", "..", "1\n", "x" * 600])
def test_a_version_that_can_be_none_is_refused_before_it_is_written(met: Met, version: str) -> None:
    expected = met.server.versions[0]
    with pytest.raises(BadPointer):
        met.registry.check_version(version)
    moved = move_pointer(met.registry, met.pointer, expected=expected, target=version, deadline_s=DEADLINE_S)
    assert moved.outcome is Outcome.FAILED
    assert not any(met.server.is_write(call) for call in met.endpoint.calls)


def test_its_own_pointer_and_versions_pass(met: Met) -> None:
    met.registry.check_pointer(met.pointer)
    for version in met.server.versions:
        met.registry.check_version(version)


def test_a_secret_for_another_origin_is_refused_when_the_registry_is_entered(
    kind: str, tmp_path: Path
) -> None:
    with SERVERS[kind].made(tmp_path) as server:
        secrets = Secrets({"HEADGATE_SECRET_REGISTRY": f"https://elsewhere.example {server.secret}"})
        with pytest.raises(BadSetting, match=r"https://elsewhere\.example") as refused:
            REGISTRIES[kind].from_settings(server.settings("http://127.0.0.1:1"), Outbound(), secrets)
        assert server.password not in str(refused.value)


def test_a_secret_that_the_operator_took_away_is_missed_by_name(kind: str, tmp_path: Path) -> None:
    with SERVERS[kind].made(tmp_path) as server, pytest.raises(BadSetting, match="HEADGATE_SECRET_REGISTRY"):
        REGISTRIES[kind].from_settings(server.settings("http://127.0.0.1:1"), Outbound(), Secrets({}))


def test_settings_that_nobody_reads_are_refused(kind: str, tmp_path: Path) -> None:
    with SERVERS[kind].made(tmp_path) as server:
        url = "http://127.0.0.1:1"
        secrets = Secrets({"HEADGATE_SECRET_REGISTRY": f"{url} {server.secret}"})
        settings = server.settings(url) | {"pasword": "x"}
        with pytest.raises(BadSetting, match="pasword: is unknown"):
            REGISTRIES[kind].from_settings(settings, Outbound(), secrets)
        with pytest.raises(BadSetting, match="is missing"):
            REGISTRIES[kind].from_settings({}, Outbound(), secrets)


def test_a_registry_shows_no_secret_of_its_own(met: Met) -> None:
    assert met.server.password not in repr(met.registry)
