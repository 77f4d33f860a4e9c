"""The stock OpenFeature provider for browsers, with a client key: it hears of a change without asking for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.headgate_process import FEATURE, Headgate
from tests.contract.test_ofrep_clients import cannot

PACKAGES = (
    "@openfeature/ofrep-web-provider@0.4.3",
    "@openfeature/ofrep-core@2.3.0",
    "@openfeature/web-sdk@1.10.0",
    "@openfeature/core@1.12.0",
    "eventsource@5.1.5",
)
SCRIPT = """
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { EventSource } from "eventsource";
globalThis.EventSource = EventSource;
const [url, key, flag] = process.argv.slice(2);
const headers = [["Authorization", "Bearer " + key]];
const provider = new OFREPWebProvider({ baseUrl: url, headers, cacheMode: "disabled" });
await OpenFeature.setProviderAndWait(provider, { targetingKey: "user-1", cohorts: ["staff"] });
const client = OpenFeature.getClient();
const say = (what) => process.stdout.write(JSON.stringify(what) + "\\n");
const answer = () => client.getBooleanDetails(flag, false);
client.addHandler(ProviderEvents.ConfigurationChanged, () => say(answer()));
say({ ...answer(), hidden: client.getBooleanDetails(flag.replace(".enabled", ".other"), false).errorCode });
process.stdin.on("end", async () => { await OpenFeature.close(); process.exit(0); }).resume();
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the stock packages, and a page that uses them."""
    if not shutil.which("node") or not shutil.which("npm"):
        cannot("node and npm are not installed")
    directory = tmp_path_factory.mktemp("browser")
    (directory / "package.json").write_text('{"private": true, "type": "module"}')
    (directory / "page.js").write_text(SCRIPT)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", *PACKAGES]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=90, check=False)
    if done.returncode:
        cannot(f"npm could not install the packages: {done.stderr[-500:]}")
    return directory


def test_a_browser_hears_of_a_stop_without_polling(browser: Path, headgate: Headgate) -> None:
    headgate.ok("PATCH", f"/projects/acme/features/{FEATURE}", {"client_visible": True})
    made = {"kind": "client", "name": "web", "environment": "staging"}
    key = headgate.ok("POST", "/projects/acme/keys", made)["text"]
    command = ["node", "page.js", headgate.url, key, f"{FEATURE}.enabled"]
    with (
        (browser / "errors").open("w") as errors,
        subprocess.Popen(
            command, cwd=browser, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as page,
    ):
        assert page.stdin
        assert page.stdout
        try:
            first = json.loads(page.stdout.readline() or "{}")
            assert first, (browser / "errors").read_text()
            assert (first["value"], first["variant"], first["hidden"]) == (True, "on", "FLAG_NOT_FOUND")
            headgate.move("disable")
            told = json.loads(page.stdout.readline())
            while told["value"]:  # The stream begins with a word of its own, which may bring nothing new.
                told = json.loads(page.stdout.readline())
            assert (told["value"], told["variant"]) == (False, "off")
        finally:
            page.stdin.close()
            page.wait(30)
