"""Why a trigger said what it said, asked of an installation or found out from a file alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from controller import strict_json
from controller.cli.connection import Failed, Told, in_environment
from controller.cli.remote import Remote
from controller.cli.text import described, visible
from triggers import Reading, Record, Unreadable, explained, is_as_written

_USUAL: tuple[Any, ...] = (None, [], 0, "", "critical")
"""What need not be said of a state."""


class _Explain(click.Command):
    """Asks the API, unless it is given a file: then nothing but the file is needed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Choose by whether the first word names a file; no feature has a dot in its key."""
        if args and args[0].endswith(".json"):
            return from_file.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Explain)
@click.argument("feature")
@click.argument("trigger")
@click.argument("reading")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the record into a file.")
@in_environment
def explain(remote: Remote, feature: str, trigger: str, reading: str, out: Path | None) -> Told:
    """Show what a verdict depended on, and whether it would be the same again.

    READING is an id from the readings of the trigger, or "newest". With the name of a file that --out wrote
    (RECORD.json) instead of the three, it is judged again from the file alone, without a server.
    """
    address = remote.of_rollout(feature, "triggers", trigger, "readings")
    if reading == "newest":
        items = remote.get(address, limit="1")["items"]
        if not items:
            raise Failed(f"{trigger} has read nothing yet; wait for its next evaluation")
        reading = str(items[0]["id"])
    found = remote.get(f"{address}/{reading}")
    if out:
        if found["record"] is None:
            raise Failed(f"there is no record to write: {found['recomputed']}")
        out.write_text(json.dumps(found["record"], ensure_ascii=False, indent=1), encoding="utf-8")
    return Told(found, _told(found))


_CHANGED = "it is not as it was written: its digest is not that of its content"


@click.command()
@click.argument("record", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def from_file(record: Path) -> None:
    """Judge a record again from its file alone; a difference, or a file that was changed, is a failure."""
    try:
        stored = strict_json.loads(record.read_bytes())
        read = Record.from_json(stored)
    except (Unreadable, strict_json.InvalidJSON, OSError) as wrong:
        raise click.UsageError(f"{record} is no record of an evaluation: {wrong}") from wrong
    differs = read.differences()
    changed = [] if is_as_written(stored) else [_CHANGED]
    for line in (*_lines(read), explained(read, differs), *changed):
        click.echo(visible(line))
    if differs or changed:
        raise click.exceptions.Exit(1)


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    if found["record"]:
        yield from _lines(Record.from_json(found["record"]))
    else:
        yield f"{found['verdict']}: {found['sentence']}"
    yield found["recomputed"]


def _lines(record: Record) -> Iterator[str]:
    trigger = record.trigger
    params = ", ".join(f"{name} {value}" for name, value in trigger.method.params().items())
    yield f"{trigger.key} at {record.at:%Y-%m-%d %H:%M:%S} UTC: {record.verdict}"
    yield f"  {record.sentence}"
    yield from described(
        {
            "rule": f"version {record.version}, {trigger.method.name} with {params}",
            "numbers": ", ".join(f"{name} {number:g}" for name, number in record.numbers.items()),
            "before": _state(record.before.to_json()),
            "after": _state(record.after.to_json()),
        }
    )
    for reading in record.readings:
        yield from _read(reading)


def _read(reading: Reading) -> Iterator[str]:
    start, end = reading.window.start, reading.window.end
    numbers = {name: getattr(reading, name) for name in ("bad", "total", "value", "samples")}
    said = ", ".join(f"{name} {number:g}" for name, number in numbers.items() if number is not None)
    yield f"  {start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S}: {said or reading.message or reading.status}"
    yield from (f"    {part}: {query}" for part, query in reading.asked.items())


def _state(state: Mapping[str, Any]) -> str:
    told = {name: value for name, value in state.items() if value not in _USUAL}
    return ", ".join(f"{name} {value}" for name, value in told.items())


COMMANDS: Mapping[str, click.Command] = {"explain": explain}
