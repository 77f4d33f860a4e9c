"""A stock flagd syncs the flag document over HTTP, follows its changes, and answers as Headgate does."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import mmh3
import pytest
import requests

from tests.components import free_port, stop
from tests.contract.headgate_process import FEATURE, Headgate, eventually

ENVIRONMENT = "/projects/acme/environments/staging"
KEY = {"var": "targetingKey"}
THIRDS = {"fractional": [["red", 1], ["green", 1], ["blue", 1]]}
COLOURS = {"state": "ENABLED", "variants": {"red": "#f00", "green": "#0f0", "blue": "#00f"}}
SHARES: dict[str, Any] = {
    "thirds": THIRDS,
    "salted": {"fractional": [{"cat": ["a-salt", KEY]}, ["red", 25], ["green", 75]]},
}
RULES: dict[str, Any] = {
    "listed": {"if": [{"in": [{"var": "plan"}, ["pro", "team"]]}, "green", "blue"]},
    "whole": {"fractional": [KEY, ["green", 1]]},
    "version": {"if": [{"sem_ver": [{"var": "version"}, ">=", "2.1.0"]}, "green", "red"]},
    "caret": {"if": [{"sem_ver": [{"var": "version"}, "^", "2.0.0"]}, "green", None]},
    "email": {"if": [{"ends_with": [{"var": "email"}, "@example.com"]}, "green", "red"]},
    "start": {"if": [{"starts_with": [{"var": "email"}, "ada"]}, "green", "red"]},
    "compared": {"if": [{">=": [{"var": "age"}, 18]}, "green", {"<": [{"var": "age"}, 7]}, "blue", "red"]},
    "key": {"if": [{"==": [{"var": "$flagd.flagKey"}, "key"]}, "green", "red"]},
    "ages": {"if": [{"some": [{"var": "ages"}, {">": [{"var": ""}, 3]}]}, "green", "red"]},
}


def _missing(reason: str) -> NoReturn:
    """Skips, unless this is continuous integration on a machine that could have built it."""
    if os.environ.get("CI") and shutil.which("go"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@dataclass(frozen=True)
class Flagd:
    """A flagd that runs, asked by OFREP."""

    url: str
    log: Path

    def evaluate(self, flag: str, context: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(
            f"{self.url}/ofrep/v1/evaluate/flags/{flag}", json={"context": context}, timeout=30
        )
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def flagd(headgate: Headgate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flagd]:
    """A stock flagd that reads Headgate's flags each second."""
    binary = os.environ.get("HEADGATE_FLAGD") or shutil.which("flagd")
    if not binary:
        _missing("flagd is neither at $HEADGATE_FLAGD nor on PATH; .ci/run builds it from tests/flagd")
    for name, rule in {**RULES, **SHARES}.items():
        content = {**COLOURS, "defaultVariant": "red", "targeting": rule}
        headgate.ok("PUT", f"{ENVIRONMENT}/flags/{name}", content)
    source = {
        "uri": f"{headgate.url}/flagd/v1/flags.json",
        "provider": "http",
        "authHeader": f"Bearer {headgate.server_key}",
        "interval": 1,
    }
    ports = {name: free_port() for name in ("port", "management-port", "sync-port", "ofrep-port")}
    options = [f"--{name}={port}" for name, port in ports.items()]
    log = tmp_path_factory.mktemp("flagd") / "log"
    with log.open("wb") as file:
        command = [binary, "start", *options, "--sources", json.dumps([source])]
        process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            found = Flagd(f"http://127.0.0.1:{ports['ofrep-port']}", log)
            ready = f"http://127.0.0.1:{ports['management-port']}/readyz"
            eventually(lambda: _answers(ready) or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield found
        finally:
            stop(process)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def contexts(count: int) -> Iterator[dict[str, Any]]:
    dice = random.Random(20261128)
    choices: dict[str, list[Any]] = {
        "plan": ["pro", "team", "free", "", None],
        "version": ["2.1.0", "2.0.9", "3.0.0", "v2.1.1", "2.1", "nonsense"],
        "email": ["ada@example.com", "ada@example.org", "", 7],
        "age": [0, 6, 7, 17.5, 18, "19"],
        "ages": [[1, 2], [3, 4], []],
        "cohorts": [["staff"], [], "staff"],
        "task": ["summarise", ""],
    }
    for number in range(count):
        asked = {name: dice.choice(values) for name, values in choices.items() if dice.random() < 0.7}
        yield {**asked, "targetingKey": dice.choice([f"user-{number}", "Zoë", "a b"])}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What both must say alike. flagd has no word for a share that a rule dealt out."""
    kept = {name: answer.get(name) for name in ("key", "value", "variant", "errorCode")}
    return kept | {"reason": str(answer.get("reason")).replace("SPLIT", "TARGETING_MATCH")}


def ask(headgate: Headgate, flag: str, context: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {headgate.server_key}"}
    url = f"{headgate.url}/ofrep/v1/evaluate/flags/{flag}"
    found: dict[str, Any] = requests.post(url, json={"context": context}, headers=headers, timeout=30).json()
    return found


@pytest.mark.parametrize("flag", [*RULES, FEATURE, f"{FEATURE}.enabled"])
def test_flagd_answers_as_headgate_does(headgate: Headgate, flagd: Flagd, flag: str) -> None:
    eventually(lambda: flagd.evaluate(flag, {"targetingKey": "user-1"}).get("errorCode") != "FLAG_NOT_FOUND")
    for context in contexts(60):
        assert told(flagd.evaluate(flag, context)) == told(ask(headgate, flag, context)), context


def dealt(text: str, shares: list[tuple[str, int]]) -> str:
    """What this flagd's own hash deals out: it hashes the text, and Headgate its CBOR (docs/flags.md)."""
    point = mmh3.hash(text, signed=False) * sum(weight for _, weight in shares) >> 32
    for variant, weight in shares:
        if point < weight:
            return variant
        point -= weight
    raise AssertionError(text)


def test_flagd_deals_out_shares_of_the_same_size_by_its_own_hash(headgate: Headgate, flagd: Flagd) -> None:
    eventually(lambda: flagd.evaluate("salted", {"targetingKey": "user-1"}).get("value"))
    for number in range(100):
        user = {"targetingKey": f"user-{number}"}
        thirds = dealt(f"thirdsuser-{number}", [("red", 1), ("green", 1), ("blue", 1)])
        salted = dealt(f"a-saltuser-{number}", [("red", 25), ("green", 75)])
        assert flagd.evaluate("thirds", user)["variant"] == thirds
        assert flagd.evaluate("salted", user)["variant"] == salted
        assert ask(headgate, "salted", user)["variant"] in ("red", "green")


def version_at(flagd: Flagd, flag: str) -> int:
    return int(flagd.evaluate(flag, {"targetingKey": "user-1"})["metadata"]["rollout_version"])


def test_flagd_follows_a_share_and_a_stop(headgate: Headgate, flagd: Flagd) -> None:
    switch = f"{FEATURE}.enabled"
    eventually(lambda: flagd.evaluate(switch, {"targetingKey": "user-1"}).get("value") is True)
    moved = headgate.move("narrow", exposure={"share": 3000, "autonomy": "draft"})
    eventually(lambda: version_at(flagd, switch) == moved["version"])
    users = [{"targetingKey": f"user-{number}"} for number in range(200)]
    inside = sum(flagd.evaluate(switch, user)["value"] for user in users)
    ours = sum(ask(headgate, switch, user)["value"] for user in users)
    assert 40 <= inside <= 80
    assert 40 <= ours <= 80
    stopped = headgate.move("disable")
    eventually(lambda: version_at(flagd, switch) == stopped["version"])
    assert not any(flagd.evaluate(switch, user)["value"] for user in users)
