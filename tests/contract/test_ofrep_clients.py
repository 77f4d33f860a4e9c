"""The OpenFeature clients that everybody can install, against a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tests.contract.headgate_process import FEATURE, Headgate, eventually

BOOLEAN = f"{FEATURE}.enabled"
USER = EvaluationContext("user-1", {"cohorts": ["staff"]})


@pytest.fixture(autouse=True)
def live_for_everybody(headgate: Headgate) -> Iterator[None]:
    """Each test finds the feature live, and may change that."""
    yield
    headgate.move("resume")
    headgate.move("widen", exposure={"share": 10_000, "autonomy": "execute"})


def provider(headgate: Headgate, key: str | None = None) -> OFREPProvider:
    headers = {"Authorization": f"Bearer {key or headgate.server_key}"}
    return OFREPProvider(headgate.url, headers_factory=lambda: headers, timeout=30)


@pytest.fixture
def client(headgate: Headgate) -> Iterator[OpenFeatureClient]:
    """The stock client for Python."""
    mine = provider(headgate)
    api.set_provider(mine, "headgate")
    yield api.get_client("headgate")
    api.clear_providers()
    mine.session.close()


def test_python_reads_a_boolean(client: OpenFeatureClient) -> None:
    found = client.get_boolean_details(BOOLEAN, False, USER)
    assert (found.value, found.variant, found.reason) == (True, "on", Reason.TARGETING_MATCH)
    assert found.error_code is None
    assert found.flag_metadata["stage"] == "beta"


def test_python_reads_an_object(client: OpenFeatureClient, headgate: Headgate) -> None:
    found = client.get_object_details(FEATURE, {}, USER)
    assert found.error_code is None
    assert found.variant == "stable"
    assert isinstance(found.value, dict)
    assert found.value["release"]["id"] == headgate.release
    assert found.value["autonomy"] == "execute"


@pytest.mark.parametrize(
    "user", [EvaluationContext(), EvaluationContext(None, {"task": "x"}), None, EvaluationContext("")]
)
def test_python_without_a_targeting_key_is_answered_too(
    client: OpenFeatureClient, headgate: Headgate, user: EvaluationContext | None
) -> None:
    assert client.get_boolean_value(BOOLEAN, False, user) is True
    headgate.move("narrow", exposure={"share": 5000, "autonomy": "execute"})
    found = client.get_boolean_details(BOOLEAN, True, user)
    assert (found.value, found.variant, found.error_code) == (False, "off", None)


@pytest.mark.parametrize("move", ["review", "disable", "hold", "resume", "narrow"])
def test_no_answer_to_python_is_an_error_whatever_the_rollout_does(
    client: OpenFeatureClient, headgate: Headgate, move: str
) -> None:
    headgate.move(move, **({"exposure": {"share": 1000, "autonomy": "draft"}} if move == "narrow" else {}))
    for number in range(10):
        user = EvaluationContext(f"user-{number}")
        switch, whole = (
            client.get_boolean_details(BOOLEAN, False, user),
            client.get_object_details(FEATURE, {}, user),
        )
        for found in (switch, whole):
            assert found.error_code is None, found
            assert found.variant
            assert found.reason in Reason.__members__.values()
        assert isinstance(whole.value, dict)
        assert switch.value is (whole.value["mode"] == "live")


def test_python_is_told_that_a_flag_is_not_there(client: OpenFeatureClient) -> None:
    found = client.get_boolean_details("nobody", True, USER)
    assert (found.value, found.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert "nobody" in (found.error_message or "")


def test_python_is_told_that_a_type_does_not_fit(client: OpenFeatureClient) -> None:
    assert client.get_boolean_details(FEATURE, True, USER).error_code == ErrorCode.TYPE_MISMATCH
    assert client.get_string_details(BOOLEAN, "x", USER).error_code == ErrorCode.TYPE_MISMATCH


def test_python_is_told_that_a_context_cannot_be_used(client: OpenFeatureClient) -> None:
    # An attribute of this name takes the place of the user's id in the stock client.
    found = client.get_boolean_details(BOOLEAN, False, EvaluationContext("user-1", {"targetingKey": 7}))
    assert found.error_code == ErrorCode.INVALID_CONTEXT
    assert "targetingKey" in (found.error_message or "") or "text" in (found.error_message or "")


def test_python_without_a_key_gets_its_default(headgate: Headgate) -> None:
    mine = provider(headgate, "nothing")
    api.set_provider(mine, "stranger")
    found = api.get_client("stranger").get_boolean_details(BOOLEAN, False, USER)
    assert (found.value, found.error_code, found.error_message) == (False, ErrorCode.GENERAL, "unauthorized")
    api.clear_providers()
    mine.session.close()


def test_a_client_that_polls_is_told_that_nothing_has_changed(headgate: Headgate) -> None:
    def ask(known: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {headgate.server_key}", "If-None-Match": known}
        body = {"context": {"targetingKey": "user-1"}}
        return requests.post(
            f"{headgate.url}/ofrep/v1/evaluate/flags", json=body, headers=headers, timeout=30
        )

    first = ask()
    again = ask(first.headers["ETag"])
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    headgate.move("disable")
    eventually(lambda: ask(first.headers["ETag"]).status_code == 200)
    assert ask(first.headers["ETag"]).json()["flags"][1]["value"] is False


PACKAGES = (
    "@openfeature/ofrep-provider@0.1.3",
    "@openfeature/ofrep-core@0.1.4",
    "@openfeature/server-sdk@1.23.0",
)
SCRIPT = """
const { OpenFeature } = require("@openfeature/server-sdk");
const { OFREPProvider } = require("@openfeature/ofrep-provider");
(async () => {
  const [url, key, feature] = process.argv.slice(2);
  const client = async (name, secret) => {
    const provider = new OFREPProvider({ baseUrl: url, headers: [["Authorization", "Bearer " + secret]] });
    await OpenFeature.setProviderAndWait(name, provider);
    return OpenFeature.getClient(name);
  };
  const mine = await client("mine", key), stranger = await client("stranger", "nothing");
  const user = { targetingKey: "user-1", cohorts: ["staff"] };
  const told = {
    boolean: await mine.getBooleanDetails(feature + ".enabled", false, user),
    object: await mine.getObjectDetails(feature, {}, user),
    anonymous: await mine.getBooleanDetails(feature + ".enabled", false, {}),
    unknown: await mine.getBooleanDetails("nobody", true, user),
    mismatch: await mine.getStringDetails(feature + ".enabled", "x", user),
    context: await mine.getBooleanDetails(feature + ".enabled", false, { targetingKey: 7 }),
    stranger: await stranger.getBooleanDetails(feature + ".enabled", false, user),
  };
  await OpenFeature.close();
  process.stdout.write(JSON.stringify(told));
})().catch((problem) => { console.error(problem); process.exit(1); });
"""


def cannot(reason: str) -> None:
    """Without node or a registry the tests are skipped on a laptop; continuous integration has both."""
    if os.environ.get("CI") and shutil.which("npm"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the stock packages for JavaScript, and a script that uses them."""
    if not shutil.which("node") or not shutil.which("npm"):
        cannot("node and npm are not installed")
    directory = tmp_path_factory.mktemp("javascript")
    (directory / "package.json").write_text('{"private": true}')
    (directory / "ask.js").write_text(SCRIPT)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", *PACKAGES]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        cannot("npm did not install the packages in time")
    else:
        if done.returncode:
            cannot(f"npm could not install the packages: {done.stderr[-500:]}")
    return directory


def ask_javascript(directory: Path, headgate: Headgate) -> dict[str, Any]:
    command = ["node", "ask.js", headgate.url, headgate.server_key, FEATURE]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_javascript_reads_all_that_python_reads(javascript: Path, headgate: Headgate) -> None:
    told = ask_javascript(javascript, headgate)
    for name in ("boolean", "object", "anonymous"):
        assert "errorCode" not in told[name], told[name]
        assert told[name]["variant"] in ("on", "stable")
        assert told[name]["reason"] in Reason.__members__
    assert told["boolean"]["value"] is told["anonymous"]["value"] is True
    assert told["boolean"]["flagMetadata"]["stage"] == "beta"
    assert told["object"]["value"]["release"]["id"] == headgate.release
    assert (told["unknown"]["value"], told["unknown"]["errorCode"]) == (True, "FLAG_NOT_FOUND")
    assert (told["mismatch"]["value"], told["mismatch"]["errorCode"]) == ("x", "TYPE_MISMATCH")
    assert told["context"]["errorCode"] == "INVALID_CONTEXT"
    assert (told["stranger"]["value"], told["stranger"]["errorCode"]) == (False, "GENERAL")


def test_javascript_sees_a_feature_that_was_switched_off(javascript: Path, headgate: Headgate) -> None:
    headgate.move("disable")
    told = ask_javascript(javascript, headgate)
    assert (told["boolean"]["value"], told["boolean"]["variant"]) == (False, "off")
    assert told["object"]["value"]["mode"] == "off"
    assert "errorCode" not in told["object"]
