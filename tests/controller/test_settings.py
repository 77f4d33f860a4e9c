from __future__ import annotations

import stat
from pathlib import Path

import pytest

from controller.settings import BadSettingValue, Role, Settings, load_settings

SECRET = "s" * 40
POSTGRES = {"HEADGATE_DATABASE_URL": "postgresql://host/db", "HEADGATE_SECRET_KEY": SECRET}


def sqlite(tmp_path: Path) -> dict[str, str]:
    return {"HEADGATE_DATABASE_URL": f"sqlite:///{tmp_path / 'data' / 'headgate.db'}"}


def test_without_any_variable_it_is_embedded_in_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"PATH": "/bin", "HEADGATE_ROLE": ""})
    assert (settings.database_url, settings.role, settings.is_embedded) == (
        "sqlite:///var/headgate.db",
        Role.ALL,
        True,
    )
    assert settings == Settings(database_url=settings.database_url, secret_key=settings.secret_key)


def test_every_setting_is_read_from_its_variable() -> None:
    given = POSTGRES | {
        "HEADGATE_ROLE": "worker",
        "HEADGATE_PORT": "1234",
        "HEADGATE_TICK_SECONDS": "0.5",
        "HEADGATE_LEASE_S": "30",
        "HEADGATE_READ_DEADLINE_S": "2.5",
        "HEADGATE_LANE_WIDTH": "2",
        "HEADGATE_LOG_LEVEL": "debug",
    }
    settings = load_settings(given)
    assert settings.role is Role.WORKER
    assert (settings.port, settings.tick_s, settings.lease_s) == (1234, 0.5, 30.0)
    assert (settings.read_deadline_s, settings.lane_width, settings.log_level) == (2.5, 2, "DEBUG")
    assert not settings.is_embedded


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HEADGATE_ROLE", "boss"),
        ("HEADGATE_PORT", "http"),
        ("HEADGATE_PASSWORD_SIGN_IN", "nobody"),
        ("HEADGATE_OUTBOUND_PRIVATE", "169.254.0.0/16"),
        ("HEADGATE_PORT", "0"),
        ("HEADGATE_PORT", "65536"),
        ("HEADGATE_THREADS", "1.5"),
        ("HEADGATE_TICK_SECONDS", "0"),
        ("HEADGATE_TICK_SECONDS", "nan"),
        ("HEADGATE_LEASE_S", "inf"),
        ("HEADGATE_READ_DEADLINE_S", "-1"),
        ("HEADGATE_LANE_WIDTH", "many"),
        ("HEADGATE_VALID_FOR_S", "0"),
        ("HEADGATE_RETENTION_DAYS", ""),
        ("HEADGATE_RETENTION_DAYS", "x"),
        ("HEADGATE_LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_named_with_its_key(key: str, value: str) -> None:
    if not value:
        assert load_settings(POSTGRES | {key: value}) == load_settings(POSTGRES)
        return
    with pytest.raises(BadSettingValue) as bad:
        load_settings(POSTGRES | {key: value})
    assert str(bad.value).startswith(f"{key}={value!r} is not ")


def test_an_unknown_variable_is_named_with_those_that_are_known() -> None:
    with pytest.raises(BadSettingValue) as bad:
        load_settings(POSTGRES | {"HEADGATE_DATABSE_URL": "x"})
    assert str(bad.value).startswith("HEADGATE_DATABSE_URL is not a setting; use one of ")
    assert "HEADGATE_DATABASE_URL" in str(bad.value)


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_part_of_an_installation_needs_postgresql(tmp_path: Path, role: str) -> None:
    with pytest.raises(BadSettingValue, match=f"HEADGATE_ROLE={role} needs PostgreSQL"):
        load_settings(sqlite(tmp_path) | {"HEADGATE_ROLE": role})
    assert load_settings(POSTGRES | {"HEADGATE_ROLE": role}).role == role


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "headgate.db"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(BadSettingValue, match="HEADGATE_DATABASE_URL is neither"):
        load_settings(POSTGRES | {"HEADGATE_DATABASE_URL": url})


def test_postgresql_needs_a_secret_of_some_length_and_never_shows_it() -> None:
    with pytest.raises(BadSettingValue, match="HEADGATE_SECRET_KEY is missing"):
        load_settings({"HEADGATE_DATABASE_URL": "postgresql://host/db"})
    with pytest.raises(BadSettingValue, match="HEADGATE_SECRET_KEY is shorter") as bad:
        load_settings(POSTGRES | {"HEADGATE_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(bad.value)


def test_a_provider_and_what_it_calls_us_go_together_and_passwords_are_closed_only_beside_one() -> None:
    issuer, client = (
        {"HEADGATE_OIDC_ISSUER": "https://login.example"},
        {"HEADGATE_OIDC_CLIENT_ID": "headgate"},
    )
    for half in (issuer, client):
        with pytest.raises(BadSettingValue, match="go together"):
            load_settings(POSTGRES | half)
    closed = {"HEADGATE_PASSWORD_SIGN_IN": "admins"}
    with pytest.raises(BadSettingValue, match="needs HEADGATE_OIDC_ISSUER"):
        load_settings(POSTGRES | closed)
    settings = load_settings(POSTGRES | issuer | client | closed | {"HEADGATE_OIDC_CLIENT_SECRET": "hunter2"})
    assert "hunter2" not in repr(settings)


def test_a_lease_must_outlast_a_read() -> None:
    with pytest.raises(BadSettingValue, match="HEADGATE_LEASE_S is not above"):
        load_settings(POSTGRES | {"HEADGATE_LEASE_S": "5", "HEADGATE_READ_DEADLINE_S": "5"})


def test_an_embedded_installation_makes_its_secret_once_for_its_owner_only(tmp_path: Path) -> None:
    first = load_settings(sqlite(tmp_path)).secret_key
    assert load_settings(sqlite(tmp_path)).secret_key == first
    path = tmp_path / "data" / "headgate.db.secret"
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) >= 32
    other = load_settings(sqlite(tmp_path / "other")).secret_key
    assert other != first


def test_roles_do_what_they_say() -> None:
    assert [(role.serves, role.evaluates) for role in (Role.ALL, Role.WEB, Role.WORKER)] == [
        (True, True),
        (True, False),
        (False, True),
    ]
