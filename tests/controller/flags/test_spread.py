from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.flags.spread import lag_of, shown, spread
from controller.store.instances import Instance
from tests.conftest import START

TIMES = {10: START, 11: START + timedelta(seconds=10), 12: START + timedelta(seconds=20)}
NOW = START + timedelta(seconds=25)


def instance(revision: int | None, applied: float = 0, told: float = 0, **rest: Any) -> Instance:
    """An instance that applied its revision, and told of it, so many seconds after the first one was made."""
    known = {
        "sdk": "headgate-python/1",
        "app": "shop",
        "app_version": "7",
        "etag": "",
        "instance": "i",
        "id": 1,
    }
    times = {"applied_at": applied, "told_at": told, "first_seen_at": rest.pop("first_seen", -60)}
    times["seen_at"] = rest.pop("seen", 24)
    moments = {name: START + timedelta(seconds=seconds) for name, seconds in times.items()}
    return Instance(**{**known, **moments, "revision": revision, **rest})


def test_a_revision_is_everywhere_when_the_last_live_instance_runs_it() -> None:
    found = spread([instance(12, 20.030, 20.1), instance(12, 20.084, 20.2)], TIMES, 12, NOW)
    assert found.sentence == "2 of 2 instances on revision 12 after 84 ms"
    assert (found.is_everywhere, found.oldest_lag) == (True, None)


def test_until_then_it_is_told_who_is_behind_for_how_long() -> None:
    found = spread([instance(12, 20, 20), instance(10, 0, 0), instance(11, 10, 10)], TIMES, 12, NOW)
    assert found.sentence == "1 of 3 instances on revision 12; the oldest lag is 15.0 s"
    assert (found.after, found.oldest_lag) == (None, timedelta(seconds=15))


def test_an_instance_on_a_later_revision_has_the_one_before_too() -> None:
    assert spread([instance(12, 20, 20)], TIMES, 11, NOW).reached == 1


def test_who_claims_a_revision_that_was_never_made_has_none_of_ours() -> None:
    ahead = instance(13, 20, 21, app_version="8")
    found = spread([instance(12, 20.1, 20.2), ahead], TIMES, 12, NOW)
    assert found.sentence == "1 of 2 instances on revision 12; the oldest lag is 4.0 s"
    assert [(each.app_version, each.live, each.reached) for each in found.versions] == [
        ("7", 1, 1),
        ("8", 1, 0),
    ]
    assert spread([ahead], TIMES, 10, NOW).reached == 0


def test_instances_that_are_silent_are_counted_apart() -> None:
    silent = instance(10, seen=-200)
    found = spread([instance(12, 20, 20.5), silent], TIMES, 12, NOW)
    assert found.sentence == "1 of 1 instances on revision 12 after 0 ms; 1 not seen lately"
    assert (found.live, found.unseen, found.is_everywhere) == (1, 1, True)
    nobody = spread([silent], TIMES, 12, NOW)
    assert (nobody.is_everywhere, nobody.sentence) == (False, "no instance has reported lately")


def test_an_instance_that_came_later_says_nothing_of_how_long_it_took() -> None:
    late = instance(12, 24, 24, first_seen=24)
    assert spread([instance(12, 20.1, 20.2), late], TIMES, 12, NOW).after == timedelta(seconds=0.1)
    assert spread([late], TIMES, 12, NOW).after is None
    assert spread([instance(12, 20.1, 20.2)], {}, 12, NOW).after is None


def test_a_clock_that_is_wrong_is_not_believed() -> None:
    for applied in (-3600, 3600):
        found = spread([instance(12, applied, 20.3)], TIMES, 12, NOW)
        assert found.after == timedelta(seconds=0.3), applied


def test_an_instance_without_a_revision_is_behind_since_it_is_there() -> None:
    assert lag_of(instance(None, first_seen=5), TIMES, 12, NOW) == timedelta(seconds=20)
    assert lag_of(instance(3), {12: TIMES[12]}, 12, NOW) == timedelta(seconds=5)


def test_versions_are_told_apart() -> None:
    found = spread([instance(12), instance(11), instance(12, app_version="8")], TIMES, 12, NOW)
    assert [(one.app_version, one.reached, one.live) for one in found.versions] == [("7", 1, 2), ("8", 1, 1)]


def test_times_are_shown_as_people_say_them() -> None:
    assert [shown(timedelta(seconds=s)) for s in (0.084, 1.25, 99, 100, 7200)] == [
        "84 ms", "1.2 s", "99.0 s", "2 min", "120 min",
    ]  # fmt: skip


@given(
    st.lists(
        st.builds(
            instance,
            st.none() | st.integers(9, 13),
            applied=st.floats(-1e5, 1e5),
            told=st.floats(-60, 25),
            seen=st.floats(-1000, 25),
            first_seen=st.floats(-100, 25),
        ),
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_instance_is_lost_and_no_time_is_negative(instances: list[Instance]) -> None:
    found = spread(instances, TIMES, 12, NOW)
    assert found.live + found.unseen == len(instances)
    assert sum(one.live for one in found.versions) == found.live
    assert sum(one.reached for one in found.versions) == found.reached
    for time in (found.after, found.oldest_lag):
        assert time is None or time >= timedelta()
    assert (found.oldest_lag is None) == (found.reached == found.live)
