"""Kill drills: rehearsing a stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import reason
from controller.cli.remote import Remote
from controller.cli.text import aligned, described, moment

_NOTHING = "none"


@click.group()
def drill() -> None:
    """Rehearse a stop: flip a flag that nobody needs, and see how soon every instance has it."""


@drill.command()
@in_environment
def show(remote: Remote) -> Told:
    """Show how an environment rehearses, and how it went so far."""
    found = remote.get(remote.in_environment("drill"))
    runs = remote.get(remote.in_environment("drill", "runs"), limit="20")["items"]
    return Told({**found, "runs": runs}, _drill(found, runs))


@drill.command("set")
@click.option("--on/--off", "enabled", default=None, help="Whether it is done by itself.")
@click.option("--every-hours", type=click.IntRange(1, 8760), help="How often.")
@click.option(
    "--limit-s", type=click.IntRange(1, 600), help="Seconds in which every live instance has to have it."
)
@click.option("--requirement", help="What it is evidence for; none for nothing.")
@click.option("--expires-days", type=click.IntRange(1, 365), help="For how long that evidence counts.")
@click.option("--reason", default="", help="Why. It is recorded.")
@in_environment
def set_drill(remote: Remote, reason: str, requirement: str | None, **asked: Any) -> Told:
    """Say how an environment rehearses; what is not said stays as it is."""
    content = {name: value for name, value in asked.items() if value is not None}
    if requirement is not None:
        content["requirement"] = None if requirement == _NOTHING else requirement
    found = remote.send("PATCH", remote.in_environment("drill"), content | {"reason": reason})
    return Told(found, _drill(found, []))


@drill.command()
@reason
@in_environment
def run(remote: Remote, reason: str) -> Told:
    """Rehearse now. How it went is shown by `headgate drill show`."""
    found = remote.send("POST", remote.in_environment("drill", "runs"), {"reason": reason})
    return Told(found, [f"drill {found['id']} has begun; it ends within {found['limit_s']} s"])


def _drill(found: Mapping[str, Any], runs: list[dict[str, Any]]) -> Iterator[str]:
    when = f"every {found['every_hours']} h, next {moment(found['due_at'])}"
    yield f"drills: {when if found['enabled'] else 'only when somebody asks'}"
    yield from described(
        {
            "limit": f"{found['limit_s']} s",
            "evidence": f"{found['requirement']}, for {found['expires_days']} days"
            if found["requirement"]
            else "",
        }
    )
    yield from aligned((one["id"], moment(one["started_at"]), one["state"], one["sentence"]) for one in runs)


COMMANDS: Mapping[str, click.Command] = {"drill": drill}
