from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.options import exposure_of, moment, share


@given(st.integers(0, 10_000))
def test_a_share_is_read_in_both_ways_of_writing_it(points: int) -> None:
    assert share(str(points)) == points
    assert share(f"{points / 100:.2f}%") == points


@pytest.mark.parametrize("text", ["", "%", "-1", "1e3", "10001", "100.01%", "0.005%", "25 %", "٣%", "1_0"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not"):
        share(text)


def test_a_date_means_its_first_moment_in_utc() -> None:
    assert moment("2027-01-31") == "2027-01-31T00:00:00+00:00"
    assert moment("2027-01-31T12:00:00Z") == "2027-01-31T12:00:00+00:00"
    assert moment("2027-01-31T12:00:00+02:00") == "2027-01-31T12:00:00+02:00"


@pytest.mark.parametrize("text", ["", "soon", "2027-02-30", "2027-01-31T12:00:00", "31.01.2027"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        moment(text)


def test_an_exposure_holds_what_was_said_and_nothing_else() -> None:
    assert exposure_of({"share": None, "cohorts": (), "tasks": (), "autonomy": None}) is None
    assert exposure_of({"share": 0, "cohorts": ("staff",), "tasks": (), "autonomy": "draft"}) == {
        "share": 0,
        "cohorts": ["staff"],
        "autonomy": "draft",
    }
