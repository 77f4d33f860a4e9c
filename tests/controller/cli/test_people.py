from __future__ import annotations

from tests.controller.cli.conftest import Shell

EVE = "eve@acme.example"


def test_members_are_let_in_listed_and_taken_out(ada: Shell) -> None:
    said = ada.ok("members", "set", EVE, "owner", "approver", "--may-break-glass")
    assert said.splitlines()[0].split("  ")[0] == EVE
    assert f"One-time password of {EVE}: " in said
    assert "owner, approver, may break glass" in ada.ok("members", "list")
    assert "One-time password" not in ada.ok("members", "set", EVE, "viewer")
    assert ada.ok("members", "remove", EVE).startswith(EVE)
    assert ada.ok("members", "list").strip() == ""
    assert "roles.0" in ada.refused("members", "set", EVE, "root")


def test_users_are_invited_and_changed(ada: Shell) -> None:
    assert f"One-time password of {EVE}: " in ada.ok("users", "invite", EVE, "--admin")
    assert "everything" in ada.ok("users", "list")
    assert "last_admin" in ada.refused("users", "change", EVE, "--no-active")
    ada.ok("users", "invite", "sam@acme.example", "--admin")
    assert "deactivated" in ada.ok("users", "change", EVE, "--no-active", "--no-admin")
    assert "One-time password" in ada.ok("users", "change", EVE, "--active")
    assert "One-time password" in ada.ok("users", "password", EVE)
