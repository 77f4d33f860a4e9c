"""How a command comes to the API, and how what it was told is printed."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from controller.cli.remote import BadName, NoAnswer, Remote, SaidNo
from controller.cli.text import reasons, visible
from controller.http import Outbound

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Told:
    """What the API told: its answer as it is, and the same as lines of text."""

    answer: Any
    lines: Iterable[str]


class Failed(click.ClickException):
    """What was asked for was refused, or could not be asked."""


Work = Callable[..., Told]
"""What a command does with the API, which is its first argument."""


def in_project(work: Work) -> Callable[..., None]:
    """Make a command's work one on a project: adds the options of the connection, and prints what is told."""
    return _PROJECT(at_installation(work))


def at_installation(work: Work) -> Callable[..., None]:
    """The same on a whole installation."""

    @functools.wraps(work)
    def command(*, as_json: bool, url: str, key_file: str | None, ca_file: str | None, **asked: Any) -> None:
        # A command that is not about an environment has no option for one, and another may leave it open.
        place = {name: asked.pop(name, None) or "" for name in ("project", "environment")}
        remote = Remote(url=url, key=_key(key_file), outbound=Outbound(ca_file=ca_file), **place)
        try:
            _print(work(remote, **asked), as_json=as_json)
        except BadName as bad:
            raise click.UsageError(str(bad)) from bad
        except NoAnswer as silent:
            raise Failed(str(silent)) from silent
        except SaidNo as said:
            _print_problem(said, as_json=as_json)

    for option in reversed(_CONNECTION):
        command = option(command)
    return command


def in_environment(work: Work) -> Callable[..., None]:
    """The same on an environment of a project."""
    return _environment(required=True)(in_project(work))


def near_environment(work: Work) -> Callable[..., None]:
    """The same on a project, for work that can tell more where an environment is named."""
    return _environment(required=False)(in_project(work))


def _environment(*, required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "-e",
        "--environment",
        envvar="HEADGATE_ENVIRONMENT",
        show_envvar=True,
        required=required,
        help="The environment, such as production.",
    )


_PROJECT = click.option(
    "-p",
    "--project",
    envvar="HEADGATE_PROJECT",
    show_envvar=True,
    required=True,
    help="The project.",
)
_CONNECTION = (
    click.option(
        "--url",
        envvar="HEADGATE_URL",
        show_envvar=True,
        default=DEFAULT_URL,
        show_default=True,
        help="The address of the installation.",
    ),
    click.option(
        "--key-file",
        type=click.Path(dir_okay=False),
        help="A file with the API key, instead of HEADGATE_API_KEY.",
    ),
    click.option(
        "--ca-file",
        envvar="HEADGATE_CA_FILE",
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False),
        help="Certificate authorities to trust instead of the public ones.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is."),
)


def _key(file: str | None) -> str:
    """The API key. It is never an argument: every user of a machine can read those."""
    try:
        key = (Path(file).read_text("utf-8") if file else os.environ.get("HEADGATE_API_KEY", "")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"the key file {file} cannot be read: {error}") from error
    if not key:
        raise click.UsageError("there is no API key; set HEADGATE_API_KEY, or name its file with --key-file")
    return key


def _print(told: Told, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told.answer, indent=2, ensure_ascii=False))
        return
    for line in told.lines:
        click.echo(visible(line))


def _print_problem(said: SaidNo, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(said.problem, indent=2, ensure_ascii=False))
        raise click.exceptions.Exit(1)
    raise Failed("\n".join(visible(line) for line in reasons(said.problem))) from said
