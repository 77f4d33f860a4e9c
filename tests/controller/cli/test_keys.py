from __future__ import annotations

from datetime import timedelta

from tests.conftest import Clock
from tests.controller.cli.conftest import Installation


def test_a_key_runs_out_while_another_takes_its_place(installation: Installation, clock: Clock) -> None:
    ada = installation.ada
    first = ada.ok("key", "create", "product", "--kind", "server", "--for", "production").strip()
    assert first.startswith("hg_server_")
    [row] = ada.ok("key", "list").splitlines()
    assert first not in row
    assert row.endswith("goes on")
    id = row.split()[0]
    ada.ok("key", "create", "product, new", "--kind", "server", "--for", "production")
    end = (clock() + timedelta(days=1)).isoformat()
    assert "until" in ada.ok("key", "expire", id, "--at", end)
    assert "revoked" in ada.ok("key", "revoke", id)
    assert len(ada.ok("key", "list").splitlines()) == 2


def test_a_key_that_cannot_be_made_is_refused_with_the_field(installation: Installation) -> None:
    assert "environment" in installation.ada.refused("key", "create", "x", "--kind", "server")
    assert "kind" in installation.ada.refused("key", "create", "x", "--kind", "master")
    assert "roles" in installation.ada.refused("key", "create", "x", "--kind", "admin")
