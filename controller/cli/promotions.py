"""Going up a stage: ask, look, approve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import exposed, exposure_of, reason
from controller.cli.remote import Remote
from controller.cli.text import described, evidence_of, exposure, moment, refusals, visible
from stages import EXPOSED, Stage

_STAGES = click.Choice([stage.value for stage in Stage if stage in EXPOSED])


@click.command()
@click.argument("feature")
@click.option("--to", "stage", type=_STAGES, required=True, help="The stage to enter.")
@reason
@exposed
@in_environment
def promote(remote: Remote, feature: str, stage: str, reason: str, **asked: Any) -> Told:
    """Ask for the next stage. Every reason against it is told at once; approvals may be given later."""
    content = {"stage": stage, "reason": reason, "exposure": exposure_of(asked)}
    promotion = remote.send("POST", remote.of_rollout(feature, "promotions"), content)
    return Told(promotion, _shown(feature, promotion))


@click.command()
@click.argument("feature")
@click.argument("id", type=click.IntRange(0))
@click.option("--show", is_flag=True, help="Only show what would be approved.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@in_environment
def approve(remote: Remote, feature: str, id: int, *, show: bool, yes: bool) -> Told:
    """Agree to a promotion as it stands now, after a look at what it is; the last approval applies it."""
    address = remote.of_rollout(feature, "promotions", str(id))
    if show:
        promotion = remote.get(address)
        return Told(promotion, _seen(remote, feature, promotion))
    promotion = remote.get(address)
    if not yes:
        _ask_whether_it_is_meant(remote, feature, promotion)
    # Whatever changes while somebody thinks about it is refused by the server.
    approved = remote.send("POST", f"{address}/approvals", if_match=promotion["seen"])
    return Told(approved, _shown(feature, approved))


@click.command()
@click.argument("feature")
@in_environment
def promotions(remote: Remote, feature: str) -> Told:
    """List what was asked for, oldest first, and what stands against it now."""
    found = remote.all(remote.of_rollout(feature, "promotions"))
    return Told(found, [line for item in found["items"] for line in _shown(feature, item)])


def _ask_whether_it_is_meant(remote: Remote, feature: str, promotion: Mapping[str, Any]) -> None:
    """Show what would be approved, and go on only if it is agreed to."""
    for line in _seen(remote, feature, promotion):
        click.echo(visible(line), err=True)
    click.confirm("Approve it?", abort=True, err=True)


def _seen(remote: Remote, feature: str, promotion: Mapping[str, Any]) -> list[str]:
    return [*_shown(feature, promotion), *_at_stake(remote, feature, promotion["stage"])]


def _shown(feature: str, promotion: Mapping[str, Any]) -> Iterator[str]:
    yield f"{feature} to {promotion['stage']}: promotion {promotion['id']} is {promotion['status']}"
    yield from described(
        {
            "asked by": f"{promotion['requester']} at {moment(promotion['created_at'])}",
            "reason": promotion["reason"],
            "exposure": exposure(promotion["exposure"]),
            "approved by": ", ".join(promotion["approved_by"]),
        }
    )
    if promotion["refusals"]:
        yield "  what is against it"
        yield from (f"  {line}" for line in refusals(promotion["refusals"]))


def _at_stake(remote: Remote, feature: str, stage: str) -> Iterator[str]:
    """What an approval is bound to: the release, and how the evidence stands."""
    sheet = remote.get(remote.of_rollout(feature, "readiness"), stage=stage)
    yield f"  release   {sheet['release'] or 'none'}"
    yield from evidence_of(sheet)


COMMANDS: Mapping[str, click.Command] = {"promote": promote, "approve": approve, "promotions": promotions}
