"""The documentation is held to the code: what exists is described, what is shown works, what is linked is there."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from headgate.evaluator import Document
from marshmallow import Schema
from prometheus_client import Counter, Gauge

from controller import observability
from controller.api import evidence_schemas, feature_schemas, schemas
from controller.api.break_glass_schemas import BreakGlassRequestSchema
from controller.api.sdk import OutcomesSchema
from controller.api.trigger_schemas import RungSchema, TriggerSchema
from controller.delivery.plane import ADDRESSES
from controller.http import Outbound
from controller.importers import read_report
from controller.model_calendar import ModelCalendar
from controller.secrets import Secrets
from controller.settings import Settings, load_settings
from controller.sources import SOURCES, Source
from controller.sources.access import Access
from controller.sources.template import LABELS
from controller.sources.web.web import AUTH, WEB_SETTINGS
from controller.store.database import Database
from controller.store.keys import KeyKind, new_secret
from controller.store.outcomes import MEASURES
from stages import DOWN, UP, Calendar, Gate, Mode, Stage, Tier
from tests.components import free_port
from tests.conftest import SECRET
from triggers import (
    METHODS,
    Action,
    Arming,
    Phase,
    Scope,
    Status,
    Trigger,
    TriggerClass,
    Verdict,
    parse_method,
)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    chain(
        ROOT.glob("*.md"), DOCS.rglob("*.md"), *(ROOT.glob(f"{top}/**/*.md") for top in ("sdk", "examples"))
    )
)
_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?P<inline>[^)\s]+)\)|(?:src|srcset)=\"(?P<attribute>[^\"]+)\"")
_ROLLOUTS = "/api/v1/projects/<project>/environments/<environment>/rollouts"
_WALK_S = 90.0


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(page: Path, info: str) -> list[str]:
    """The fenced blocks of a page with this word or these words behind the fence."""
    return [found["text"] for found in _FENCE.finditer(page.read_text("utf-8")) if found["info"] == info]


def shown(info: str) -> list[Any]:
    """Every block of a kind, with its page as the name of the test."""
    return [
        pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, info), start=1)
    ]


def missing(words: Any, text: str) -> set[str]:
    return {str(word) for word in words if f"`{word}`" not in text}


SETTINGS = [field.name for field in fields(Settings) if field.name != "outbound_secrets"]
"""All but the variables of secrets, of which there may be any number."""


def variable_of(setting: str) -> str:
    """The name of a setting in the environment, found by what the reader accepts."""
    name = f"HEADGATE_{setting.upper()}"
    return name if name != "HEADGATE_TICK_S" else "HEADGATE_TICK_SECONDS"


@pytest.mark.parametrize("page", ["operations.md", "install.md"])
def test_every_setting_is_described(page: str) -> None:
    assert missing(map(variable_of, SETTINGS), read(page)) == set()
    assert "`HEADGATE_SECRET_<NAME>`" in read(page)


def test_every_described_setting_is_one() -> None:
    known = {"HEADGATE_SECRET_", *map(variable_of, SETTINGS)}
    for name in (
        "operations.md",
        "install.md",
        "concepts.md",
        "triggers.md",
        "sources.md",
        "flags.md",
        "security.md",
    ):
        assert set(re.findall(r"HEADGATE_[A-Z_]+", read(name))) <= known, name


def test_described_defaults_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(HEADGATE_[A-Z_]+)` \|.*\| `([0-9]+)` \|", read("operations.md"), re.MULTILINE)
    settings = load_settings({"HEADGATE_DATABASE_URL": "postgresql://x/y", "HEADGATE_SECRET_KEY": SECRET})
    known = {variable_of(name): getattr(settings, name) for name in SETTINGS}
    assert len(rows) > 5
    assert {name: float(value) for name, value in rows} == {name: float(known[name]) for name, _ in rows}


def test_every_move_is_described() -> None:
    assert missing(UP | DOWN, read("concepts.md")) == set()
    up, down = re.split(r"^### Down$", read("concepts.md").split("### Up", 1)[1], flags=re.MULTILINE)
    named = re.compile(r"^\| `([a-z]+)` \|", re.MULTILINE)
    assert set(named.findall(up)) == UP
    assert set(named.findall(down.split("\n## ", 1)[0])) == DOWN


@pytest.mark.parametrize("words", [Stage, Mode, Tier, Gate, Verdict])
def test_every_word_of_the_domain_is_in_the_concepts(words: Any) -> None:
    assert missing(words, read("concepts.md")) == set()


@pytest.mark.parametrize("words", [Action, Arming, Scope, Verdict, Status, TriggerClass, METHODS])
def test_every_word_of_triggers_is_described(words: Any) -> None:
    assert missing(words, read("triggers.md")) == set()


def test_every_source_and_what_it_measures_is_described() -> None:
    assert missing({*SOURCES, *MEASURES}, read("sources.md")) == set()


def test_every_setting_of_a_source_is_described() -> None:
    known = {*WEB_SETTINGS, *AUTH, *(name for names in AUTH.values() for name in names)}
    assert missing(known, read("sources.md")) == set()


def test_every_phase_is_described() -> None:
    assert all(re.search(rf"\b{phase}\b", read("triggers.md")) for phase in Phase)


def test_every_field_of_a_trigger_is_described() -> None:
    assert missing(TriggerSchema().load_fields, read("triggers.md")) == set()
    assert missing((field.name for field in fields(Trigger)), read("triggers.md")) == set()


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_of_a_method_is_described(method: str) -> None:
    section = read("triggers.md").split(f"### `{method}`", 1)[1].split("\n##", 1)[0]
    assert missing((field.name for field in fields(METHODS[method])), section) == set()


def test_every_variable_of_a_query_is_described() -> None:
    assert missing((f"${{{name}}}" for name in (*LABELS, "window")), read("sources.md")) == set()


def test_every_metric_is_described_with_its_labels() -> None:
    rows = {
        row.split("`")[1]: row for row in read("operations.md").splitlines() if row.startswith("| `headgate_")
    }
    kept = [value for value in vars(observability).values() if isinstance(value, Counter | Gauge)]
    names = {metric._name + ("_total" if isinstance(metric, Counter) else ""): metric for metric in kept}
    assert set(rows) == set(names)
    for name, metric in names.items():
        assert missing(metric._labelnames, rows[name]) == set(), name


def test_every_address_of_the_api_is_described(app: Flask) -> None:
    described = set(_described_addresses())
    there = {(method, path) for path, method in ADDRESSES.items()}
    there |= {
        (method, re.sub(r"<row:", "<", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] not in ("console", "docs", "api-docs", "static")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == there


def _described_addresses() -> Iterator[tuple[str, str]]:
    table = read("api.md").split("## Addresses", 1)[1].split("\n## ", 1)[0]
    for row in re.findall(r"^\| (`[A-Z]+`.*?) \|", table, re.MULTILINE):
        words = re.findall(r"`([^`]+)`", row)
        for path in (word for word in words if not word.isupper()):
            full = path.replace("…/rollouts", _ROLLOUTS)
            yield from ((method, full) for method in words if method.isupper())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_relative_link_is_dead(page: Path) -> None:
    prose = _FENCE.sub("", page.read_text("utf-8"))
    targets = [found["inline"] or found["attribute"] for found in _LINK.finditer(prose)]
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if not _is_there(page, target)] == []


def _is_there(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return False
    return not anchor or anchor in _anchors(file)


def _anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page get."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_is_in_the_index_and_complete() -> None:
    index = read("adr/README.md")
    decisions = sorted((DOCS / "adr").glob("0*.md"))
    assert [int(page.name[:4]) for page in decisions] == list(range(1, len(decisions) + 1))
    for page in decisions:
        title, _, text = page.read_text("utf-8").partition("\n")
        assert f"[{title.split('. ', 1)[1]}]({page.name})" in index
        parts = ("**Status:**", "## Context", "## Decision", "## Consequences", "## Rejected")
        assert [part for part in parts if part not in text] == [], page.name


@pytest.mark.parametrize("text", shown("python"))
def test_every_example_in_python_compiles(text: str) -> None:
    compile(text, "example", "exec")


def test_the_first_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = blocks(ROOT / "README.md", "python")[0]
    exec(text.replace(":8080", f":{free_port()}").replace("timeout_s=5", "timeout_s=0.1"), {})
    assert capsys.readouterr().out == "do without it: None\n"


@pytest.mark.parametrize("text", shown("json"))
def test_every_example_in_json_is_accepted(text: str, tmp_path: Path) -> None:
    example = json.loads(text)
    schema = _schema_of(example)
    if schema is not None:
        loaded = schema.load(example)
        if isinstance(schema, schemas.SourceSchema):
            _connect(loaded["kind"], loaded["settings"], tmp_path)
        if isinstance(schema, TriggerSchema):
            parse_method(loaded.method, loaded.params)
            _source(loaded.source, tmp_path).check_query(loaded.query)
    elif "flags" in example:
        flags = Document.parse(example)
        for key in example["flags"]:
            assert flags.evaluate(key, {"targetingKey": "user-1"}).error_code is None
    elif "format" in example:
        read_report(text.encode(), "report.json")
    elif "measure" in example:
        _source("outcomes", tmp_path).check_query(example)
    else:
        assert set(example) == set(schemas.ProblemSchema().fields)


def _schema_of(example: dict[str, Any]) -> Schema | None:
    for parts, schema in (
        ({"ladder", "method"}, TriggerSchema),
        ({"do"}, RungSchema),
        ({"kind", "settings"}, schemas.SourceSchema),
        ({"outcomes"}, OutcomesSchema),
        ({"bundle"}, feature_schemas.ReleaseSchema),
        ({"requirement", "trigger"}, evidence_schemas.WaiverSchema),
        ({"requirement"}, evidence_schemas.EvidenceSchema),
        ({"kind", "name"}, schemas.ApiKeySchema),
        ({"stage", "minutes"}, BreakGlassRequestSchema),
        ({"move"}, schemas.MoveSchema),
    ):
        if parts <= set(example):
            return schema()
    return None


def _access(folder: Path, secrets: Secrets | None = None) -> Access:
    calendar = ModelCalendar(Calendar(), {}, lambda: datetime.now(UTC))
    database = Database(f"sqlite:///{folder}/none.db")
    return Access(Outbound(), database, calendar, secrets=secrets or Secrets({}))


def _connect(kind: str, settings: dict[str, Any], folder: Path) -> None:
    """Make a source as an example describes it, with secrets for where it sends them."""
    places = re.findall(r'"(?:token_)?url": "(https?://[^/"]+)', json.dumps(settings))
    places = places or ["https://headgate.invalid"]
    names = re.findall(r'"env:([A-Z_]+)"', json.dumps(settings))
    given = {f"HEADGATE_SECRET_{name}": f"{places[-1]} user:secret" for name in names}
    SOURCES[kind].from_settings(settings, _access(folder, Secrets(given)))


def _source(key: str, folder: Path) -> Source:
    """A source as the examples mean it: the built-in one, or else a Prometheus."""
    access = _access(folder)
    if key in SOURCES:
        return SOURCES[key].from_settings({}, access)
    return SOURCES["prometheus"].from_settings({"url": "http://prometheus:9090"}, access)


@pytest.fixture
def empty_installation(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a `headgate serve` at its first start, and its admin key."""
    port, key = free_port(), new_secret(KeyKind.ADMIN)
    settings = {"HEADGATE_DATABASE_URL": f"sqlite:///{tmp_path}/headgate.db", "HEADGATE_ADMIN_KEY": key}
    command = [str(Path(sys.executable).with_name("headgate")), "serve", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        served = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _WALK_S
        while not _answers(port):
            waits = served.poll() is None and time.monotonic() < until
            assert waits, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", key
    finally:
        served.terminate()
        served.wait(20)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def test_the_walk_ends_in_a_rollback(empty_installation: tuple[str, str], tmp_path: Path) -> None:
    if missing_tools := [tool for tool in ("bash", "curl") if not shutil.which(tool)]:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the walk needs {', '.join(missing_tools)}")
    url, key = empty_installation
    steps = "\n".join(blocks(DOCS / "api.md", "sh walk"))
    walked = subprocess.run(
        ["bash", "-eu"],
        input=steps.replace("http://127.0.0.1:8080", url),
        env=os.environ | {"ADMIN": key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_WALK_S,
        check=False,
    )
    assert (walked.returncode, walked.stderr) == (0, "")
    answers = [json.loads(line) for line in walked.stdout.splitlines() if line]
    promotions = [answer for answer in answers if "requester" in answer]
    assert [promotion["status"] for promotion in promotions] == ["applied"]
    refused = [[error["code"] for error in answer["errors"]] for answer in answers if "errors" in answer]
    assert refused == [[*["evidence_missing"] * 4, "triggers_missing"], ["trigger_firing"]]
    assert [answer["variant"] for answer in answers if "variant" in answer] == ["stable", "off", "off"]
    before, firing, acknowledged = (answer["sentence"] for answer in answers if "ladder" in answer)
    assert (before, acknowledged) == ("", firing)
    assert f"`{' '.join(firing.split())}`" in " ".join(read("api.md").split())
    newest = next(answer for answer in answers if "items" in answer)["items"][0]
    assert (newest["name"], newest["actor"]) == ("review", "trigger:unsupported-answers")
    assert [answer["mode"] for answer in answers if "stage_since" in answer] == ["off", "review", "live"]
