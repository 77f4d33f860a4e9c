"""Try a trigger out on the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.definitions import changed
from controller.cli.documents import document
from controller.cli.options import moment as a_moment
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment

_PATIENCE_S = 300.0
"""A source may be asked about the past for a minute: for two settings, and for what each is compared with."""


@click.command()
@click.argument("feature")
@click.argument("trigger", required=False)
@click.option("--file", "file", type=click.Path(), help="A definition, instead of a trigger that is there.")
@click.option(
    "--csv",
    "csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Replay over a CSV file: time,bad,total.",
)
@click.option("--readings", is_flag=True, help="Replay over what the trigger has read already.")
@click.option("--from", "start", type=a_moment, help="Since when; thirty days ago unless told.")
@click.option("--to", "end", type=a_moment, help="Until when; now unless told.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    help="Beside it, with this changed: limit=0.1; again for more.",
)
@click.option(
    "--plant-at", type=a_moment, help="Put a degradation in from then on, and tell when it is noticed."
)
@click.option(
    "--plant-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Share of good answers that are bad then.",
)
@click.option(
    "--plant-times",
    type=click.FloatRange(1, 1000),
    default=1.0,
    help="How many times a value is more then.",
)
@in_environment
def backtest(remote: Remote, feature: str, trigger: str | None, **asked: Any) -> Told:
    """Show when a trigger would have fired, how often falsely, and how soon it would notice."""
    if (trigger is None) == (asked["file"] is None):
        raise click.UsageError("name a trigger, or give its definition with --file")
    content: dict[str, Any] = {"history": _history(asked)}
    definition = document(asked["file"]) if asked["file"] else None
    content |= {"definition": definition} if definition else {"trigger": trigger}
    if asked["changes"]:
        base = definition or remote.get(remote.of_rollout(feature, "triggers", str(trigger)))
        content["beside"] = changed(base, asked["changes"])
    if asked["csv"]:
        content["csv"] = asked["csv"].read_text(encoding="utf-8")
    if asked["plant_at"]:
        plant = {"at": asked["plant_at"], "share": asked["plant_share"], "times": asked["plant_times"]}
        content["plant"] = plant
    content |= {name: asked[key] for name, key in (("from", "start"), ("to", "end")) if asked[key]}
    address = remote.of_rollout(feature, "backtest")
    found = remote.send("POST", address, content, deadline_s=_PATIENCE_S)
    return Told(found, _lines(found, planted=bool(asked["plant_at"])))


def _history(asked: Mapping[str, Any]) -> str:
    if asked["csv"] and asked["readings"]:
        raise click.UsageError("give --csv or --readings, not both")
    return "csv" if asked["csv"] else "readings" if asked["readings"] else "source"


def _lines(found: Mapping[str, Any], *, planted: bool) -> Iterator[str]:
    for setting in found["settings"]:
        params = ", ".join(f"{name} {value}" for name, value in setting["params"].items())
        yield f"{setting['key']}: {setting['method']} with {params}"
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in setting["verdicts"].items())
        span = f"{moment(setting['from'])} to {moment(setting['to'])}"
        yield f"  {span}: {setting['evaluations']} evaluations, {verdicts}"
        yield f"  fired {len(setting['fired'])} times, {setting['false_alarms_per_month']:.1f} false alarms a month"
        if setting["failed_windows"]:
            yield f"  {setting['failed_windows']} windows were not answered: {setting['failure']}"
        elif setting["failure"]:
            yield f"  there is nothing in any window: {setting['failure']}"
        if setting["fired"]:
            yield from aligned(_row(fired) for fired in setting["fired"])
        if planted:
            yield f"  the degradation is {_noticed(setting['noticed_after_s'])}"


def _noticed(after_s: float | None) -> str:
    return "not noticed" if after_s is None else f"noticed after {after_s:.0f} s"


def _row(fired: Mapping[str, Any]) -> tuple[str, str, str]:
    actions = ",".join(each["action"] for each in fired["actions"]) or "-"
    return moment(fired["at"]), actions, fired["sentence"]


COMMANDS: Mapping[str, click.Command] = {"backtest": backtest}
