"""The command ``headgate``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

ROOMS: Mapping[str, Mapping[str, str]] = {
    "Take down": dict.fromkeys(
        ("disable", "review", "revert", "narrow", "hold", "demote", "stop"), "controller.cli.moves"
    ),
    "Bring up": {
        **dict.fromkeys(("introduce", "adopt", "widen", "resume", "revive"), "controller.cli.moves"),
        **dict.fromkeys(("promote", "approve", "promotions"), "controller.cli.promotions"),
        "ramp": "controller.cli.ramps",
        **dict.fromkeys(("break-glass", "glass"), "controller.cli.break_glass"),
    },
    "Look and prepare": {
        "status": "controller.cli.status",
        "feature": "controller.cli.features",
        "release": "controller.cli.releases",
        "evidence": "controller.cli.evidence",
        "flags": "controller.cli.plain_flags",
        "instances": "controller.cli.instances",
        "backtest": "controller.cli.backtest",
        "drill": "controller.cli.drills",
        "explain": "controller.cli.explain",
        "incident": "controller.cli.incidents",
        "registry": "controller.cli.registries",
        "source": "controller.cli.sources",
        "trigger": "controller.cli.triggers",
        "proposals": "controller.cli.proposals",
        "task": "controller.cli.tasks",
        "destination": "controller.cli.destinations",
        "narrowing": "controller.cli.narrowings",
        "ready-made": "controller.cli.ready_made",
        "revert-target": "controller.cli.releases",
        "plans": "controller.cli.governance",
        "group": "controller.cli.governance",
        "key": "controller.cli.keys",
        "members": "controller.cli.people",
        "users": "controller.cli.people",
        "move": "controller.cli.moves",
    },
    "Run an installation": dict.fromkeys(
        ("serve", "migrate", "verify-audit", "revoke-key", "add-user", "new-key", "renew-secrets"),
        "controller.cli.service",
    ),
}
"""The commands by the heading they stand under, each with the module whose ``COMMANDS`` has it."""


class Rooms(click.Group):
    """Commands whose modules are read when they are asked for: whoever stops a feature waits for nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """The names of all commands."""
        return [name for room in ROOMS.values() for name in room]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name, if there is one."""
        module = next((room[cmd_name] for room in ROOMS.values() if cmd_name in room), None)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under their headings."""
        for heading, room in ROOMS.items():
            commands = {name: self.get_command(ctx, name) for name in room}
            with formatter.section(heading):
                formatter.write_dl(
                    [(name, command.get_short_help_str(80)) for name, command in commands.items() if command]
                )


@click.group(cls=Rooms)
@click.version_option(package_name="headgate-server")
def main() -> None:
    """Headgate: takes GenAI features from demo to production, and back out when they misbehave.

    Most commands ask the API of an installation. Its address is --url or HEADGATE_URL; the API key is in
    HEADGATE_API_KEY or in the file --key-file names. What is asked about is --project and --environment, or
    HEADGATE_PROJECT and HEADGATE_ENVIRONMENT.
    """
