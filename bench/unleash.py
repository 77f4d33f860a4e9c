"""A current Unleash server on PostgreSQL, from its npm package, to stand beside ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from bench import shapes
from bench.installation import free_port, running

VERSION = "8.2.0"
_CACHE = Path.home() / ".cache" / "headgate" / f"unleash-{VERSION}"
_ADMIN, _FRONTEND = "*:*.bench-admin", "default:development.bench-frontend"
_INSTALL_S = 300
_START = """
import { start } from "unleash-server";
const db = { user: "postgres", password: "x", database: process.env.DATABASE, host: process.env.SOCKET, ssl: false };
const server = { port: Number(process.env.HTTP_PORT), host: "127.0.0.1" };
await start({ db, server, versionCheck: { enable: false } });
"""


def is_installed() -> bool:
    """Whether the package is there, or could be brought."""
    if (_CACHE / "start.mjs").exists():
        return True
    if not shutil.which("npm") or not shutil.which("node"):
        return False
    _CACHE.mkdir(parents=True, exist_ok=True)
    (_CACHE / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"unleash-server@{VERSION}"]
    done = subprocess.run(command, cwd=_CACHE, capture_output=True, timeout=_INSTALL_S, check=False)
    if done.returncode == 0:
        (_CACHE / "start.mjs").write_text(_START)
    return done.returncode == 0


@contextmanager
def serving(database_url: str, flags: int) -> Iterator[tuple[str, str]]:
    """Run the server with so many flags, each with a rule and a share; gives the address to ask and its key."""
    port = free_port()
    database, _, socket = database_url.partition(":@/")[2].partition("?host=")
    environment = os.environ | {
        "DATABASE": database,
        "SOCKET": socket,
        "HTTP_PORT": str(port),
        "INIT_ADMIN_API_TOKENS": _ADMIN,
        "INIT_FRONTEND_API_TOKENS": _FRONTEND,
        "SEND_TELEMETRY": "false",
        "LOG_LEVEL": "error",
        "NODE_ENV": "production",
    }
    command = ["node", str(_CACHE / "start.mjs")]
    with running(command, f"http://127.0.0.1:{port}/health", environment) as (url, _):
        address = url.removesuffix("/health")
        for number in range(flags):
            _make(address, f"feature-{number}")
        asked = f"{address}/api/frontend?userId=user-1&country={shapes.COUNTRY}"
        _check(asked, flags)
        yield asked, _FRONTEND


def _make(address: str, flag: str) -> None:
    features = f"{address}/api/admin/projects/default/features"
    strategy = {
        "name": "flexibleRollout",
        "parameters": {"rollout": "100", "stickiness": "userId", "groupId": flag},
        "constraints": [{"contextName": "country", "operator": "IN", "values": [shapes.COUNTRY]}],
    }
    _post(features, {"name": flag, "type": "release"})
    _post(f"{features}/{flag}/environments/development/strategies", strategy)
    _post(f"{features}/{flag}/environments/development/on", {})


def _post(url: str, content: object) -> None:
    requests.post(url, json=content, headers={"Authorization": _ADMIN}, timeout=30).raise_for_status()


def _check(url: str, flags: int) -> None:
    """Wait until the server evaluates all flags."""
    for _ in range(100):
        answer = requests.get(url, headers={"Authorization": _FRONTEND}, timeout=30)
        if len(json.loads(answer.text)["toggles"]) == flags:
            return
        time.sleep(0.1)  # It looks for changes once a second.
    raise RuntimeError(f"Unleash evaluates other flags than its {flags}: {answer.text[:200]}")
