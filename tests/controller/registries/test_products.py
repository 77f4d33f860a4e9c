"""Answers of the products that are not as they should be, and details of theirs that bite."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.errors import BadSetting
from controller.http import Outbound
from controller.registries import REGISTRIES, BadPointer, Outcome, Pointer, Registry, move_pointer
from controller.registries.registry import Conflict, Missing, Nonsense, Refused, RegistryError
from controller.secrets import Secrets
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.contract.registry_servers.launchdarkly import LaunchDarklyServer
from tests.contract.registry_servers.mlflow import MLflowServer
from tests.contract.registry_servers.server import Moment, RegistryServer
from tests.endpoint import replying, serving

Connect = Callable[[RegistryServer], Registry]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect a registry to a server of its product."""
    kinds = {LangfuseServer: "langfuse", LaunchDarklyServer: "launchdarkly", MLflowServer: "mlflow"}
    served = []

    def connected(server: RegistryServer) -> Registry:
        serve = serving(server)
        endpoint = serve.__enter__()
        served.append(serve)
        secrets = Secrets({"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {server.secret}"})
        kind = REGISTRIES[kinds[type(server)]]  # type: ignore[index]
        return kind.from_settings(server.settings(endpoint.url), Outbound(), secrets)

    yield connected
    for serve in served:
        serve.__exit__(None, None, None)


def read_of(connect: Connect, server: RegistryServer, answer: Any) -> RegistryError:
    """What reading comes to when the server answers this."""
    server.faults[Moment.READ] = replying(200, json.dumps(answer).encode())
    with pytest.raises(RegistryError) as failed:
        connect(server).read(server.pointer, 20.0)
    return failed.value


def test_langfuse_moves_a_label_and_leaves_the_others(connect: Connect) -> None:
    server = LangfuseServer()
    server.labels[8].append("canary")
    moved = move_pointer(connect(server), server.pointer, expected="8", target="7", deadline_s=20.0)
    assert moved.outcome is Outcome.MOVED
    assert server.labels == {7: ["reviewed", "production"], 8: ["canary"], 9: ["latest"]}


def test_langfuse_with_a_version_it_does_not_have_leaves_the_label(connect: Connect) -> None:
    server = LangfuseServer()
    moved = move_pointer(connect(server), server.pointer, expected="8", target="77", deadline_s=20.0)
    assert (moved.outcome, server.now) == (Outcome.FAILED, "8")


@pytest.mark.parametrize("label", ["latest", "Production", "two words", "x" * 37])
def test_langfuse_has_no_such_label_to_move(connect: Connect, label: str) -> None:
    with pytest.raises(BadPointer, match="pointer"):
        connect(LangfuseServer()).check_pointer(Pointer("a", label))


def test_langfuse_has_no_name_with_a_bar(connect: Connect) -> None:
    with pytest.raises(BadPointer, match="name"):
        connect(LangfuseServer()).check_pointer(Pointer("a|b", "production"))


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        {},
        {"version": "8", "labels": ["production"]},
        {"version": True, "labels": ["production"]},
        {"version": 8},
        {"version": 8, "labels": ["latest"]},
    ],
)
def test_langfuse_answers_that_are_no_version_with_the_label_are_nonsense(
    connect: Connect, answer: Any
) -> None:
    assert type(read_of(connect, LangfuseServer(), answer)) is Nonsense


@pytest.mark.parametrize(
    "answer", [{"version": 7}, {"version": 7, "prompt": 3}, {"version": 8, "prompt": "x"}]
)
def test_langfuse_content_of_another_shape_or_version_is_nonsense(connect: Connect, answer: Any) -> None:
    server = LangfuseServer()
    server.faults[Moment.READ] = replying(200, json.dumps(answer).encode())
    with pytest.raises(Nonsense):
        connect(server).content_sha256(server.pointer, "7", 20.0)


def test_the_hash_of_messages_does_not_depend_on_how_they_are_spaced(connect: Connect) -> None:
    hashes = set()
    for text in ('[{"role":"user","content":"ü"}]', '[ {"content": "\\u00fc", "role": "user"} ]'):
        server = LangfuseServer()
        server.faults[Moment.READ] = replying(200, f'{{"version": 7, "prompt": {text}}}'.encode())
        hashes.add(connect(server).content_sha256(server.pointer, "7", 20.0))
    assert len(hashes) == 1


@pytest.mark.parametrize("alias", ["latest", "Latest", "v3", "V3", "a b", "ü"])
def test_mlflow_has_no_such_alias_to_move(connect: Connect, alias: str) -> None:
    with pytest.raises(BadPointer, match="pointer"):
        connect(MLflowServer()).check_pointer(Pointer("a", alias))


@pytest.mark.parametrize("name", ["claims/answer", "claims:answer"])
def test_mlflow_has_no_such_name(connect: Connect, name: str) -> None:
    with pytest.raises(BadPointer, match="name"):
        connect(MLflowServer()).check_pointer(Pointer(name, "production"))


def test_mlflow_calls_a_missing_alias_a_bad_parameter_and_we_call_it_missing(connect: Connect) -> None:
    with pytest.raises(Missing, match="there is no such alias"):
        connect(MLflowServer()).read(Pointer("claims-answer", "canary"), 20.0)


def test_mlflow_says_by_its_code_what_it_misses(connect: Connect) -> None:
    server = MLflowServer()
    moved = move_pointer(connect(server), server.pointer, expected="2", target="99", deadline_s=20.0)
    assert "HTTP 404 RESOURCE_DOES_NOT_EXIST" in moved.message


@pytest.mark.parametrize(
    "answer", [[], {}, {"model_version": []}, {"model_version": {}}, {"model_version": {"version": "x"}}]
)
def test_mlflow_answers_that_are_no_version_are_nonsense(connect: Connect, answer: Any) -> None:
    assert type(read_of(connect, MLflowServer(), answer)) is Nonsense


@pytest.mark.parametrize(
    ("tags", "hashed"), [(None, False), ([], False), ([{"key": "mlflow.prompt.text"}], False)]
)
def test_a_model_in_mlflow_has_no_text(connect: Connect, tags: Any, hashed: bool) -> None:
    server = MLflowServer()
    answer = {"model_version": {"version": "1", "tags": tags}}
    server.faults[Moment.READ] = replying(200, json.dumps(answer).encode())
    assert (connect(server).content_sha256(server.pointer, "1", 20.0) is not None) == hashed


@pytest.mark.parametrize("tags", [{}, ["x"], "x"])
def test_tags_of_mlflow_that_are_none_are_nonsense(connect: Connect, tags: Any) -> None:
    server = MLflowServer()
    answer = {"model_version": {"version": "1", "tags": tags or {"a": 1}}}
    server.faults[Moment.READ] = replying(200, json.dumps(answer).encode())
    with pytest.raises(Nonsense):
        connect(server).content_sha256(server.pointer, "1", 20.0)


def test_launchdarkly_serving_a_rollout_is_left_alone(connect: Connect) -> None:
    server = LaunchDarklyServer()
    server.default = {"rollout": {"variations": [{"variation": 1, "weight": 100_000}]}}
    with pytest.raises(Conflict, match="rollout"):
        connect(server).read(server.pointer, 20.0)


def test_launchdarkly_with_a_running_experiment_is_a_failure_that_says_so(connect: Connect) -> None:
    server = LaunchDarklyServer()
    server.experiment = True
    expected, target, _ = server.versions
    moved = move_pointer(connect(server), server.pointer, expected=expected, target=target, deadline_s=20.0)
    assert (moved.outcome, moved.now) == (Outcome.FAILED, expected)
    assert "optimistic_locking_error" in moved.message


def test_a_secret_that_comes_back_as_the_code_of_an_error_is_struck_out(connect: Connect) -> None:
    server = LaunchDarklyServer()
    server.password = "apitoken0123456789"  # type: ignore[misc]
    server.faults[Moment.READ] = replying(400, json.dumps({"code": server.password}).encode())
    with pytest.raises(Refused) as refused:
        connect(server).read(server.pointer, 20.0)
    assert str(refused.value).endswith("answered HTTP 400 ***")


def test_launchdarkly_has_no_such_environment(connect: Connect) -> None:
    with pytest.raises(Missing, match="environment"):
        connect(LaunchDarklyServer()).read(Pointer("claims-answer", "staging"), 20.0)


def test_launchdarkly_has_no_such_variation(connect: Connect) -> None:
    server = LaunchDarklyServer()
    with pytest.raises(Missing, match="variation"):
        connect(server).content_sha256(server.pointer, "another", 20.0)


VARIATIONS = [{"_id": "a-1"}, {"_id": "../x"}, {}]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"environments": []},
        {"environments": {"production": {}}},
        {"environments": {"production": {"fallthrough": {}}}, "variations": VARIATIONS},
        {"environments": {"production": {"fallthrough": {"variation": 0}}}},
        {"environments": {"production": {"fallthrough": {"variation": 0}}}, "variations": ["a"]},
        {"environments": {"production": {"fallthrough": {"variation": -1}}}, "variations": VARIATIONS},
        {"environments": {"production": {"fallthrough": {"variation": 3}}}, "variations": VARIATIONS},
        {"environments": {"production": {"fallthrough": {"variation": True}}}, "variations": VARIATIONS},
        {"environments": {"production": {"fallthrough": {"variation": 1}}}, "variations": VARIATIONS},
        {"environments": {"production": {"fallthrough": {"variation": 2}}}, "variations": VARIATIONS},
    ],
)
def test_shapes_of_launchdarkly_that_are_not_known_are_nonsense(connect: Connect, answer: Any) -> None:
    assert type(read_of(connect, LaunchDarklyServer(), answer)) is Nonsense


@pytest.mark.parametrize("key", ["two words", "../x", "a/b", "ü"])
def test_a_key_of_launchdarkly_is_a_key(connect: Connect, key: str) -> None:
    registry = connect(LaunchDarklyServer())
    for pointer in (Pointer(key, "production"), Pointer("claims", key)):
        with pytest.raises(BadPointer):
            registry.check_pointer(pointer)
    with pytest.raises(BadPointer):
        registry.check_version(key)
    with pytest.raises(BadSetting, match="project"):
        REGISTRIES["launchdarkly"].from_settings({"project": key, "secret": "env:A"}, Outbound(), Secrets({}))


@pytest.mark.parametrize("url", ["", 7, "ftp://x", "https://x?y", "https://x#y", "http://169.254.169.254"])
def test_an_address_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(BadSetting, match="url"):
        REGISTRIES["mlflow"].from_settings({"url": url}, Outbound(), Secrets({}))


def test_a_server_below_a_path_is_asked_there() -> None:
    answer = {"model_version": {"version": "2"}}
    with serving(replying(200, json.dumps(answer).encode())) as endpoint:
        registry = REGISTRIES["mlflow"].from_settings({"url": f"{endpoint.url}/ml/"}, Outbound(), Secrets({}))
        assert registry.read(Pointer("a?b", "live"), 20.0) == "2"
    assert endpoint.calls[0].path == "/ml/api/2.0/mlflow/registered-models/alias?name=a%3Fb&alias=live"
    assert "authorization" not in endpoint.calls[0].headers
