"""JUnit XML: what test runners of every language write. A test is a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from controller.importers.bad_report import BadReport
from controller.importers.file import ReportFile
from controller.importers.importer import Importer
from controller.importers.limits import MAX_COUNT
from controller.importers.measures import pass_rate
from controller.importers.wording import clean, moment
from controller.importers.xml_text import Element
from stages import Dataset, EvalReport

_SUITES = ("testsuites", "testsuite")
_LAYER_LENGTH = 40
_LONGEST_COUNT = 10


class JUnit(Importer):
    """One pass rate over all tests: errors are errored, skipped tests are unscored."""

    tool = "junit"
    written_by = "pytest --junitxml=results.xml, promptfoo eval -o results.junit.xml, and most test runners"

    def recognises(self, file: ReportFile) -> bool:
        """An XML file of test suites."""
        return file.xml_tag() in _SUITES

    def read(self, file: ReportFile) -> EvalReport:
        """See `Importer.read`."""
        root = file.xml()
        if root.tag not in _SUITES:
            raise BadReport("file", "holds no test suites", f"hand in JUnit XML, as of {self.written_by}")
        cases = _counted(root, root.tag)
        layers = Counter(filter(None, map(_layer, _cases(root))))
        return EvalReport(
            tool=self.tool,
            started_at=min(filter(None, map(_started, _suites(root))), default=None),
            dataset=Dataset(
                name=clean(root.attributes.get("name", "")), size=cases.total(), layers=dict(layers)
            ),
            metrics=(
                pass_rate(
                    "pass_rate",
                    root.tag,
                    passed=cases["passed"],
                    failed=cases["failures"],
                    errored=cases["errors"],
                    unscored=cases["skipped"],
                ),
            ),
        )


def _suites(suite: Element) -> Iterator[Element]:
    """A suite and those within it."""
    yield suite
    for inner in suite.inside(*_SUITES):
        yield from _suites(inner)


def _cases(root: Element) -> Iterator[Element]:
    for suite in _suites(root):
        yield from suite.inside("testcase")


def _counted(suite: Element, place: str) -> Counter[str]:
    """How many tests passed and so on, within a suite; what the suite says of itself must agree.

    A suite that lists nothing is taken at its word.
    """
    told = {key: _told(suite, key, place) for key in ("tests", "failures", "errors", "skipped")}
    if not any(suite.inside("testcase", *_SUITES)):
        return _of_summary(told, place)
    cases = Counter(map(_outcome, suite.inside("testcase")))
    for at, inner in enumerate(suite.inside(*_SUITES)):
        cases += _counted(inner, f"{place}.{inner.tag}[{at}]")
    _compare(told, cases, place)
    return cases


def _outcome(case: Element) -> str:
    """The worse of two wins: a test can fail, and break while it is cleaned up."""
    said = {child.tag for child in case.children}
    for tag, outcome in (("error", "errors"), ("failure", "failures"), ("skipped", "skipped")):
        if tag in said:
            return outcome
    return "skipped" if case.attributes.get("status") in {"notrun", "disabled"} else "passed"


def _told(suite: Element, key: str, place: str) -> int | None:
    written = suite.attributes.get(key)
    if written is None:
        return None
    digits = written if written.isascii() and written.isdigit() and len(written) <= _LONGEST_COUNT else ""
    if not digits or int(digits) > MAX_COUNT:
        raise BadReport(f"{place}.{key}", "is not a number of tests")
    return int(digits)


def _of_summary(told: dict[str, int | None], place: str) -> Counter[str]:
    known = {key: cases or 0 for key, cases in told.items()}
    passed = known.pop("tests") - sum(known.values())
    if passed < 0:
        raise BadReport(f"{place}.tests", "is less than its failures, errors and skipped tests together")
    return Counter(passed=passed, **known)


def _compare(told: dict[str, int | None], cases: Counter[str], place: str) -> None:
    """Refuse numbers that the listed tests do not bear out.

    Runners differ in how they count a test that broke while it was cleaned up: pytest may count it once more than it
    lists it, or once less. So the number of tests may be off by as many as broke.
    """
    off = {key: abs(said - cases[key]) for key, said in told.items() if said is not None and key != "tests"}
    for key in (key for key, difference in off.items() if difference):
        raise BadReport(f"{place}.{key}", f"is not the {cases[key]} that the tests show")
    tests = told["tests"]
    if tests is not None and abs(tests - cases.total()) > cases["errors"]:
        raise BadReport(f"{place}.tests", f"is not the {cases.total()} that are listed")


def _layer(case: Element) -> str:
    """The value of the property ``layer``; empty if there is none."""
    for properties in case.inside("properties"):
        for entry in properties.inside("property"):
            if entry.attributes.get("name") == "layer":
                return clean(entry.attributes.get("value", ""), _LAYER_LENGTH)
    return ""


def _started(suite: Element) -> datetime | None:
    return moment(suite.attributes.get("timestamp", ""))
