"""Numbers from a PostgreSQL database: one statement that reads, in a transaction that can do nothing else."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from controller.errors import BadSetting
from controller.http import Outbound, OutboundError
from controller.sources.access import Access
from controller.sources.cutting import Cutter
from controller.sources.numbers import NUMBERS
from controller.sources.parts import Part, number_part, reading_of
from controller.sources.source import BadQuery, Question, SecretPlace, Shape, Source, Tried, shape_of
from controller.sources.template import LABELS, MissingValue
from controller.sources.web import TIMING, Entered, gate_from
from controller.sources.web.auth import Secret, entered_secret
from controller.sources.web.limits import Gate
from controller.sources.wording import one_line
from triggers import Reading, Status, Window

MAX_LENGTH = 10_000
MAX_BYTES = 16 << 20
"""How much may come over one connection; what is asked about a month of minutes is some 8 MiB."""
TLS = ("disable", "prefer", "require", "verify-ca", "verify-full")

_SETTINGS = ("url", "secret", "tls", "per_minute", "at_once", *TIMING)
_PORT = 5432
_TIMES = ("start", "end", "window_s")
_NAMED = re.compile(r"(?<![:\w\\]):([A-Za-z_]\w*)")
"""How a bound parameter is written; ``::type`` is none, and neither is ``\\:word``."""
_READS = re.compile(r"\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_EXAMPLE = "postgresql://reader@warehouse.example.com:5432/analytics"
_SHORTEST_CONNECT_S = 2
_NO_FILE = f"{os.devnull}/none"
"""A file that cannot be there: of one that is no plain file, libpq complains each time."""
_STATEMENT_SHARE = 0.9
"""How much of the time left a statement may take, so that the database can still say itself that it was too slow."""
_WINDOWS_AT_ONCE = 1000
_TWO_ROWS = "SELECT * FROM (\n{}\n) AS headgate LIMIT 2"
"""Within another statement only what reads is a statement at all, and two rows are enough to see."""
_EACH_WINDOW = """
SELECT headgate_windows.place, headgate_rows.*
FROM (
    SELECT place,
        CAST(:headgate_start AS timestamptz) + place * make_interval(secs => :headgate_step_s) AS start_at,
        CAST(:headgate_end AS timestamptz) + place * make_interval(secs => :headgate_step_s) AS end_at
    FROM generate_series(0, :headgate_last) AS place
) AS headgate_windows
CROSS JOIN LATERAL (
{}
) AS headgate_rows
"""
_IN_EACH = {"start": "headgate_windows.start_at ", "end": "headgate_windows.end_at "}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is, and as whom it is asked."""

    host: str
    port: int
    database: str
    user: str
    tls: str

    @property
    def origin(self) -> str:
        """The place that a password is bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}"


class Sql(Source):
    """One database, which the guard of the way out lets us reach."""

    kind: ClassVar[str] = "sql"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.STATEMENT,)
    at_once: ClassVar[int] = 10
    longest_history: ClassVar[int] = 50_000

    def __init__(self, place: Place, password: Secret | None, outbound: Outbound, gate: Gate) -> None:
        """Nothing is opened yet."""
        self._place = place
        self._password = password
        self._outbound = outbound
        self._gate = gate

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from ``url``, ``secret`` (the password), ``tls``, ``per_minute`` and ``at_once``."""
        entered = Entered(settings, _SETTINGS)
        place = _place(entered)
        password = entered_secret(entered, access.secrets, place.origin) if "secret" in entered else None
        return cls(place, password, access.outbound, gate_from(entered, access, place.origin))

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:
        """See `Source.secrets_in`."""
        return (
            [SecretPlace(("secret",), _place(Entered(settings, _SETTINGS)).origin)]
            if settings.get("secret")
            else ()
        )

    def check_leads(self) -> None:
        """See `Source.check_leads`. A name that is not known yet passes."""
        try:
            self._outbound.check_host(self._place.host, self._place.port)
        except OutboundError as error:
            raise BadSetting("url", str(error), "enter an address that may be called") from None

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`; the database's own opinion is known only when it is asked."""
        shape_of(query, self.shapes)
        statement = query["sql"]
        if len(statement) > MAX_LENGTH:
            raise BadQuery("sql", f"has {len(statement)} characters", f"keep it to {MAX_LENGTH}")
        if ";" in statement or "\0" in statement:
            raise BadQuery("sql", "has a semicolon", "enter one statement, without a semicolon at its end")
        if not _READS.match(statement):
            raise BadQuery("sql", "does not begin with SELECT or WITH", "enter a statement that reads")
        if unknown := sorted({*_NAMED.findall(statement)} - {*LABELS, *_TIMES}):
            known = ", ".join(f":{name}" for name in (*LABELS, *_TIMES))
            raise BadQuery("sql", f"the parameter :{unknown[0]} is unknown", f"known are {known}")

    def follows_window(self, query: Mapping[str, str]) -> bool:
        """See `Source.follows_window`."""
        return bool({"start", "window_s"} & {*_NAMED.findall(query["sql"])})

    def test(self, deadline_s: float) -> Tried:
        """See `Source.test`."""
        try:
            with self._connected(self.clock() + deadline_s) as database:
                database.run("SELECT 1", {})
        except (OutboundError, SQLAlchemyError) as error:
            return Tried(works=False, message=self._why(error))
        return Tried(works=True, message="it answers, in a transaction that only reads")

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """See `Source.read`."""
        (reading,) = self.read_many([Question(query, variables, window)], deadline_s)
        return reading

    def read_many(self, questions: Sequence[Question], deadline_s: float) -> list[Reading]:
        """See `Source.read_many`. All go over one connection, one after another."""
        until = self.clock() + deadline_s
        readings: dict[int, Reading] = {}
        try:
            asked = {
                place: self._parameters(question) for place, question in self._usable(questions, readings)
            }
            if asked:
                with self._connected(until) as database:
                    for place, parameters in asked.items():
                        readings[place] = self._ask(database, questions[place], parameters)
        except (OutboundError, SQLAlchemyError) as error:
            readings |= _missing(questions, readings, self._why(error))
        return [replace(readings[place], asked=dict(each.query)) for place, each in enumerate(questions)]

    def history(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        windows: Sequence[Window],
        deadline_s: float,
    ) -> list[Reading]:
        """See `Source.history`. A statement asks about a thousand windows: the database goes from one to the next."""
        until = self.clock() + deadline_s
        questions = [Question(query, variables, window) for window in windows]
        readings: dict[int, Reading] = {}
        try:
            if dict(self._usable(questions[:1], readings)):
                with self._connected(until) as database:
                    for first in range(0, len(windows), _WINDOWS_AT_ONCE):
                        some = questions[first : first + _WINDOWS_AT_ONCE]
                        found = self._ask_many(database, some)
                        readings |= {first + place: reading for place, reading in enumerate(found)}
        except (OutboundError, SQLAlchemyError) as error:
            readings |= _missing(questions, readings, self._why(error))
        # What is wrong with the first question is wrong with all of them.
        readings |= _missing(questions, readings, readings[0].message if 0 in readings else "")
        return [replace(readings[place], asked=dict(query)) for place in range(len(questions))]

    def _usable(
        self, questions: Sequence[Question], readings: dict[int, Reading]
    ) -> Iterator[tuple[int, Question]]:
        """The questions that can be asked; the others get their readings at once."""
        for place, question in enumerate(questions):
            try:
                self.check_query(question.query)
                self._parameters(question)
            except (BadQuery, MissingValue) as error:
                readings[place] = Reading.missing(Status.ERROR, question.window, one_line(str(error)))
            else:
                yield place, question

    def _parameters(self, question: Question) -> dict[str, Any]:
        window = question.window
        times = {"start": window.start, "end": window.end, "window_s": int(window.length.total_seconds())}
        known: dict[str, Any] = {**question.variables, **times}
        named = {*_NAMED.findall(question.query["sql"])}
        if missing := sorted(named - set(known)):
            raise MissingValue(f"the parameter :{missing[0]} has no value here")
        return {name: known[name] for name in named}

    def _ask(self, database: _Opened, question: Question, parameters: Mapping[str, Any]) -> Reading:
        # The space keeps SQLAlchemy from taking `:name::type` for a shorter name.
        inner = _NAMED.sub(r":\1 ", question.query["sql"])
        try:
            columns, rows = database.run(_TWO_ROWS.format(inner), parameters)
        except (OutboundError, SQLAlchemyError) as error:
            return Reading.missing(Status.ERROR, question.window, self._why(error))
        return _reading(columns, rows, question.window)

    def _ask_many(self, database: _Opened, questions: Sequence[Question]) -> list[Reading]:
        """Ask one thing about windows that are equally far apart, whose times stand in a table of their own."""
        first, second = questions[0], questions[min(1, len(questions) - 1)]
        inner = _NAMED.sub(lambda name: _IN_EACH.get(name.group(1), f":{name.group(1)} "), first.query["sql"])
        parameters = {
            **self._parameters(first),
            "headgate_start": first.window.start,
            "headgate_end": first.window.end,
            "headgate_step_s": (second.window.end - first.window.end).total_seconds(),
            "headgate_last": len(questions) - 1,
        }
        try:
            statement = _EACH_WINDOW.format(_TWO_ROWS.format(inner))
            columns, rows = database.run(statement, parameters)
        except (OutboundError, SQLAlchemyError) as error:
            return [Reading.missing(Status.ERROR, each.window, self._why(error)) for each in questions]
        found: dict[int, list[tuple[Any, ...]]] = {}
        for place, *row in rows:
            found.setdefault(place, []).append(tuple(row))
        return [
            _reading(columns[1:], found.get(place, []), each.window) for place, each in enumerate(questions)
        ]

    @contextlib.contextmanager
    def _connected(self, until: float) -> Iterator[_Opened]:
        """A connection that can only read, and that is cut when the time is up or too much has come.

        Raises:
            OutboundError: It may not be made now, or not to there, or it was cut.
            SQLAlchemyError: The database does not let us in.
        """
        with self._gate.passed(until - self.clock()), Cutter(until, MAX_BYTES, self.clock) as cutter:
            engine = self._engine(cutter, until)
            with (
                _cut_is_told(cutter),
                engine.connect().execution_options(postgresql_readonly=True) as connection,
            ):
                yield _Opened(connection, cutter, until, self.clock)

    def _engine(self, cutter: Cutter, until: float) -> Engine:
        """What makes one connection, to an address that may be called, and has it watched from its first byte on."""
        left_s = until - self.clock()
        address = self._outbound.addresses(self._place.host, self._place.port, left_s)[0]
        engine = create_engine(
            self._url(),
            poolclass=NullPool,
            connect_args={
                "hostaddr": address,
                "connect_timeout": max(_SHORTEST_CONNECT_S, math.ceil(left_s)),
                "sslmode": self._place.tls,
                "application_name": "headgate",
                "passfile": _NO_FILE,
            },
        )

        @event.listens_for(engine, "do_connect")
        def _connect(dialect: Any, _record: Any, given: Any, named: Any) -> Any:
            connection = dialect.connect(*given, **named)
            cutter.watch(connection.fileno())
            return connection

        return engine

    def _url(self) -> URL:
        return URL.create(
            "postgresql+psycopg",
            username=self._place.user,
            password=self._password.reveal() if self._password else None,
            host=self._place.host,
            port=self._place.port,
            database=self._place.database,
        )

    def _why(self, error: Exception) -> str:
        """What went wrong, in the words of the database; never the statement or its parameters."""
        said = str(getattr(error, "orig", None) or error)
        redact = self._password.secrets.redact if self._password else str
        return one_line(redact(said.partition("\nLINE ")[0])) or type(error).__name__


def _place(entered: Entered) -> Place:
    url = entered.text("url", remedy=f"enter one such as {_EXAMPLE}")
    bad = BadSetting("url", "is not the address of a PostgreSQL database", f"enter one such as {_EXAMPLE}")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError:
        raise bad from None
    if parts.password is not None:
        raise BadSetting("url", "holds a password", "enter it as secret")
    database, user = unquote(parts.path.removeprefix("/")), unquote(parts.username or "")
    is_plain = parts.scheme == "postgresql" and not parts.query and not parts.fragment
    if not (is_plain and parts.hostname and database and user) or not url.isascii() or not url.isprintable():
        raise bad
    if "," in parts.netloc or "%" in parts.hostname or "/" in parts.hostname:
        raise bad
    return Place(parts.hostname, port, database, user, entered.one_of("tls", TLS, "prefer"))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A connection that is ready to be asked, until its time is up."""

    connection: Connection
    cutter: Cutter
    until: float
    clock: Callable[[], float]

    def run(self, statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """What a statement gives before the time is up.

        Raises:
            OutboundError: It is up already, or the connection was cut.
            SQLAlchemyError: The database does not answer it.
        """
        left_ms = int((self.until - self.clock()) * 1000 * _STATEMENT_SHARE)
        if left_ms <= 0:
            raise OutboundError("the questions before this one took all the time")
        limit = text("SELECT set_config('statement_timeout', :ms, true)")
        with _cut_is_told(self.cutter), self.connection.begin():
            self.connection.execute(limit, {"ms": str(left_ms)})
            result = self.connection.execute(text(statement), parameters)
            return list(result.keys()), [tuple(row) for row in result]


@contextlib.contextmanager
def _cut_is_told(cutter: Cutter) -> Iterator[None]:
    """Of a connection that was cut, the driver can tell only that it broke."""
    try:
        yield
    except SQLAlchemyError:
        if cutter.why:
            raise OutboundError(cutter.why) from None
        raise


def _missing(questions: Sequence[Question], readings: Mapping[int, Reading], why: str) -> dict[int, Reading]:
    """Errors for the questions that have no reading yet."""
    return {
        place: Reading.missing(Status.ERROR, question.window, why)
        for place, question in enumerate(questions)
        if place not in readings
    }


def _reading(columns: Sequence[str], rows: Sequence[tuple[Any, ...]], window: Window) -> Reading:
    """What a statement's rows are as numbers: one row, whose columns are named as the parts of a query are."""
    try:
        shape_of(dict.fromkeys(columns, "x"), NUMBERS)
    except BadQuery as bad:
        return Reading.missing(Status.INVALID, window, one_line(f"the columns of the answer: {bad}"))
    if not rows:
        return Reading.missing(Status.NO_DATA, window, "the statement gave no row")
    if len(rows) > 1:
        return Reading.missing(Status.INVALID, window, "the statement gave several rows, not one")
    return reading_of({name: _part(value) for name, value in zip(columns, rows[0], strict=True)}, window)


def _part(value: object) -> Part:
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return number_part(value)
