"""The settings that break a release."""

from __future__ import annotations

import json

import pytest

from examples.support_assistant.faults import HEALTHY, FaultBook, Faults, FaultsError, parse_faults


def test_a_release_without_faults_of_its_own_has_those_of_every_release() -> None:
    book = FaultBook({"*": Faults(slow_ms=5), "r-1": Faults(unsupported=0.4)})
    assert (book.of("r-1"), book.of("r-2")) == (Faults(unsupported=0.4), Faults(slow_ms=5))
    assert FaultBook().of("r-1") == HEALTHY


def test_a_release_is_broken_and_mended_alone() -> None:
    book = FaultBook({"*": Faults(fails=1)})
    book.set("r-1", HEALTHY)
    assert (book.of("r-1"), book.of("r-2")) == (HEALTHY, Faults(fails=1))


def test_replacing_mends_what_is_not_named() -> None:
    book = FaultBook({"r-1": Faults(fails=1)})
    book.replace({})
    assert book.of("r-1") == HEALTHY


def test_what_a_book_describes_can_be_read_back() -> None:
    book = FaultBook({"r-1": Faults(unsupported=0.4, leak_account=True, slow_ms=3)})
    assert parse_faults(json.dumps(book.described())) == {
        "r-1": Faults(unsupported=0.4, leak_account=1.0, slow_ms=3)
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"r-1": 3}', "r-1"),
        ('{"r-1": {"unsuported": 0.4}}', "unsuported"),
        ('{"r-1": {"unsupported": "much"}}', "unsupported"),
        ('{"r-1": {"unsupported": 1.5}}', "unsupported"),
        ('{"r-1": {"unsupported": NaN}}', "unsupported"),
        ('{"r-1": {"slow_ms": -1}}', "slow_ms"),
        ('{"r-1": {"slow_ms": null}}', "slow_ms"),
    ],
)
def test_a_wrong_description_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(FaultsError, match=named):
        parse_faults(text)
