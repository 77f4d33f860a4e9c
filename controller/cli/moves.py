"""Moves of a feature. Going down takes a feature and a reason, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import STAGES, exposed, exposure_of, reason, share
from controller.cli.remote import Remote
from controller.cli.status import standing
from stages import DOWN, UP, Mode, Replacement

Option = Callable[[Callable[..., None]], Callable[..., None]]

_MODES = click.Choice([mode.value for mode in Mode])
_ELSEWHERE = UP & {"promote"}

replaced_by = click.option(
    "--replaced-by",
    "replacement",
    type=click.Choice([each.value for each in Replacement]),
    help="What takes the place of the feature.",
)
to_stage = click.option("--to", "stage", type=STAGES, help="The stage to arrive at, where there are several.")
to_mode = click.option("--mode", type=_MODES, help="The mode to arrive at, where there are several.")
trial = click.option("--share", type=share, help="Which part of the users with the feature tries it.")


def _shorthand(move: str, told: str, *options: Option) -> click.Command:
    @click.argument("feature")
    @reason
    @in_environment
    def make(remote: Remote, feature: str, **asked: Any) -> Told:
        return _moved(remote, feature, move, **asked)

    for option in options:
        make = option(make)
    return click.command(move, help=told)(make)


@click.command()
@click.argument("feature")
@click.argument("move", type=click.Choice(sorted((UP | DOWN) - _ELSEWHERE)))
@reason
@exposed
@to_stage
@to_mode
@replaced_by
@click.option("--release", help="The release to introduce.")
@in_environment
def move(remote: Remote, feature: str, move: str, **asked: Any) -> Told:
    """Make any move of a feature by its name. To go up a stage, use promote."""
    return _moved(remote, feature, move, **asked)


@click.command()
@click.argument("feature")
@click.argument("release")
@trial
@reason
@in_environment
def introduce(remote: Remote, feature: str, release: str, **asked: Any) -> Told:
    """Bring a release in: in readiness as the one to serve, later on trial for --share of the users."""
    return _moved(remote, feature, "introduce", release=release, **asked)


def _moved(remote: Remote, feature: str, move: str, reason: str, **asked: Any) -> Told:
    words = ("stage", "mode", "replacement", "release")
    content = {name: asked[name] for name in words if asked.get(name)}
    if move == "introduce":
        # The share of a candidate is a part of those who have the feature, not of all users.
        content |= {"share": asked["share"]} if asked.get("share") else {}
    elif exposure := exposure_of(asked):
        content["exposure"] = exposure
    rollout = remote.move(feature, {"move": move, "reason": reason, **content})
    return Told(rollout, [f"{feature}: {move} is done", *standing(rollout)])


COMMANDS: Mapping[str, click.Command] = {
    "move": move,
    "introduce": introduce,
    **{
        command.name or "": command
        for command in (
            _shorthand("disable", "Switch a feature off for everybody, now."),
            _shorthand("review", "Send every answer of a feature to a person first."),
            _shorthand("revert", "Drop the candidate release, or go back to the release before."),
            _shorthand("narrow", "Let fewer have a feature, or let it do less.", exposed),
            _shorthand("hold", "Let a feature go no further up until it is resumed."),
            _shorthand("demote", "Take a feature down to an earlier stage.", to_stage),
            _shorthand("stop", "End a feature for good, with what takes its place.", replaced_by),
            _shorthand("adopt", "Give the release on trial to all who have the feature."),
            _shorthand("widen", "Let more have a feature, within its stage.", exposed),
            _shorthand("resume", "Lift the holds, and bring a feature back to life or to review.", to_mode),
            _shorthand("revive", "Begin again with a feature that was stopped."),
        )
    },
}
