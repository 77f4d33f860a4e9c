"""Where features stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.remote import Remote
from controller.cli.text import aligned, described, exposure, moment, percent

_HEADINGS = ("FEATURE", "STAGE", "MODE", "SHARE", "RELEASE", "HOLDS", "FIRING")


@click.command()
@click.argument("feature", required=False)
@in_environment
def status(remote: Remote, feature: str | None) -> Told:
    """Show where features stand: stage, mode, share, release, holds, and the triggers that fire."""
    if feature:
        rollout = _with_firing(remote, remote.get(remote.of_rollout(feature)))
        return Told(rollout, [feature, *standing(rollout)])
    rollouts = [_with_firing(remote, item) for item in remote.all(remote.in_environment("rollouts"))["items"]]
    return Told({"items": rollouts, "next_cursor": None}, _table(rollouts))


def standing(rollout: Mapping[str, Any]) -> Iterator[str]:
    """Where one feature stands."""
    if rollout.get("broken"):
        yield from described({"mode": rollout["mode"], "broken": rollout["broken"]})
        return
    yield from described(
        {
            "stage": f"{rollout['stage']} since {moment(rollout['stage_since'])}",
            "mode": rollout["mode"],
            "exposure": exposure(rollout["exposure"]),
            "release": _release(rollout),
            "holds": ", ".join(rollout["holds"]),
            "firing": ", ".join(rollout.get("firing", ())),
            "replaced by": rollout["replacement"],
            "break-glass": _broken_glass(rollout.get("break_glass")),
            "version": rollout["version"],
        }
    )


def _with_firing(remote: Remote, rollout: dict[str, Any]) -> dict[str, Any]:
    """A rollout with the keys of its triggers that fire; None where it cannot be read, nor they."""
    if rollout.get("broken"):
        return {**rollout, "firing": None}
    triggers = remote.all(remote.of_rollout(rollout["feature"], "triggers"))["items"]
    return {**rollout, "firing": [each["key"] for each in triggers if each["phase"] == "firing"]}


def _table(rollouts: list[dict[str, Any]]) -> Iterator[str]:
    if not rollouts:
        return iter(["there is no feature here yet; begin with: headgate feature create"])
    return aligned([_HEADINGS, *(_row(rollout) for rollout in rollouts)], indent="")


def _row(rollout: Mapping[str, Any]) -> tuple[str, ...]:
    if rollout.get("broken"):
        return rollout["feature"], "?", rollout["mode"], "?", "?", "?", "?"
    return (
        rollout["feature"],
        rollout["stage"],
        rollout["mode"],
        percent(rollout["exposure"]["share"]),
        _release(rollout) or "-",
        ",".join(rollout["holds"]) or "-",
        ",".join(rollout["firing"]) or "-",
    )


def _release(rollout: Mapping[str, Any]) -> str:
    if not rollout["candidate"]:
        return rollout["stable"] or ""
    return f"{rollout['stable']} + {rollout['candidate']} for {percent(rollout['candidate_share'])}"


def _broken_glass(glass: Mapping[str, Any] | None) -> str:
    return f"by {glass['by']} until {moment(glass['until'])}" if glass else ""


COMMANDS: Mapping[str, click.Command] = {"status": status}
