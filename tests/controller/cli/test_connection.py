from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.settings import load_settings
from tests.conftest import SECRET
from tests.controller.cli.conftest import FEATURE, Installation, Shell, listening

KEY = "hg_admin_0123456789ab_verysecret"


def answering(status: str, body: bytes, **headers: str) -> Any:
    """A server that always gives the same answer."""

    def answer(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, [*headers.items(), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def test_a_key_can_be_in_a_file(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{installation.ada.key}\n")
    installation.feature()
    assert FEATURE in installation.ada.ok("status", "--key-file", str(file), HEADGATE_API_KEY="")


def test_a_key_is_needed(tmp_path: Path) -> None:
    shell = Shell("http://127.0.0.1:1", "")
    assert "set HEADGATE_API_KEY, or name its file with --key-file" in shell.misused("status")
    assert "cannot be read" in shell.misused("status", "--key-file", str(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "cannot be read" in shell.misused("status", "--key-file", str(tmp_path / "binary"))


@pytest.mark.parametrize("name", ["HEADGATE_PROJECT", "HEADGATE_ENVIRONMENT"])
def test_project_and_environment_are_needed(name: str) -> None:
    assert name in Shell("http://127.0.0.1:1", KEY).misused("status", **{name: None})


def test_nobody_there_is_told_on_one_line() -> None:
    said = Shell("http://127.0.0.1:1", KEY).refused("status")
    assert said == "Error: http://127.0.0.1:1 cannot be connected to: connection refused\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://127.0.0.1", "neither http nor https"),
        ("http://user:word@127.0.0.1", "holds a user name or a password"),
        ("127.0.0.1:8080", "neither http nor https"),
        ("http://169.254.169.254", "an address that is never called"),
    ],
)
def test_an_address_that_cannot_be_called_is_told(url: str, said: str) -> None:
    assert said in Shell(url, KEY).refused("status")


def test_a_key_that_cannot_be_sent_is_told_without_it() -> None:
    said = Shell("http://127.0.0.1:1", "hg_admin\nX-Other: 1").refused("status")
    assert said == "Error: the request has a header that cannot be sent\n"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("200 OK", b"<html>", "not with JSON; is it Headgate's?"),
        ("502 Bad Gateway", b"<html>", "the status 502, but not as Headgate does"),
        ("404 Not Found", b"[]", "the status 404, but not as Headgate does"),
        ("500 Oops", b'{"detail": 1}', "the status 500, but not as Headgate does"),
    ],
)
def test_something_else_that_answers_is_told(status: str, body: bytes, said: str) -> None:
    with listening(answering(status, body)) as url:
        assert said in Shell(url, KEY).refused("status")


def test_a_redirect_is_not_followed() -> None:
    with listening(answering("302 Found", b"", Location="http://127.0.0.1:1/")) as url:
        assert "redirect (302), which is not followed" in Shell(url, KEY).refused("status")


def test_the_key_is_in_no_error_whoever_repeats_it() -> None:
    problem = {
        "code": "x",
        "detail": f"the key {KEY} is bad",
        "errors": [{"field": KEY, "message": f"{KEY}", "remedy": f"not {KEY}"}],
    }
    with listening(answering("401 Unauthorized", json.dumps(problem).encode())) as url:
        shell = Shell(url, KEY)
        assert shell.refused("status").startswith("Error: the key [key] is bad\n")
        for arguments in (("status",), ("status", "--json")):
            assert KEY not in shell.run(*arguments).output


def test_an_error_is_json_where_json_is_asked_for(ada: Shell) -> None:
    done = ada.run("status", "nothing", "--json")
    problem = json.loads(done.stdout)
    assert (done.exit_code, problem["code"], done.stderr) == (1, "not_found", "")


def test_an_unknown_key_is_refused_with_a_remedy(installation: Installation) -> None:
    said = Shell(installation.ada.url, KEY).refused("status")
    assert "unauthenticated  Authorization  holds no key that opens anything; send a living API key" in said


def test_characters_that_steer_a_terminal_are_not_printed() -> None:
    content = {"code": "x", "detail": "\u001b[2Jgone", "errors": []}
    with listening(answering("409 Conflict", json.dumps(content).encode())) as url:
        assert Shell(url, KEY).refused("status") == "Error: ?[2Jgone\n"


def test_a_name_cannot_leave_its_place_in_the_address(installation: Installation) -> None:
    said = installation.ada.refused("status", "../../../requirements")
    assert "not_found" in said or "no_such_address" in said


def test_the_variables_of_the_command_line_do_not_keep_the_service_from_starting() -> None:
    names = ("URL", "API_KEY", "CA_FILE", "PROJECT", "ENVIRONMENT")
    variables = {f"HEADGATE_{name}": "x" for name in names}
    assert load_settings({"HEADGATE_SECRET_KEY": SECRET, **variables}).secret_key == SECRET
