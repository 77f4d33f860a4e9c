from __future__ import annotations

from pathlib import Path

from tests.controller.cli.conftest import Shell


def test_plans_are_shown_per_tier_and_stage(ada: Shell) -> None:
    everything = ada.ok("plans", "show").splitlines()
    headings = [line for line in everything if not line.startswith(" ")]
    assert headings == [
        f"{tier}{stage}" for tier in ("T1", "T2", "T3") for stage in ("", " beta", " pilot", " scaled")
    ]
    only = ada.ok("plans", "show", "--tier", "T2").splitlines()
    assert [line for line in only if not line.startswith(" ")] == ["T2", "T2 beta", "T2 pilot", "T2 scaled"]
    assert any(line.split() == ["ceiling", "5000"] for line in only)


def test_a_project_asks_for_more_than_the_installation(ada: Shell, tmp_path: Path) -> None:
    file, stages = tmp_path / "more.yaml", ("beta", "pilot", "scaled")
    file.write_text("tiers: {T2: {beta: {approvals: 2}, pilot: {approvals: 2}, scaled: {approvals: 2}}}\n")
    said = ada.read("plans", "tighten", str(file), "--reason", "an audit")
    assert [said["tiers"]["T2"]["stages"][stage]["approvals"] for stage in stages] == [2, 2, 2]
    file.write_text("{}")
    told = ada.ok("plans", "tighten", str(file), "--reason", "it is over")
    assert ["approvals", "1"] in [line.split() for line in told.splitlines()]


def test_a_project_cannot_ask_for_less(ada: Shell, tmp_path: Path) -> None:
    file = tmp_path / "less.yaml"
    file.write_text("tiers: {T2: {beta: {approvals: 0}}}\n")
    said = ada.refused("plans", "tighten", str(file), "--reason", "x")
    assert "approvals" in said
    file.write_text("")
    assert "it holds no object" in ada.misused("plans", "tighten", str(file), "--reason", "x")


def test_a_group_is_set_and_listed(ada: Shell) -> None:
    assert ada.ok("group", "set", "risk", "user:ada@example.com", "key:bob").startswith("risk: ")
    assert ada.ok("group", "list") == "risk: key:bob, user:ada@example.com\n"
    assert "Missing argument 'MEMBERS...'" in ada.misused("group", "set", "risk")
    assert "is not a key" in ada.refused("group", "set", "X", "key:bob")
