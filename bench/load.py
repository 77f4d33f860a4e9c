"""Load from outside: ``wrk``, which is written in C and costs a fraction of what it measures."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SCRIPT = """
local requests, turn = {{}}, 0
init = function()
  local headers = {{["Content-Type"]="application/json", ["Authorization"]="{authorization}"}}
  for n = 1, 10000 do
    requests[n] = wrk.format("{method}", nil, headers, {body})
  end
end
request = function()
  turn = turn % 10000 + 1
  return requests[turn]
end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.read + summary.errors.connect + summary.errors.timeout
  io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad))
end
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load saw."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Load:
    """Questions of ten thousand users about one address."""

    url: str
    key: str
    attributes: Mapping[str, Any]
    method: str = "POST"

    def hammered(self, connections: int, seconds: float) -> Figures:
        """Keep so many connections busy for so long.

        Raises:
            RuntimeError: Not every answer was a good one.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(self._script())
            script.flush()
            command = [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{max(1, round(seconds))}s",
                "-s",
                script.name,
                self.url,
            ]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"figures (\d+) (\d+) (\d+) (\d+) (\d+)", said)
        if found is None or found[5] != "0":
            raise RuntimeError(said)
        requests, took_us, p50_us, p99_us = (int(found[place]) for place in range(1, 5))
        return Figures(requests / took_us * 1e6, p50_us / 1000, p99_us / 1000)

    def one_by_one(self, count: int) -> list[float]:
        """Ask one question after the other on one connection; returns the milliseconds of each."""
        parts, waits = urlsplit(self.url), list[float]()
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        body = json.dumps({"context": dict(self.attributes)})
        for _ in range(count):
            start = time.perf_counter()
            connection.request(self.method, parts.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            waits.append((time.perf_counter() - start) * 1000)
            if answer.status != 200:
                raise RuntimeError(f"{self.url}: {answer.status}")
        connection.close()
        return waits

    def _script(self) -> str:
        if self.method == "GET":
            return _SCRIPT.format(body="nil", method="GET", authorization=self.key)
        text = json.dumps({"context": dict(self.attributes) | {"targetingKey": "user-@"}})
        body = "'" + text.replace("@", "' .. n .. '") + "'"
        return _SCRIPT.format(body=body, method="POST", authorization=f"Bearer {self.key}")
