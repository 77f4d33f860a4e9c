from __future__ import annotations

import json
from typing import Any

import pytest

from tests.controller.cli.conftest import FEATURE, NOWHERE, Installation, Shell, listening


def test_a_feature_is_off_after_one_short_command(installation: Installation) -> None:
    installation.live()
    said = installation.free.ok("disable", FEATURE, "--reason", "wrong answers")
    assert said.splitlines()[0] == f"{FEATURE}: disable is done"
    assert "  mode      off" in said
    change = installation.api.ok("GET", "/projects/acme/changes")["items"][0]
    assert (change["name"], change["actor"], change["reason"]) == ("disable", "key:ada", "wrong answers")


def test_every_shorthand_makes_its_move(installation: Installation) -> None:
    installation.live()
    newer = installation.release("model-2026-02-01")
    shell = installation.free
    for arguments, expected in (
        (("introduce", FEATURE, newer, "--share", "5%"), {"candidate": newer, "candidate_share": 500}),
        (("adopt", FEATURE), {"stable": newer, "candidate": None}),
        (("revert", FEATURE), {"previous": None}),
        (("narrow", FEATURE, "--share", "25%"), {"mode": "live"}),
        (("widen", FEATURE, "--share", "5000", "--cohort", "staff", "--task", "summarise"), {"mode": "live"}),
        (("hold", FEATURE), {"holds": ["person"]}),
        (("resume", FEATURE), {"holds": []}),
        (("review", FEATURE), {"mode": "review"}),
        (("resume", FEATURE), {"mode": "live"}),
        (("demote", FEATURE, "--to", "readiness"), {"stage": "readiness"}),
        (("stop", FEATURE, "--replaced-by", "search"), {"stage": "stopped", "replacement": "search"}),
        (("revive", FEATURE), {"stage": "readiness", "replacement": None}),
    ):
        rollout = shell.read(*arguments, "--reason", "a test")
        assert {name: rollout[name] for name in expected} == expected, arguments


def test_what_is_not_said_of_an_exposure_stays(installation: Installation) -> None:
    installation.live()
    wide = installation.free.read("widen", FEATURE, "--cohort", "staff", "--reason", "x")
    assert wide["exposure"] == {
        "share": 10_000,
        "cohorts": ["staff"],
        "tasks": [],
        "languages": [],
        "autonomy": "draft",
    }
    narrow = installation.free.read("narrow", FEATURE, "--share", "0.5%", "--reason", "x")
    assert narrow["exposure"] == wide["exposure"] | {"share": 50}


def test_any_move_can_be_made_by_its_name(installation: Installation) -> None:
    installation.live()
    newer = installation.release("model-2026-02-01")
    shell = installation.free
    tried = shell.read("move", FEATURE, "introduce", "--release", newer, "--share", "500", "--reason", "x")
    assert (tried["candidate"], tried["candidate_share"]) == (newer, 500)
    assert shell.read("move", FEATURE, "revert", "--reason", "x")["candidate"] is None
    narrow = shell.read("move", FEATURE, "narrow", "--share", "0%", "--reason", "x")
    assert narrow["exposure"]["share"] == 0


def test_a_refused_move_tells_code_field_message_and_remedy(installation: Installation) -> None:
    installation.feature()
    lines = installation.ada.refused("adopt", FEATURE, "--reason", "x").splitlines()
    assert lines[0] == "Error: refused, for 2 reasons"
    assert lines[1].split()[:2] == ["not_from_here", "move"]
    assert lines[2].endswith("no candidate release is being tried; introduce one first")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("disable", FEATURE), "Missing option '--reason'"),
        (("disable", "--reason", "x"), "Missing argument 'FEATURE'"),
        (("narrow", FEATURE, "--share", "half", "--reason", "x"), "'half' is not a share; write 25% or 2500"),
        (("narrow", FEATURE, "--share", "101%", "--reason", "x"), "not in whole basis points up to 10000"),
        (("narrow", FEATURE, "--share", "0.001%", "--reason", "x"), "not in whole basis points"),
        (("move", FEATURE, "promote", "--reason", "x"), "'promote' is not one of"),
        (("disable", "..", "--reason", "x"), "'..' is not the name of anything"),
        (("dissable", FEATURE), "No such command 'dissable'"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_sent(arguments: tuple[str, ...], said: str) -> None:
    assert said in NOWHERE.misused(*arguments)


class Breaking:
    """A server that breaks off its first answers, after having taken the request in."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.keys: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.keys.append(environ["HTTP_IDEMPOTENCY_KEY"])
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        broken = len(self.keys) <= self.times
        answer = json.dumps({"broken": "it cannot be read", "mode": "off"}).encode()
        length = len(answer) + (100 if broken else 0)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(length))])
        return [answer]


def test_a_move_is_sent_once_more_under_the_same_key_when_the_connection_breaks() -> None:
    server = Breaking(times=1)
    with listening(server) as url:
        said = Shell(url, "hg_admin_x").ok("disable", FEATURE, "--reason", "x")
    assert "  mode    off" in said
    assert len(server.keys) == 2
    assert len({*server.keys}) == 1
    assert len(server.keys[0]) > 20


def test_a_connection_that_breaks_twice_is_told() -> None:
    server = Breaking(times=2)
    with listening(server) as url:
        said = Shell(url, "hg_admin_x").refused("disable", FEATURE, "--reason", "x")
    assert said == (
        f"Error: {url} did not give a whole HTTP answer; look whether it was done before you repeat it\n"
    )
    assert len(server.keys) == 2


def test_a_repeated_move_counts_once(installation: Installation) -> None:
    """What the server makes of the same key twice, as the command relies on it."""
    installation.live()
    path = f"/projects/acme/environments/staging/rollouts/{FEATURE}/moves"
    once = {"headers": {"Idempotency-Key": "k" * 32}}
    asked = {"move": "hold", "reason": "x"}
    first, second = (installation.api.ok("POST", path, asked, **once) for _ in range(2))
    assert first["version"] == second["version"]
