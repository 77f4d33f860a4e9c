"""Entering a stage in an emergency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import STAGES, exposed, exposure_of, reason
from controller.cli.remote import Remote
from controller.cli.text import aligned, described, moment

_id = click.argument("id", type=click.IntRange(0))


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


@click.group()
def glass() -> None:
    """See where the glass was broken, and answer for it as somebody else."""


@glass.command("list")
@click.argument("feature")
@in_environment
def list_(remote: Remote, feature: str) -> Told:
    """List every time it was done, oldest first."""
    found = remote.all(remote.of_rollout(feature, "break-glass"))
    return Told(found, [line for one in found["items"] for line in _story(feature, one)])


@glass.command()
@click.argument("feature")
@_id
@reason
@in_environment
def review(remote: Remote, feature: str, id: int, reason: str) -> Told:
    """Say what you found when you looked at it; until then nothing is promoted."""
    return _answered(remote, feature, id, "review", reason)


@glass.command()
@click.argument("feature")
@_id
@reason
@in_environment
def regularise(remote: Remote, feature: str, id: int, reason: str) -> Told:
    """Confirm that the feature has what the stage asks for, and may stay."""
    return _answered(remote, feature, id, "regularise", reason)


def _answered(remote: Remote, feature: str, id: int, how: str, reason: str) -> Told:
    address = remote.of_rollout(feature, "break-glass", str(id), how)
    found = remote.send("POST", address, {"reason": reason})
    return Told(found, _story(feature, found))


def _story(feature: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{feature} from {found['from_stage']} to {found['to_stage']}: break-glass {found['id']}"
    ended = (
        f"{moment(found['ended_at'])}: {found['ended_how']} by {found['ended_by']}"
        if found["ended_at"]
        else ""
    )
    reviewed = (
        f"{moment(found['reviewed_at'])} by {found['reviewed_by']}" if found["reviewed_at"] else "by nobody"
    )
    yield from described(
        {
            "by": f"{found['by']} at {moment(found['opened_at'])}",
            "until": moment(found["until"]),
            "reason": found["reason"],
            "ended": ended,
            "reviewed": reviewed,
            "found": found["review"],
        }
    )


def _shown(feature: str, glass: Mapping[str, Any]) -> Iterator[str]:
    yield f"{feature} is in {glass['to_stage']} until {moment(glass['until'])}: break-glass {glass['id']}"
    yield from described({"by": glass["by"], "reason": glass["reason"]})
    if glass["skipped"]:
        yield "  what did not count"
        yield from aligned(
            ((one["code"], one["field"], one["message"]) for one in glass["skipped"]), indent="    "
        )


COMMANDS: Mapping[str, click.Command] = {"break-glass": break_glass, "glass": glass}
