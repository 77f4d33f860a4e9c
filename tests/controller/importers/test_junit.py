from __future__ import annotations

import pytest

from controller.importers import BadReport, read_report
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample


def read(text: str) -> EvalReport:
    return read_report(text.encode(), tool="junit")


def counts(report: EvalReport) -> tuple[int, int, int, int]:
    (metric,) = report.metrics
    return metric.passed, metric.failed, metric.errored, metric.unscored


def refused(text: str) -> BadReport:
    with pytest.raises(BadReport) as caught:
        read(text)
    return caught.value


def test_the_run_of_pytest_is_counted() -> None:
    report = read_report(sample("junit/pytest_claims.xml").data)
    assert report.metrics == (
        Metric(
            name="pass_rate",
            kind=MetricKind.PASS_RATE,
            value=0.75,
            n=6,
            passed=3,
            failed=1,
            errored=1,
            unscored=1,
        ),
    )
    assert report.dataset.layers == {"happy_path": 3, "safety": 1}
    assert report.dataset.name == "pytest tests"
    assert report.started_at is not None


def test_the_junit_file_of_promptfoo_says_what_its_json_says() -> None:
    from_junit = read_report(sample("junit/promptfoo.xml").data).metric("pass_rate")
    assert from_junit == read_report(sample("promptfoo/v3.json").data).metric("pass_rate")


def test_a_test_whose_clean_up_broke_is_errored() -> None:
    assert counts(read_report(sample("junit/pytest_teardown.xml").data)) == (0, 1, 2, 0)


def test_suites_in_suites_are_added_up() -> None:
    inner = '<testsuite tests="1"><testcase/></testsuite>'
    text = f'<testsuites tests="3"><testsuite tests="3"><testcase/>{inner}{inner}</testsuite></testsuites>'
    assert counts(read(text)) == (3, 0, 0, 0)


def test_a_suite_that_lists_nothing_is_taken_at_its_word() -> None:
    assert counts(read('<testsuite tests="9" failures="2" errors="1" skipped="3"/>')) == (3, 2, 1, 3)


def test_a_suite_without_numbers_is_counted() -> None:
    assert counts(read("<testsuite><testcase/><testcase><failure/></testcase></testsuite>")) == (1, 1, 0, 0)


def test_a_test_that_was_not_run_is_unscored() -> None:
    assert counts(read('<testsuite><testcase/><testcase status="notrun"/></testsuite>')) == (1, 0, 0, 1)


def test_the_worse_of_two_outcomes_wins() -> None:
    text = "<testsuite><testcase><skipped/><failure/><error/></testcase><testcase/></testsuite>"
    assert counts(read(text)) == (1, 0, 1, 0)


@pytest.mark.parametrize("key", ["tests", "failures", "errors", "skipped"])
def test_numbers_that_the_tests_do_not_show_are_refused(key: str) -> None:
    text = f'<testsuites><testsuite/><testsuite {key}="2"><testcase/></testsuite></testsuites>'
    assert refused(text).problems[0].field == f"testsuites.testsuite[1].{key}"


@pytest.mark.parametrize("wrong", ["-1", "1.0", "", " 1", "٣", "9" * 5000, "1e3"])
def test_a_number_that_is_no_count_is_refused(wrong: str) -> None:
    assert (
        refused(f'<testsuite tests="{wrong}"><testcase/></testsuite>').problems[0].field == "testsuite.tests"
    )


def test_a_summary_of_more_failures_than_tests_is_refused() -> None:
    assert refused('<testsuite tests="1" failures="2"/>').problems[0].field == "testsuite.tests"


def test_other_xml_is_refused() -> None:
    assert "JUnit" in refused("<html/>").problems[0].remedy


def test_a_suite_without_tests_is_refused() -> None:
    assert "no case" in str(refused('<testsuite tests="0"/>'))


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE testsuite><testsuite><testcase/></testsuite>",
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&b;"/></testsuite>',
        "<testsuite><testcase name='&b;'/></testsuite>",
        "<testsuite><testcase></testsuite>",
        "<testsuite/><testsuite/>",
    ],
)
def test_xml_that_cannot_be_trusted_is_refused(text: str) -> None:
    assert refused(text).problems[0].field == "file"


def test_a_document_type_in_the_output_of_a_test_does_no_harm() -> None:
    said = "<system-out><![CDATA[<!DOCTYPE html><html>]]></system-out>"
    assert counts(read(f"<testsuite><testcase>{said}</testcase></testsuite>")) == (1, 0, 0, 0)
