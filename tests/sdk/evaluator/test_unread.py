from __future__ import annotations

from headgate.evaluator.unread import Unread


def test_what_is_not_read_yet_is_the_same_if_its_text_is() -> None:
    one, other = Unread('{"a": [1, 2]}', 6, 12), Unread("[1, 2]", 0, 6)
    assert one == other
    assert one != Unread("[1,2]", 0, 5)
    assert one != "[1, 2]"
