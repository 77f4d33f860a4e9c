"""From an empty installation to a feature that was switched off again, by somebody who only has a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.store.keys import KeyKind, new_secret
from tests.components import free_port, stop
from tests.contract.headgate_process import Headgate, eventually
from tests.controller.cli.repository import Repository, new_repository

FEATURE = "claims-assistant"
REPORT = Path(__file__).parents[1] / "vectors" / "reports" / "generic" / "report.json"
HEADGATE = str(Path(sys.executable).with_name("headgate"))
PLANS = """
requirements:
  evaluation-report:
    gate: evaluation
    title: Evaluation report
    artifact: eval_report
    proves: release
    threshold: {metric: pass_rate, at_least: 0.85}
    min_samples: 100
    layers: [happy_path, edge, safety]
  runbook: {gate: operations, title: Runbook}
tiers:
  T1: &plan
    beta: {ceiling: 2500, start: 1000, approvals: 1, requirements: [evaluation-report, runbook]}
    pilot: {ceiling: 5000, start: 2500, approvals: 1}
    scaled: {ceiling: 10000, start: 5000, approvals: 1}
  T2: *plan
  T3: *plan
"""


def without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}


@dataclass(frozen=True)
class Person:
    """Somebody with a key and a shell, in a work tree."""

    url: str
    key: str
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        connection = {
            "HEADGATE_URL": self.url,
            "HEADGATE_API_KEY": self.key,
            "HEADGATE_PROJECT": "acme",
            "HEADGATE_ENVIRONMENT": "production",
        }
        return subprocess.run(
            [HEADGATE, *arguments],
            env=without_settings() | connection,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def read(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def refused(self, *arguments: str) -> list[str]:
        """The codes of the reasons."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        return [line.split()[0] for line in done.stderr.splitlines()[1:]]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "product")


@pytest.fixture
def people(tmp_path: Path, repository: Repository) -> Iterator[tuple[Person, Person]]:
    """Two people in front of an empty installation with one project and one protected environment."""
    port, admin_key = free_port(), new_secret(KeyKind.ADMIN)
    (tmp_path / "plans.yaml").write_text(PLANS)
    settings = {
        "HEADGATE_DATABASE_URL": f"sqlite:///{tmp_path / 'headgate.db'}",
        "HEADGATE_ADMIN_KEY": admin_key,
        "HEADGATE_PLANS": str(tmp_path / "plans.yaml"),
        # A shell that is set up as a client can start the service too.
        "HEADGATE_PROJECT": "acme",
    }
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [HEADGATE, "serve", "--port", str(port)],
            env=without_settings() | settings,
            stdout=file,
            stderr=file,
            cwd=tmp_path,
        )
        served = Headgate(f"http://127.0.0.1:{port}", admin_key, log)
        try:
            eventually(lambda: served.is_ready() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            served.ok("POST", "/projects", {"key": "acme"})
            served.ok("POST", "/projects/acme/environments", {"key": "production"})
            keys = [
                served.ok("POST", "/projects/acme/keys", {"kind": "admin", "roles": ["admin"], "name": name})[
                    "text"
                ]
                for name in ("ada", "bob")
            ]
            ada, bob = (Person(served.url, key, repository.folder) for key in keys)
            yield ada, bob
        finally:
            stop(process)


def test_from_an_empty_installation_to_a_feature_that_is_off(
    people: tuple[Person, Person], repository: Repository
) -> None:
    ada, bob = people
    assert "there is no feature here yet" in ada.ok("status")
    ada.ok("feature", "create", FEATURE, "--owner", "claims", "--tier", "T2", "--fallback", "search")

    repository.write("prompts/answer.md", "Answer politely, and name your sources.\n")
    seal = ("release", "create", FEATURE, "--from-git", "--prompt", "prompts/answer.md")
    unfinished = ada.run(*seal)
    assert unfinished.stderr.startswith(
        "Error: prompts/answer.md differs from what is committed; commit first"
    )
    sha = repository.commit("Name the sources")
    release = ada.read(*seal)
    assert release["bundle"]["prompt"]["ref"] == f"git:prompts/answer.md@{sha}"
    assert release["notes"] == "Name the sources"
    ada.ok("introduce", FEATURE, release["id"], "--reason", "the first")

    ask = ("promote", FEATURE, "--to", "beta", "--reason", "the golden set looks good", "--share", "10%")
    assert sorted(ada.refused(*ask)) == ["approvals_missing", "evidence_missing", "evidence_missing"]
    about = ("--feature", FEATURE, "--release", "current", "--requirement")
    assert "evaluation-report: met for beta" in ada.ok(
        "evidence", "import", str(REPORT), *about, "evaluation-report"
    )
    ada.ok(
        "evidence",
        "add",
        "-f",
        FEATURE,
        "-r",
        "runbook",
        "--file",
        "release.yaml",
        "--uri",
        "https://example.com/x",
    )
    assert "2 of 2 are met" in ada.ok("feature", "readiness", FEATURE)

    assert ada.read(*ask)["status"] == "open"
    assert ada.refused("approve", FEATURE, "1", "--yes") == ["self_approval"]
    assert bob.read("approve", FEATURE, "1", "--yes")["status"] == "applied"
    status = bob.ok("status").splitlines()[1].split()
    assert status[:5] == [FEATURE, "beta", "live", "10", "%"]

    off = bob.ok("disable", FEATURE, "--reason", "it names sources that do not exist")
    assert off.startswith(f"{FEATURE}: disable is done\n")
    assert bob.read("status", FEATURE)["mode"] == "off"
