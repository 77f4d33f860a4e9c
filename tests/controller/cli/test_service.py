from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import main
from controller.passwords import is_password
from controller.store.database import Database
from controller.store.destinations import add_destination, get_destination
from controller.store.keys import KeyKind, add_key, find_key, is_key, new_secret
from controller.store.migrate import is_migrated
from controller.store.projects import add_project
from controller.store.sources import add_source, get_source
from controller.store.users import find_user
from controller.vault import Vault
from tests.conftest import SECRET, START


@pytest.fixture
def new_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database that is not there yet, in the settings."""
    url = f"sqlite:///{tmp_path / 'headgate.db'}"
    use(monkeypatch, url)
    return url


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", url)
    monkeypatch.setenv("HEADGATE_SECRET_KEY", SECRET)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_migrate_brings_the_schema_up_to_date_and_may_be_repeated(new_url: str) -> None:
    for _ in range(2):
        done = run("migrate")
        assert (done.exit_code, done.output) == (0, "The schema is up to date.\n")
    database = Database(new_url)
    assert is_migrated(database)
    database.close()


def test_an_audit_needs_the_schema(new_url: str) -> None:
    done = run("verify-audit")
    assert (done.exit_code, done.output) == (
        1,
        "Error: the schema is not up to date; run: headgate migrate\n",
    )


@pytest.mark.parametrize("command", ["migrate", "verify-audit"])
def test_a_database_that_does_not_answer_is_told_on_one_line(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    use(monkeypatch, "postgresql://nobody@127.0.0.1:1/nothing")
    done = run(command)
    assert done.exit_code == 1
    assert done.output.startswith("Error: the database does not answer: ")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize("command", ["migrate", "verify-audit", "serve"])
def test_a_bad_setting_is_told_on_one_line(
    monkeypatch: pytest.MonkeyPatch, new_url: str, command: str
) -> None:
    monkeypatch.setenv("HEADGATE_TICK_SECONDS", "soon")
    done = run(command)
    assert (done.exit_code, done.output) == (
        1,
        "Error: HEADGATE_TICK_SECONDS='soon' is not a number of seconds above 0\n",
    )


@pytest.mark.usefixtures("new_url")
def test_a_port_that_another_server_has_is_told_on_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = str(other.getsockname()[1])
        done = run("serve", "--host", "127.0.0.1", "--port", port)
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: cannot listen on 127.0.0.1:{port} (")
    assert done.output.count("\n") == 1


def test_a_new_key_is_an_admin_key_and_another_one_each_time() -> None:
    first, second = run("new-key").output.strip(), run("new-key").output.strip()
    assert is_key(first)
    assert first.startswith("hg_admin_")
    assert first != second


def test_the_version_is_told() -> None:
    assert "version" in run("--version").output


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_key_of_the_installation_can_be_revoked_from_the_command_line(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(request.getfixturevalue(f"{kind}_url"))
    use(monkeypatch, url)
    database, text = Database(url), new_secret(KeyKind.ADMIN)
    with database.write() as tx:
        key = add_key(tx, text, SECRET, name="first", by="settings", now=START)
    done = run("revoke-key", key.id)
    assert (done.exit_code, done.output) == (0, f"The key {key.id} (first) opens nothing any more.\n")
    with database.read() as tx:
        assert find_key(tx, text, SECRET) is None
    unknown = run("revoke-key", "0123456789ab")
    assert (unknown.exit_code, unknown.output) == (1, "Error: there is no key '0123456789ab' here\n")
    database.close()


def test_a_person_can_be_added_from_the_command_line_and_given_another_password(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, sqlite_url)
    database, passwords = Database(sqlite_url), []
    for _ in range(2):
        done = run("add-user", "Ada@Example.com")
        assert done.exit_code == 0
        passwords.append(done.output.removeprefix("One-time password of Ada@Example.com: ").strip())
        with database.read() as tx:
            user = find_user(tx, "ada@example.com")
        assert user is not None
        assert user.must_change_password
        assert [is_password(user.password_hash, password) for password in passwords][-1]
    assert not is_password(user.password_hash, passwords[0])
    database.close()


def test_secrets_of_sources_are_brought_under_another_secret_key(
    new_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("migrate")
    database = Database(new_url)
    with database.write() as tx:
        project = add_project(tx, "acme", "", "", START)
        sealed = Vault(SECRET).seal("the-secret", "https://metrics.example")
        settings = {"url": "https://metrics.example", "auth": {"scheme": "bearer", "secret": sealed}}
        add_source(tx, project.id, "metrics", "prometheus", settings, START)
        hook = {
            "url": "https://hook.example",
            "secret": Vault(SECRET).seal("the-hook", "https://hook.example"),
        }
        add_destination(tx, project.id, "pager", "webhook", hook, ("*",), START)
    monkeypatch.setenv("HEADGATE_SECRET_KEY", "n" * 40)
    failed = run("renew-secrets")
    assert (failed.exit_code, "HEADGATE_FORMER_SECRET_KEYS" in failed.output) == (1, True)
    monkeypatch.setenv("HEADGATE_FORMER_SECRET_KEYS", f"x, {SECRET}")
    done = run("renew-secrets")
    assert done.output == "The secrets of 2 sources and destinations are under the current secret key.\n"
    with database.read() as tx:
        auth = get_source(tx, project.id, "metrics").settings["auth"]
        pager = get_destination(tx, project.id, "pager")
    assert Vault("n" * 40).open(auth["secret"], "https://metrics.example") == "the-secret"
    assert Vault("n" * 40).open(pager.settings["secret"], "https://hook.example") == "the-hook"
    database.close()
