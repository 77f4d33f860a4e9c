"""The calendar stays readable and keeps what it knows, whatever the listings do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from controller.model_calendar import BadListing, Health, ModelCalendar
from stages.models import Calendar, ModelEnd
from tests.conftest import START, Clock

TODAY = START.date()
KEPT = Calendar([ModelEnd("openai", "one", date(2027, 1, 1), "two"), ModelEnd("mistral", "five", TODAY)])


class Provider:
    """A provider that answers what the test says."""

    def __init__(self, *ends: ModelEnd) -> None:
        self.ends: tuple[ModelEnd, ...] = ends
        self.error: Exception | None = None
        self.asked = 0

    def __call__(self) -> tuple[ModelEnd, ...]:
        self.asked += 1
        if self.error:
            raise self.error
        return self.ends


def listed(id: str = "one", days: int = 60) -> ModelEnd:
    return ModelEnd("openai", id, TODAY + timedelta(days))


def end_of(calendar: ModelCalendar, id: str = "one") -> date | None:
    found = calendar.current().end_of("openai", id)
    return found.ends_at if found else None


@pytest.fixture
def provider() -> Provider:
    return Provider(listed())


@pytest.fixture
def calendar(provider: Provider, clock: Clock) -> ModelCalendar:
    return ModelCalendar(KEPT, {"openai": provider}, clock)


def test_until_something_is_asked_there_is_the_list_kept_by_hand(
    calendar: ModelCalendar, provider: Provider
) -> None:
    assert calendar.current() is KEPT
    assert calendar.health() == {"openai": Health()}
    assert calendar.health()["openai"].age_s(START) is None
    assert provider.asked == 0


def test_without_listings_the_list_kept_by_hand_is_all(clock: Clock) -> None:
    calendar = ModelCalendar(KEPT, {}, clock)
    calendar.refresh()
    assert list(calendar.current()) == list(KEPT)
    assert calendar.health() == {}


def test_what_a_provider_lists_wins_over_the_list_kept_by_hand(calendar: ModelCalendar) -> None:
    calendar.refresh()
    found = calendar.current().end_of("openai", "one")
    assert found == ModelEnd("openai", "one", TODAY + timedelta(60), "two")
    assert calendar.current().end_of("mistral", "five") is not None


def test_a_listing_tells_how_old_it_is(calendar: ModelCalendar, clock: Clock) -> None:
    calendar.refresh()
    now = clock.pass_(3600)
    health = calendar.health()["openai"]
    assert health == Health(listed_at=START, ends=1, tried_at=START)
    assert health.age_s(now) == 3600


@pytest.mark.parametrize(
    ("error", "said"),
    [(BadListing("HTTP 500"), "HTTP 500"), (KeyError("a-key-that-nobody-may-see"), "failed: KeyError")],
)
def test_a_listing_that_fails_keeps_what_it_last_said(
    calendar: ModelCalendar, provider: Provider, clock: Clock, error: Exception, said: str
) -> None:
    calendar.refresh()
    provider.error = error
    later = clock.pass_(86_400)
    calendar.refresh()
    assert end_of(calendar) == TODAY + timedelta(60)
    assert calendar.health()["openai"] == Health(START, 1, later, said)
    provider.error = None
    calendar.refresh()
    assert calendar.health()["openai"] == Health(later, 1, later)


def test_a_failing_listing_does_not_hold_up_another(clock: Clock, provider: Provider) -> None:
    broken = Provider()
    broken.error = OSError("no")
    calendar = ModelCalendar(KEPT, {"bedrock": broken, "openai": provider}, clock)
    calendar.refresh()
    assert end_of(calendar) == TODAY + timedelta(60)
    assert [bool(health.error) for health in calendar.health().values()] == [True, False]


def test_of_two_listings_the_earlier_date_counts(clock: Clock) -> None:
    for days in ((60, 30), (30, 60)):
        listings = {str(number): Provider(listed(days=day)) for number, day in enumerate(days)}
        calendar = ModelCalendar(KEPT, listings, clock)
        calendar.refresh()
        assert end_of(calendar) == TODAY + timedelta(30)


def test_a_date_that_is_put_off_or_withdrawn_is_forgotten(
    calendar: ModelCalendar, provider: Provider
) -> None:
    calendar.refresh()
    provider.ends = (listed(days=90),)
    calendar.refresh()
    assert end_of(calendar) == TODAY + timedelta(90)
    provider.ends = ()
    calendar.refresh()
    assert end_of(calendar) == date(2027, 1, 1)


def test_a_model_that_is_gone_stays_gone_when_the_provider_no_longer_lists_it(
    calendar: ModelCalendar, provider: Provider, clock: Clock
) -> None:
    provider.ends = (listed("three", days=1),)
    calendar.refresh()
    provider.ends = (listed(),)
    clock.pass_(86_400)
    calendar.refresh()
    assert end_of(calendar, "three") == TODAY + timedelta(1)
    provider.ends = (listed("three", days=9),)
    calendar.refresh()
    assert end_of(calendar, "three") == TODAY + timedelta(9)


@pytest.fixture
def stuck(clock: Clock) -> Iterator[tuple[ModelCalendar, Provider]]:
    """A calendar in the middle of a refresh that waits for a provider."""
    entered, leave = threading.Event(), threading.Event()
    waited_for = Provider(listed())

    def ask() -> tuple[ModelEnd, ...]:
        entered.set()
        leave.wait(30)
        return waited_for()

    calendar = ModelCalendar(KEPT, {"openai": ask}, clock)
    thread = threading.Thread(target=calendar.refresh)
    thread.start()
    assert entered.wait(30)
    try:
        yield calendar, waited_for
    finally:
        leave.set()
        thread.join(30)
        assert end_of(calendar) == TODAY + timedelta(60)


def test_readers_do_not_wait_for_a_provider(stuck: tuple[ModelCalendar, Provider]) -> None:
    calendar, _ = stuck
    assert calendar.current() is KEPT
    assert calendar.health() == {"openai": Health()}


def test_a_second_refresh_leaves_the_work_to_the_first(stuck: tuple[ModelCalendar, Provider]) -> None:
    calendar, provider = stuck
    calendar.refresh()
    assert provider.asked == 0
    assert calendar.current() is KEPT
