"""Settings from the environment: read once, checked at once, frozen."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from controller.egress import BadAllowance, PrivateHosts

SQLITE = "sqlite:///"


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    WEB = "web"
    DELIVERY = "delivery"
    WORKER = "worker"

    @property
    def evaluates(self) -> bool:
        """Whether the process evaluates triggers."""
        return self in {Role.ALL, Role.WORKER}

    @property
    def serves(self) -> bool:
        """Whether the process answers the API and the console."""
        return self in {Role.ALL, Role.WEB}

    @property
    def delivers(self) -> bool:
        """Whether the process answers SDKs and OFREP from memory."""
        return self is not Role.WORKER


class PasswordSignIn(StrEnum):
    """Who may sign in with a password. Those to whom everything is open always may, so that nobody is locked out."""

    ALL = "all"
    ADMINS = "admins"


class BadSettingValue(ValueError):
    """A setting cannot be used; the text names the key, the value (unless secret) and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Times are seconds."""

    database_url: str
    secret_key: str
    role: Role = Role.ALL
    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 8
    public_url: str = ""
    tick_s: float = 0.25
    lease_s: float = 60.0
    read_deadline_s: float = 5.0
    lane_width: int = 4
    valid_for_s: int = 300
    workers: int = 1
    delivery_poll_s: float = 5.0
    streams: int = 10_000
    streams_per_key: int = 5_000
    stream_heartbeat_s: float = 15.0
    stream_max_age_s: float = 1800.0
    browser_origins: str = ""
    retention_days: int = 35
    quiet_days: float = 7.0
    plans: str = ""
    model_calendar: str = ""
    model_listings: str = ""
    outbound_private: str = "loopback"
    former_secret_keys: str = field(default="", repr=False)
    admin_key: str = ""
    admin_email: str = "admin@headgate.local"
    admin_password: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_scopes: str = "openid email profile"
    oidc_groups_claim: str = "groups"
    oidc_roles: str = ""
    oidc_admin_groups: str = ""
    oidc_domains: str = ""
    password_sign_in: PasswordSignIn = PasswordSignIn.ALL
    log_level: str = "INFO"
    outbound_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables ``HEADGATE_SECRET_<NAME>``, which `controller.secrets` reads."""

    @property
    def former_keys(self) -> list[str]:
        """The secret keys that were in use before, and still open what they sealed."""
        return [key.strip() for key in self.former_secret_keys.split(",") if key.strip()]

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a SQLite file of this one process."""
        return self.database_url.startswith(SQLITE)


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from ``HEADGATE_*`` variables.

    Raises:
        BadSettingValue: A variable is unknown, malformed, or does not go with another.
    """
    known = {_variable(name): name for name in Settings.__slots__ if name != "outbound_secrets"}
    given = {key: value for key, value in environ.items() if key.startswith("HEADGATE_") and value}
    outbound = {key: given.pop(key) for key in list(given) if key.startswith(_OUTBOUND) and key not in known}
    for key in given:
        if key not in known and key not in _NOT_OURS:
            raise BadSettingValue(f"{key} is not a setting; use one of {', '.join(sorted(known))}")
    values: dict[str, object] = {
        known[key]: _parse(key, value) for key, value in given.items() if key in known
    }
    values.setdefault("database_url", "sqlite:///var/headgate.db")
    url = str(values["database_url"])
    if "secret_key" not in values:
        values["secret_key"] = _own_secret(url)
    values["outbound_secrets"] = outbound
    return _checked(Settings(**values))  # type: ignore[arg-type]  # the parsers give each field its type


_OUTBOUND = "HEADGATE_SECRET_"
# Variables with our prefix that are read by tests, tools and the command line, not by the service.
_NOT_OURS = frozenset(
    {
        *("HEADGATE_HELM", "HEADGATE_SCREENSHOTS", "HEADGATE_TEST_DATABASE_URL"),
        # Those of the command line as a client: a shell that has them can still start the service.
        *("HEADGATE_URL", "HEADGATE_API_KEY", "HEADGATE_CA_FILE", "HEADGATE_PROJECT", "HEADGATE_ENVIRONMENT"),
    }
)


def _variable(name: str) -> str:
    return f"HEADGATE_{'TICK_SECONDS' if name == 'tick_s' else name.upper()}"


def _parse(key: str, value: str) -> object:
    parser, kind = _PARSERS.get(key, (str, "a text"))
    try:
        return parser(value)
    except ValueError as error:
        raise BadSettingValue(f"{key}={value!r} is not {kind}") from error


def _positive(number: Callable[[str], float]) -> Callable[[str], float]:
    def parse(value: str) -> float:
        parsed = number(value)
        if not 0 < parsed < float("inf"):
            raise ValueError(value)
        return parsed

    return parse


_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_HIGHEST_PORT = 65_535


def _port(value: str) -> int:
    port = int(value)
    if not 0 < port <= _HIGHEST_PORT:
        raise ValueError(value)
    return port


def _level(value: str) -> str:
    if value.upper() not in _LEVELS:
        raise ValueError(value)
    return value.upper()


_SECONDS = (_positive(float), "a number of seconds above 0")
_WHOLE = (_positive(int), "a whole number above 0")
_PARSERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "HEADGATE_ROLE": (Role, f"one of {', '.join(Role)}"),
    "HEADGATE_PASSWORD_SIGN_IN": (PasswordSignIn, f"one of {', '.join(PasswordSignIn)}"),
    "HEADGATE_PORT": (_port, "a port number from 1 to 65535"),
    "HEADGATE_LOG_LEVEL": (_level, f"one of {', '.join(_LEVELS)}"),
    "HEADGATE_THREADS": _WHOLE,
    "HEADGATE_TICK_SECONDS": _SECONDS,
    "HEADGATE_LEASE_S": _SECONDS,
    "HEADGATE_READ_DEADLINE_S": _SECONDS,
    "HEADGATE_LANE_WIDTH": _WHOLE,
    "HEADGATE_VALID_FOR_S": _WHOLE,
    "HEADGATE_WORKERS": _WHOLE,
    "HEADGATE_DELIVERY_POLL_S": _SECONDS,
    "HEADGATE_STREAMS": _WHOLE,
    "HEADGATE_STREAMS_PER_KEY": _WHOLE,
    "HEADGATE_STREAM_HEARTBEAT_S": _SECONDS,
    "HEADGATE_STREAM_MAX_AGE_S": _SECONDS,
    "HEADGATE_RETENTION_DAYS": _WHOLE,
    "HEADGATE_QUIET_DAYS": (_positive(float), "a number of days above 0"),
}


def _own_secret(url: str) -> str:
    """The secret of an embedded installation: made once and kept beside its database, readable by its owner only."""
    if not url.startswith(SQLITE):
        raise BadSettingValue("HEADGATE_SECRET_KEY is missing; set it to at least 32 random characters")
    database = Path(url.removeprefix(SQLITE))
    path = database.with_name(database.name + ".secret")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret)
    return secret


_SHORTEST_SECRET = 32


def _checked(settings: Settings) -> Settings:
    if len(settings.secret_key) < _SHORTEST_SECRET:
        raise BadSettingValue(f"HEADGATE_SECRET_KEY is shorter than {_SHORTEST_SECRET} characters")
    if settings.is_embedded and settings.role is not Role.ALL:
        raise BadSettingValue(
            f"HEADGATE_ROLE={settings.role} needs PostgreSQL in HEADGATE_DATABASE_URL; SQLite serves one process"
        )
    if not settings.is_embedded and not settings.database_url.startswith("postgresql"):
        raise BadSettingValue("HEADGATE_DATABASE_URL is neither sqlite:/// nor postgresql://")
    if settings.workers > 1 and settings.role is not Role.DELIVERY:
        raise BadSettingValue(
            "HEADGATE_WORKERS above 1 goes with HEADGATE_ROLE=delivery only; start more processes"
        )
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        raise BadSettingValue(
            "HEADGATE_OIDC_ISSUER and HEADGATE_OIDC_CLIENT_ID go together; set both or none"
        )
    if settings.password_sign_in is not PasswordSignIn.ALL and not settings.oidc_issuer:
        raise BadSettingValue(
            "HEADGATE_PASSWORD_SIGN_IN=admins needs HEADGATE_OIDC_ISSUER; others could not sign in"
        )
    if settings.lease_s <= settings.read_deadline_s:
        raise BadSettingValue("HEADGATE_LEASE_S is not above HEADGATE_READ_DEADLINE_S")
    try:
        PrivateHosts.parse(settings.outbound_private)
    except BadAllowance as bad:
        key = f"HEADGATE_OUTBOUND_PRIVATE={settings.outbound_private!r}"
        raise BadSettingValue(f"{key} is not a list of private addresses: {bad}") from bad
    return settings
