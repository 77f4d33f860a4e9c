"""What every importer promises, whatever tool it reads.

A new importer brings samples in tests/vectors/reports/<tool>/; one of a run that was stopped has "partial" in its name.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import math
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.importers import IMPORTERS, BadReport, ReportFile, read_report
from stages import EvalReport, MetricKind
from tests.report_samples import Sample, sample, samples

SECRET = "sk-live-abcdefghijklmnopqrstuvwxyz012345"
every_sample = pytest.mark.parametrize("given_sample", samples(), ids=str)
every_tool = pytest.mark.parametrize("tool", sorted(IMPORTERS))


def read_or_refused(data: bytes, tool: str) -> EvalReport | BadReport:
    """Whatever else is raised fails the test."""
    try:
        return read_report(data, tool=tool)
    except BadReport as refusal:
        return refusal


def test_every_importer_has_a_sample_and_every_sample_an_importer() -> None:
    assert {found.tool for found in samples()} == set(IMPORTERS)


@every_tool
def test_an_importer_is_registered_under_its_name_and_says_what_writes_its_files(tool: str) -> None:
    assert IMPORTERS[tool].tool == tool
    assert IMPORTERS[tool].written_by


@every_sample
def test_a_file_is_recognised_by_its_own_importer_alone(given_sample: Sample) -> None:
    file = ReportFile(given_sample.data)
    assert [tool for tool, importer in IMPORTERS.items() if importer.recognises(file)] == [given_sample.tool]


@every_sample
def test_naming_the_tool_changes_nothing(given_sample: Sample) -> None:
    found = read_report(given_sample.data)
    assert found.tool == given_sample.tool
    assert found == read_report(given_sample.data, given_sample.path.name, given_sample.tool)


@every_sample
def test_counts_add_up(given_sample: Sample) -> None:
    report = read_report(given_sample.data)
    assert len({metric.name for metric in report.metrics}) == len(report.metrics) > 0
    for metric in report.metrics:
        if metric.kind is MetricKind.PASS_RATE:
            assert metric.passed + metric.failed + metric.errored + metric.unscored == metric.n
            assert metric.value == (metric.passed / metric.judged if metric.judged else None)
        assert metric.value is None or math.isfinite(metric.value)
        assert (
            metric.kind is MetricKind.COUNT or 0 <= metric.supports_at_least() <= metric.allows_at_most() <= 1
        )
    assert report.dataset.size is None or sum(report.dataset.layers.values()) <= report.dataset.size


@every_sample
def test_a_run_that_was_stopped_says_so_and_no_other_does(given_sample: Sample) -> None:
    assert bool(read_report(given_sample.data).partial) == given_sample.is_partial


@every_sample
def test_moments_are_in_utc_and_in_order(given_sample: Sample) -> None:
    report = read_report(given_sample.data)
    moments = [moment for moment in (report.started_at, report.finished_at) if moment]
    assert all(str(moment.tzinfo) == "UTC" for moment in moments)
    assert moments == sorted(moments)


@every_sample
def test_a_file_that_was_cut_off_is_refused_or_told_partial(given_sample: Sample) -> None:
    data = given_sample.data
    for end in range(1, len(data), max(1, len(data) // 200)):
        cut = data[:end]
        if cut.strip() == data.strip() or (given_sample.path.suffix == ".csv" and cut.endswith(b"\n")):
            continue  # Nothing is missing, or rows that nobody can miss.
        found = read_or_refused(cut, given_sample.tool)
        assert isinstance(found, BadReport) or found.partial, end


@every_sample
def test_a_refusal_names_a_place_and_a_remedy(given_sample: Sample) -> None:
    found = read_or_refused(given_sample.data[: len(given_sample.data) // 2], given_sample.tool)
    if isinstance(found, BadReport):
        (problem,) = found.problems
        assert problem.field
        assert problem.message
        assert problem.remedy
        assert found.code == "bad_report"


@every_sample
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_is_refused(given_sample: Sample, encoding: str) -> None:
    if given_sample.path.suffix == ".eval":
        pytest.skip("an archive is no text")
    found = read_or_refused(given_sample.data.decode().encode(encoding), given_sample.tool)
    assert isinstance(found, BadReport)


@every_sample
def test_a_byte_order_mark_does_no_harm(given_sample: Sample) -> None:
    if given_sample.path.suffix == ".eval":
        pytest.skip("an archive is no text")
    assert read_report(b"\xef\xbb\xbf" + given_sample.data) == read_report(given_sample.data)


@every_sample
def test_a_packed_file_is_refused_with_a_way_out(given_sample: Sample) -> None:
    found = read_or_refused(gzip.compress(given_sample.data), given_sample.tool)
    assert isinstance(found, BadReport)
    assert "unpack" in found.problems[0].remedy


def documents(data: bytes) -> tuple[list[Any], Callable[[list[Any]], bytes]]:
    """The JSON values in a file, and the way to write them back."""
    try:
        return [json.loads(data)], lambda values: json.dumps(values[0]).encode()
    except ValueError:
        lines = [json.loads(line) for line in data.splitlines() if line.strip()]
        return lines, lambda values: "".join(json.dumps(value) + "\n" for value in values).encode()


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


@pytest.mark.parametrize("given_sample", samples(".json", ".jsonl"), ids=str)
def test_added_secrets_do_not_enter_a_report(given_sample: Sample) -> None:
    values, written = documents(given_sample.data)
    for holder in [holder for value in values for holder in objects(value)]:
        if any(isinstance(inner, str) for inner in holder.values()):
            holder["apiKey"] = SECRET
            holder["headers"] = {"Authorization": f"Bearer {SECRET}"}
            holder["env"] = {"OPENAI_API_KEY": SECRET}
    found = read_or_refused(written(values), given_sample.tool)
    assert SECRET not in repr(found) + str(found)
    assert isinstance(found, EvalReport) or given_sample.tool == "generic"


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: with_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_texts(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


@pytest.mark.parametrize("given_sample", samples(".json", ".jsonl"), ids=str)
def test_secrets_in_any_text_do_not_enter_a_report(given_sample: Sample) -> None:
    values, written = documents(given_sample.data)
    sown = [with_texts(value, lambda text: f"{text} {SECRET}") for value in values]
    found = read_or_refused(written(sown), given_sample.tool)
    assert SECRET not in repr(found) + str(found)


@pytest.mark.parametrize("given_sample", samples(".json", ".jsonl"), ids=str)
def test_every_text_of_a_report_is_short_and_in_one_line(given_sample: Sample) -> None:
    values, written = documents(given_sample.data)
    sown = [with_texts(value, lambda text: text + "\x00\n\u202e\ud800" + "x" * 5000) for value in values]
    found = read_or_refused(written(sown), given_sample.tool)
    texts: list[str] = []
    if isinstance(found, EvalReport):
        texts = [found.run_id, found.tool_version, *found.subject.values(), *found.dataset.layers]
        texts += [metric.name for metric in found.metrics] + [found.dataset.name, *found.notes, found.partial]
    assert all(text.isprintable() and len(text) <= 600 for text in texts)
    "".join(texts).encode()


WRONG = st.sampled_from(
    [
        *(None, True, -1, 0, 3, 0.5, -0.5, 10**18, 10**40, 1e308, float("nan"), float("inf")),
        *("", "3", "x" * 300, [], {}, [[]], {"": None}, [None, {}], {"name": 1}),
    ]
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every entry of a document: what holds it, and its key."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield value, key
        yield from places(inner)


@st.composite
def mutated(draw: st.DrawFn, chosen: Sample) -> bytes:
    """A document of which some parts are missing or are something else."""
    values, written = documents(chosen.data)
    values = copy.deepcopy(values)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(values))
        if not found:
            break
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        if draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(
                draw(WRONG | st.sampled_from(found).map(lambda other: other[0][other[1]]))
            )
    return written(values) if values else b"\n"


@pytest.mark.parametrize("given_sample", samples(".json", ".jsonl"), ids=str)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_document_is_read_or_refused_and_nothing_else(
    given_sample: Sample, data: st.DataObject
) -> None:
    damaged = data.draw(mutated(given_sample))
    read_or_refused(damaged, given_sample.tool)
    read_or_refused(damaged, "")


@every_sample
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(
    given_sample: Sample, data: st.DataObject
) -> None:
    whole = given_sample.data
    start = data.draw(st.integers(0, len(whole) - 1))
    put = data.draw(
        st.binary(max_size=4) | st.sampled_from([b'"', b"}", b"-1", b"1e999", b"&x;", b"<!DOCTYPE x>"])
    )
    damaged = whole[:start] + put + whole[start + data.draw(st.integers(0, 8)) :]
    read_or_refused(damaged, given_sample.tool)
    read_or_refused(damaged, "")


def zipped(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    return archive.getvalue()


LAUGHS = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
HOSTILE = {
    "nothing": b"",
    "blank": b" \n\n",
    "bytes": bytes(range(256)) * 40,
    "null": b"null",
    "a number": b"1" * 100_000,
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "many lists": b"[" + b"[]," * 3_000_000 + b"[]]",
    "a key twice": b'{"results": 1, "results": 2}',
    "entities": f'<!DOCTYPE testsuites [<!ENTITY l0 "ha">{LAUGHS}]><testsuites name="&l9;"/>'.encode(),
    "an external entity": b'<!DOCTYPE testsuites [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuites>&x;</testsuites>',
    "deep elements": b"<testsuite>" * 100_000 + b"</testsuite>" * 100_000,
    "many elements": b"<testsuite>" + b"<a/>" * 4_000_000 + b"</testsuite>",
    "many attributes": b"<testsuite " + b" ".join(b'a%d=""' % at for at in range(500_000)) + b"/>",
    "a zip bomb": zipped("header.json", b" " * 80_000_000),
    "an empty zip": b"PK\x05\x06" + bytes(18),
    "an open quote": b'case,metric,passed\n"' + b"x" * 1_000_000 + b"\n",
    "many commas": b"case,metric,passed\n" + b"," * 5_000_000 + b"\n",
    "too much": b"[" + b" " * 20_000_000 + b"]",
}


@every_tool
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_was_never_a_report_is_refused(tool: str, hostile: bytes) -> None:
    assert isinstance(read_or_refused(hostile, tool), BadReport)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_within_limits(hostile: bytes) -> None:
    tracemalloc.start()
    try:
        assert isinstance(read_or_refused(hostile, ""), BadReport)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000_000


def test_an_unknown_file_is_told_every_tool_and_the_way_out() -> None:
    found = read_or_refused(b'{"a": 1}', "")
    assert isinstance(found, BadReport)
    assert all(tool in str(found) for tool in IMPORTERS)
    assert "docs/evidence-files.md" in found.problems[0].remedy


def test_an_unknown_tool_is_told_every_tool() -> None:
    found = read_or_refused(sample("promptfoo/v3.json").data, "promptfu")
    assert isinstance(found, BadReport)
    assert found.problems[0].field == "tool"
    assert "promptfoo" in found.problems[0].remedy


def test_a_file_of_two_tools_is_nobodys_guess() -> None:
    both = json.loads(sample("promptfoo/v3.json").data) | json.loads(
        sample("deepeval/test_run_20261121_154833.json").data
    )
    found = read_or_refused(json.dumps(both).encode(), "")
    assert isinstance(found, BadReport)
    assert "name the tool" in found.problems[0].remedy
