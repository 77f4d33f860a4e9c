from __future__ import annotations

import pytest

from controller.notices.events import EVENTS, is_pattern, names_of, wants


@pytest.mark.parametrize(
    ("pattern", "event", "is_wanted"),
    [
        ("*", "trigger.fired", True),
        ("*", "change.trigger.add", False),
        ("*", "change.promotion.ask", True),
        ("promotion.requested", "change.promotion.ask", True),
        ("change.promotion.ask", "change.promotion.ask", True),
        ("incident.*", "incident.opened", True),
        ("incident.*", "change.incident.close", True),
        ("incident.*", "incidental", False),
        ("change.*", "change.trigger.add", True),
        ("trigger.fired", "trigger.cleared", False),
    ],
)
def test_who_wants_what(pattern: str, event: str, *, is_wanted: bool) -> None:
    assert wants(["nothing.else", pattern], event) is is_wanted


def test_what_can_be_asked_for_is_an_event_or_a_group_of_them() -> None:
    assert all(is_pattern(event) for event in EVENTS)
    assert all(is_pattern(pattern) for pattern in ("*", "task.*", "change.*", "change.flag.set"))
    assert not any(is_pattern(pattern) for pattern in ("", "tasks.*", "trigger", "**", "trigger.fired.*"))


def test_a_change_that_is_an_event_is_told_under_the_name_of_the_event() -> None:
    assert names_of("change.promote")[0] == "promotion.applied"
    assert names_of("trigger.fired") == ("trigger.fired",)
