from __future__ import annotations

import pytest

from controller.permissions import GRANTS, Permission, Rights, Role, granted, roles_for, roles_from


def test_anybody_but_a_viewer_may_reduce_and_everybody_may_read() -> None:
    assert {role for role in Role if Permission.REDUCE not in GRANTS[role]} == {Role.VIEWER}
    assert all(Permission.READ in GRANTS[role] for role in Role)


def test_going_up_is_divided_between_who_asks_and_who_approves() -> None:
    assert not any(
        {Permission.EDIT, Permission.APPROVE} <= GRANTS[role] for role in Role if role is not Role.ADMIN
    )


def test_no_role_brings_the_right_to_break_the_glass() -> None:
    assert not any(Permission.BREAK_GLASS in GRANTS[role] for role in Role)
    assert Permission.BREAK_GLASS in granted([Role.OPERATOR], may_break_glass=True)
    assert roles_for(Permission.BREAK_GLASS) == ()


def test_a_mark_without_a_role_is_worth_nothing() -> None:
    assert granted([], may_break_glass=True) == frozenset()


def test_roles_add_up() -> None:
    both = granted([Role.OWNER, Role.APPROVER])
    assert both == GRANTS[Role.OWNER] | GRANTS[Role.APPROVER]
    assert Permission.ADMINISTER not in both


@pytest.mark.parametrize("stored", [None, "admin", ["Admin"], ["root"], [["admin"]], {"admin": True}, 1])
def test_what_is_no_role_grants_nothing(stored: object) -> None:
    assert roles_from(stored) == ()


def test_rights_in_a_project_say_nothing_of_another() -> None:
    mine = Rights({1: GRANTS[Role.ADMIN]})
    assert mine.may(Permission.ADMINISTER, 1)
    assert not mine.may(Permission.READ, 2)
    assert not mine.may(Permission.READ, None)
    assert (mine.sees(1), mine.sees(2), mine.projects) == (True, False, {1})


def test_nobody_gives_more_than_he_holds_but_who_runs_the_installation() -> None:
    mine = Rights({1: GRANTS[Role.ADMIN]})
    assert mine.may_hand_out(GRANTS[Role.APPROVER], 1)
    assert not mine.may_hand_out(granted([Role.VIEWER], may_break_glass=True), 1)
    assert not mine.may_hand_out(GRANTS[Role.VIEWER], 2)
    assert Rights(everywhere=GRANTS[Role.ADMIN]).may_hand_out(frozenset(Permission), 2)
