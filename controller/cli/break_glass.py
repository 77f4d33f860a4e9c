"""Entering a stage in an emergency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import STAGES, exposed, exposure_of, reason
from controller.cli.remote import Remote
from controller.cli.text import aligned, described, moment


@click.command("break-glass")
@click.argument("feature")
@click.option("--to", "stage", type=STAGES, required=True, help="The stage to enter: the next one.")
@click.option(
    "--minutes", type=click.IntRange(5, 480), required=True, help="After how long it is taken back."
)
@reason
@exposed
@in_environment
def break_glass(remote: Remote, feature: str, stage: str, minutes: int, reason: str, **asked: Any) -> Told:
    """Enter the next stage without what it asks for, for a while; somebody else has to review it."""
    content = {"stage": stage, "minutes": minutes, "reason": reason, "exposure": exposure_of(asked)}
    glass = remote.send("POST", remote.of_rollout(feature, "break-glass"), content)
    return Told(glass, _shown(feature, glass))


def _shown(feature: str, glass: Mapping[str, Any]) -> Iterator[str]:
    yield f"{feature} is in {glass['to_stage']} until {moment(glass['until'])}: break-glass {glass['id']}"
    yield from described({"by": glass["by"], "reason": glass["reason"]})
    if glass["skipped"]:
        yield "  what did not count"
        yield from aligned(
            ((one["code"], one["field"], one["message"]) for one in glass["skipped"]), indent="    "
        )


COMMANDS: Mapping[str, click.Command] = {"break-glass": break_glass}
