"""The same source in front of a real Prometheus server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.http import Outbound
from controller.ready_made import load_catalogue
from controller.sources import Question
from controller.sources.prometheus import Prometheus
from controller.sources.template import Template
from controller.strict_json import loads
from stages import Tier
from tests.access import ACCESS
from tests.components import PrometheusServer, running_prometheus
from triggers import Reading, Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
NASTY = [
    "plain",
    'quo"te',
    "quo'te",
    "back\\slash",
    "back\\",
    "back\\nslash",
    "line\nbreak",
    "{brace}",
    '"} or m{a="',
    "a.b",
    "a|b",
    ".*",
    "(x)+[y]?^$",
    "tab\there",
    "${window}",
    "ünï→😀",
    "\u2028\u202e",
    " ",
    "plain ",
]


def exposition(values: list[str]) -> str:
    """OpenMetrics text with one series per label value, worth its position."""
    escaped = [value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for value in values]
    lines = ["# TYPE m gauge"]
    lines += [f'm{{feature="{value}"}} {i + 1} {END.timestamp() - 30}' for i, value in enumerate(escaped)]
    return "\n".join([*lines, *counted(), "# EOF", ""])


EXPOSURES = {
    "began anew": [(-40, 2), (-20, 0), (-10, 1), (0, 1)],
    "is new": [(-15, 1), (0, 1)],
    "was away": [(-40, 5), (-14, None), (-7, 5), (-5, 6), (0, 6)],
    "ended": [(-40, 0), (-7, 1), (-6, None)],
}
"""What each instance had counted from which minute on; None: it was not scraped."""


def counted() -> Iterator[str]:
    """Counters of a product that is scraped every 30 seconds."""
    yield "# TYPE genai_sensitive_data_exposures counter"
    for instance, counts in EXPOSURES.items():
        labels = f'feature="claims",instance="{instance}"'
        for tick in range(-80, 1):
            known = [count for minute, count in counts if minute * 2 <= tick]
            # What was not scraped at the end stays so: there the last entry is None.
            if known and known[-1] is not None:
                at = END.timestamp() + tick * 30
                yield f"genai_sensitive_data_exposures_total{{{labels}}} {known[-1]} {at}"
    yield "# TYPE genai_evaluations counter"
    for label, step in (("fail", 1), ("pass", 3)):
        labels = f'feature="claims",release="r-1",evaluation="supported",label="{label}"'
        for tick in range(81):
            at = END.timestamp() + (tick - 80) * 30 + 7
            yield f"genai_evaluations_total{{{labels}}} {tick * step} {at}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), samples=exposition(NASTY)) as running:
        yield running


def ask(server: PrometheusServer, query: str, **variables: str) -> Reading:
    source = Prometheus.from_settings({"url": server.url}, ACCESS)
    return source.read({"value": query}, variables, WINDOW, PATIENT_S)


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("unknown_metric", Status.NO_DATA, "no series"),
        ("sum(unknown_metric)", Status.NO_DATA, "no series"),
        ("sum(unknown_metric) / sum(unknown_other)", Status.NO_DATA, "no series"),
        ("0 / 0", Status.INVALID, "NaN"),
        ("vector(0) / vector(0)", Status.INVALID, "NaN"),
        ("1 / 0", Status.INVALID, "+Inf"),
        ("-1 / 0", Status.INVALID, "-Inf"),
        ("scalar(unknown_metric)", Status.INVALID, "NaN"),
        ('"text"', Status.INVALID, "string"),
        ("m[${window}]", Status.INVALID, "matrix"),
        ("m", Status.INVALID, f"{len(NASTY)} series match"),
        ("sum(", Status.ERROR, "HTTP 400 bad_data"),
        ("rate(m)", Status.ERROR, "HTTP 400 bad_data"),
        ("m + on(feature) group_left label_replace(m, 'x', '1', '', '') * on() m", Status.ERROR, "HTTP 422"),
    ],
)
def test_the_real_server_without_a_number(
    server: PrometheusServer, query: str, status: Status, message: str
) -> None:
    reading = ask(server, query)
    assert (reading.status, reading.value) == (status, None)
    assert message in reading.message
    assert reading.message.startswith("value: ")


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("count(m)", len(NASTY)),
        ("1 + 1", 2),
        ("-0.5", -0.5),
        ("vector(1e-7)", 1e-7),
        ("count(m # why\n)", len(NASTY)),
    ],
)
def test_the_real_server_with_a_number(server: PrometheusServer, query: str, value: float) -> None:
    reading = ask(server, query)
    assert (reading.status, reading.value) == (Status.OK, value)


def test_the_real_server_with_bad_and_total(server: PrometheusServer) -> None:
    query = {
        "bad": 'sum(m{feature="${feature}"})',
        "total": "count_over_time(vector(1)[${window}:1s]) * 0 + 5",
    }
    source = Prometheus.from_settings({"url": server.url}, ACCESS)
    source.check_query(query)
    reading = source.read(query, {"feature": NASTY[2]}, WINDOW, PATIENT_S)
    assert (reading.status, reading.bad, reading.total) == (Status.OK, 3, 5)


def test_the_real_server_is_asked_about_the_end_of_the_window(server: PrometheusServer) -> None:
    assert ask(server, "time()").value == END.timestamp()


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_the_real_server_selects_exactly_the_series_whose_label_was_put_in(
    server: PrometheusServer, value: str, quote: str
) -> None:
    worth = NASTY.index(value) + 1
    variable = f"{quote}${{feature}}{quote}"
    for matcher in ("=", "=~"):
        assert ask(server, f"m{{feature{matcher}{variable}}}", feature=value).value == worth
    for matcher in ("!=", "!~"):
        others = ask(server, f"count(m{{feature{matcher}{variable}}}) + 0 * sum(m)", feature=value)
        assert others.value == len(NASTY) - 1


@settings(max_examples=50, deadline=None)
@given(
    value=st.text(st.characters(exclude_categories=["Cs"])), operator=st.sampled_from(["=", "!=", "=~", "!~"])
)
def test_the_real_server_reads_every_value_back_as_one(
    server: PrometheusServer, value: str, operator: str
) -> None:
    """The server writes a query out again in its own way; two spellings of one value come out the same."""
    ours = formatted(
        server, Template.parse(f'm{{a{operator}"${{feature}}"}}').render({"feature": value}, WINDOW)
    )
    pattern = "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in value) if "~" in operator else value
    bytewise = "".join(f"\\x{byte:02x}" for byte in pattern.encode())
    assert ours == formatted(server, f'm{{a{operator}"{bytewise}"}}')


def formatted(server: PrometheusServer, query: str) -> str:
    answer = Outbound().send(
        "POST", f"{server.url}/api/v1/format_query", data={"query": query}, deadline_s=PATIENT_S
    )
    return str(loads(answer.body)["data"])


def test_the_real_server_answers_many_queries_at_once_as_it_answers_each(server: PrometheusServer) -> None:
    queries = [
        *("count(m)", "sum(m) # a comment", "m", "unknown_metric", "0 / 0", "vector(0) / vector(0)"),
        *("1 + 1", "scalar(count(m))", '"text"', "m[${window}]", "sum(", "rate(m)", "time()"),
        *("count(m) or vector(0)", "sum by (feature) (m) > 3", "m or -m", "{__name__='m', feature='a.b'}"),
        *('m{feature="(plain"}', "sum(m)) or (sum(m)", "count(m) == bool 3", "vector(1) offset 1h"),
        'label_replace(m, "headgate_q", "x", "", "")',
    ]
    source = Prometheus.from_settings({"url": server.url}, ACCESS)
    questions = [Question({"value": query}, {}, WINDOW) for query in queries]
    together = source.read_many(questions, PATIENT_S)
    alone = [source.read({"value": query}, {}, WINDOW, PATIENT_S) for query in queries]
    assert together == alone
    assert {reading.status for reading in together} == {*Status} - {Status.PARTIAL}


def test_the_real_server_answers_hundreds_of_queries_at_once(server: PrometheusServer) -> None:
    source = Prometheus.from_settings({"url": server.url}, ACCESS)
    questions = [
        Question({"bad": f"count(m) * {n}", "total": "vector(9999)"}, {}, WINDOW) for n in range(450)
    ]
    readings = source.read_many(questions, PATIENT_S)
    assert [reading.bad for reading in readings] == [len(NASTY) * n for n in range(450)]


def test_the_real_server_answers_for_the_past_what_it_answers_window_by_window(
    server: PrometheusServer,
) -> None:
    source = Prometheus.from_settings({"url": server.url}, ACCESS)
    windows = [Window(END + timedelta(minutes=i - 1), END + timedelta(minutes=i)) for i in range(-8, 8)]
    for query in ("sum(m)", "sum(count_over_time(m[${window}]))", "m"):
        asked = [Question({"value": query}, {}, window) for window in windows]
        together = source.history({"value": query}, {}, windows, PATIENT_S)
        one_by_one = [source.read_many([each], PATIENT_S)[0] for each in asked]
        said = [[(each.status, each.value) for each in found] for found in (together, one_by_one)]
        if query != "m":
            assert said[0] == said[1]
        assert {Status.NO_DATA, Status.INVALID if query == "m" else Status.OK} & {part for part, _ in said[0]}


def test_ready_made_triggers_count_each_answer_once_whatever_becomes_of_the_instances(
    server: PrometheusServer,
) -> None:
    source = Prometheus.from_settings({"url": server.url}, ACCESS)
    ends = [END - timedelta(minutes=25) + n * timedelta(seconds=60, milliseconds=250) for n in range(25)]
    windows = [Window(start, end) for start, end in pairwise([*ends, END])]
    read = {
        key: source.read_many(
            [Question(query_of(key), {"feature": "claims", "release": "r-1"}, each) for each in windows],
            PATIENT_S,
        )
        for key in ("sensitive-data", "unsupported-answers")
    }
    assert {reading.status for readings in read.values() for reading in readings} == {Status.OK}
    assert sum(reading.bad or 0 for reading in read["sensitive-data"]) == 4
    answers = read["unsupported-answers"]
    assert (sum(each.bad or 0 for each in answers), sum(each.total or 0 for each in answers)) == (50, 200)
    later = Window(END + timedelta(minutes=6), END + timedelta(minutes=7))
    gone = source.read(
        query_of("unsupported-answers"), {"feature": "claims", "release": "r-1"}, later, PATIENT_S
    )
    assert gone.status is Status.NO_DATA


def query_of(key: str) -> dict[str, str]:
    """What a ready-made trigger asks where OpenTelemetry is."""
    catalogue = load_catalogue()
    made = catalogue.triggers[key].body(Tier.T2, catalogue.telemetries["otel"], "metrics") or {}
    return dict(made["query"])
