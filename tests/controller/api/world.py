"""A small installation to test the doors of: a project with a feature that users have, and a stop rule on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.test import TestResponse

from app import services_of
from controller.permissions import Role
from controller.services import Services
from controller.settings import Settings
from controller.store.keys import KeyKind, add_key, new_secret
from controller.store.projects import get_environment, get_project
from tests.applications import give_back, take
from tests.conftest import SECRET, Api, Clock
from tests.planes import both_planes

PROJECT = "/projects/acme"
FEATURES = f"{PROJECT}/features"
FEATURE = f"{FEATURES}/claims-assistant"
ROLLOUTS = f"{PROJECT}/environments/staging/rollouts"
ROLLOUT = f"{ROLLOUTS}/claims-assistant"
TRIGGERS = f"{ROLLOUT}/triggers"
MOVES = f"{ROLLOUT}/moves"
PROMOTIONS = f"{ROLLOUT}/promotions"
PROBLEM = "application/problem+json"

BUNDLE = {
    "prompt": {"ref": "langfuse:claims-answer@14"},
    "model": {"provider": "local", "id": "small-1", "params": {"temperature": 0.2}},
    "limits": {"timeout_ms": 8000},
}
TRIGGER = {
    "key": "leaks",
    "source": "outcomes",
    "query": {"measure": "sensitive_data"},
    "method": "any_event",
    "ladder": [{"do": "disable"}],
}


@dataclass
class World:
    """The API, and what stands behind it."""

    api: Api
    make_key: Callable[..., str]
    parts: Services
    stable: str = ""
    other: str = ""
    server_key: str = ""

    def at(self, api: Api, make_key: Callable[..., str], parts: Services) -> World:
        """The same installation in a copy of its database. Its keys have been used, so that reading changes nothing."""
        copy = replace(self, api=api, make_key=make_key, parts=parts)
        copy.api.ok("GET", PROJECT)
        copy.ask("POST", "/sdk/v1/outcomes", json={"outcomes": []})
        return copy

    def build(self) -> World:
        """Put everything there; the feature is in beta in staging, for everybody."""
        self.api.ok("POST", "/projects", {"key": "acme", "name": "Acme"})
        for key, protected in (("staging", False), ("production", True)):
            self.api.ok("POST", f"{PROJECT}/environments", {"key": key, "protected": protected})
        feature = {"key": "claims-assistant", "owner": "claims", "risk_tier": "T1", "fallback": "search"}
        self.api.ok("POST", FEATURES, feature)
        self.stable, self.other = self.release("one"), self.release("two")
        self.move("introduce", release=self.stable)
        self.api.ok("POST", f"{ROLLOUT}/promotions", {"stage": "beta", "reason": "ready"})
        self.api.ok("POST", TRIGGERS, TRIGGER)
        self.server_key = self.environment_key()
        assert self.flags()
        return self

    def release(self, guardrails: str) -> str:
        """Seal a release that differs from others by its guardrails."""
        content = {"bundle": BUNDLE | {"guardrails": guardrails}}
        return str(self.api.ok("POST", f"{FEATURE}/releases", content)["id"])

    def environment_key(self, environment: str = "staging", kind: KeyKind = KeyKind.SERVER) -> str:
        """A server key of an environment, or one of another kind."""
        with self.parts.database.read() as tx:
            project = get_project(tx, "acme")
            found = get_environment(tx, project.id, environment)
        return self.make_key(kind, project_id=project.id, environment_id=found.id)

    def move(self, move: str, **content: Any) -> Any:
        """Make a move."""
        return self.api.ok("POST", f"{ROLLOUT}/moves", {"move": move, "reason": "a test", **content})

    def ask(self, method: str, path: str, key: str | None = None, **kwargs: Any) -> TestResponse:
        """Ask any door, with the server key unless another is named."""
        headers = {"Authorization": f"Bearer {key or self.server_key}", **kwargs.pop("headers", {})}
        return self.api.client.open(path, method=method, headers=headers, **kwargs)

    def flags(self) -> Any:
        """The flag document as it is served."""
        answer = self.ask("GET", "/sdk/v1/flags")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def dump(self) -> str:
        """Everything that is in the database."""
        path = self.parts.settings.database_url.removeprefix("sqlite:///")
        connection = sqlite3.connect(path)
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()


Doors = tuple[Api, Callable[..., str], Services]


@contextmanager
def opened(database_url: str) -> Iterator[Doors]:
    """An application on a database, for the length of a with block."""
    app = take(Settings(database_url=database_url, secret_key=SECRET), Clock())
    parts = services_of(app)

    def make_key(kind: KeyKind = KeyKind.ADMIN, roles: Sequence[Role] = (Role.ADMIN,), **owner: int) -> str:
        text = new_secret(kind)
        with parts.database.write() as tx:
            add_key(tx, text, SECRET, name="world", by="tests", now=parts.now(), roles=roles, **owner)
        return text

    try:
        yield Api(both_planes(app), make_key()), make_key, parts
    finally:
        give_back(app)


def build_once(database_url: str) -> World:
    """Build an installation in a database, with an application that is gone afterwards."""
    with opened(database_url) as doors:
        return World(*doors).build()


def refusal(answer: TestResponse) -> tuple[int, str, list[str]]:
    """The status, the code and the fields of a problem; whatever a problem must have is checked."""
    assert answer.mimetype == PROBLEM, answer.get_data(as_text=True)
    content = answer.get_json()
    assert content["status"] == answer.status_code
    assert content["type"] == "about:blank"
    assert content["title"]
    assert content["detail"]
    assert content["errors"]
    for item in content["errors"]:
        assert item["field"], content
        assert item["message"], content
        assert item["remedy"], content
    return answer.status_code, content["code"], [item["field"] for item in content["errors"]]


def nothing_came_of_it(world: World, method: str, path: str, **kwargs: Any) -> tuple[int, str, list[str]]:
    """Ask, and see that the answer is a refusal, that no row has changed and that the flags are as before."""
    before, flags = world.dump(), world.flags()
    is_sdk = path.startswith(("/sdk", "/ofrep"))
    answer = world.ask(method, path, **kwargs) if is_sdk else world.api.call(method, path, **kwargs)
    found = refusal(answer)
    assert 400 <= found[0] < 500
    assert world.dump() == before
    assert world.flags() == flags
    return found
