from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import controller.cli
from controller.cli import ROOMS, main

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def commands(group: click.Group, path: str = "headgate") -> Iterator[tuple[str, click.Command]]:
    """Every command with what is typed for it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


EVERY = dict(commands(main))


def test_every_command_of_every_module_has_a_place() -> None:
    modules = [module.name for module in pkgutil.iter_modules(controller.cli.__path__, "controller.cli.")]
    there = {
        (name, module)
        for module in modules
        for name in getattr(importlib.import_module(module), "COMMANDS", ())
    }
    assert there == {(name, module) for room in ROOMS.values() for name, module in room.items()}


@pytest.mark.parametrize("typed", EVERY)
def test_every_command_and_every_option_says_what_it_does(typed: str) -> None:
    command = EVERY[typed]
    assert command.help
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert [option.opts for option in options if not option.help] == []
    helped = CliRunner().invoke(main, [*typed.split()[1:], "--help"])
    assert helped.exit_code == 0


def test_every_command_is_in_the_docs() -> None:
    page = PAGE.read_text("utf-8")
    assert [typed for typed in EVERY if f"`{typed}" not in page] == []


def test_every_option_is_in_the_docs() -> None:
    page = PAGE.read_text("utf-8")
    options = {
        option
        for command in EVERY.values()
        for param in command.params
        for option in param.opts
        if option[:2] == "--"
    }
    assert sorted(option for option in options if option not in page) == []


def test_an_overview_has_every_command_under_a_heading() -> None:
    overview = CliRunner().invoke(main, ["--help"]).output
    for heading, room in ROOMS.items():
        assert f"{heading}:\n" in overview
        assert all(f"\n  {name} " in overview for name in room)


def test_no_option_takes_the_key_itself() -> None:
    options = {option for command in EVERY.values() for param in command.params for option in param.opts}
    assert {option for option in options if "key" in option and option.startswith("-")} == {"--key-file"}


def test_stopping_a_feature_waits_for_no_database_library() -> None:
    """A command reads no more than it needs: in an emergency it starts at once."""
    program = (
        "import sys; from controller.cli import main; main.get_command(None, 'disable'); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not {"sqlalchemy", "flask", "uvicorn", "alembic"} & {*loaded.split()}
