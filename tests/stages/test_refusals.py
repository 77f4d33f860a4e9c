"""Refusals carry every reason, each with its remedy."""

from __future__ import annotations

import pytest

from stages import Refusal, Refused, refuse_unless_empty

HELD = Refusal("held", "the rollout is held", "settle the reason")
MISSING = Refusal("share_missing", "there is no share", "give one", "share")


def test_no_reason_means_no_refusal() -> None:
    refuse_unless_empty([])


def test_every_reason_is_carried_in_order_even_from_a_generator() -> None:
    with pytest.raises(Refused) as caught:
        refuse_unless_empty(reason for reason in (HELD, MISSING))
    assert caught.value.refusals == (HELD, MISSING)


def test_the_text_of_a_refusal_names_every_reason_and_every_remedy() -> None:
    text = str(Refused([HELD, MISSING]))
    assert text == "the rollout is held (settle the reason); there is no share (give one)"


def test_a_reason_is_about_the_whole_request_unless_it_names_a_field() -> None:
    assert (HELD.field, MISSING.field) == ("", "share")
