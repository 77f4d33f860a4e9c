"""The story on a terminal: a line for each step as it happens, and below it where both features stand now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_REFRESH_S = 0.25
_MODES = {"live": "[green]● live[/]", "review": "[yellow]◐ review[/]", "off": "[red]○ off[/]"}

Rows = Callable[[], Sequence[Mapping[str, Any]]]
Tell = Callable[[str], None]


class Screen:
    """Shows steps and the live table. ``rows`` is asked for the table's content while the story runs."""

    def __init__(self, steps: int, rows: Rows) -> None:
        self.console = Console()
        self._rows = rows
        self._progress = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._task = self._progress.add_task("Headgate", total=steps)
        self._live = Live(console=self.console, refresh_per_second=8, transient=True)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="screen", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._live.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[Tell]:
        """A step of the story: its title, what it has to tell, and how long it took."""
        began = time.monotonic()
        self._progress.update(self._task, description=title)
        told = list[str]()
        yield told.append
        took = time.monotonic() - began
        self.console.print(f"[green]✓[/] [bold]{title}[/] [dim]{took:.1f} s[/]")
        for line in told:
            self.console.print(f"    {line}")
        self._progress.advance(self._task)

    def _refresh(self) -> None:
        while not self._stopping.wait(_REFRESH_S):
            self._live.update(Group(self._table(), self._progress))

    def _table(self) -> Table:
        table = Table(expand=True, pad_edge=False)
        for column in ("feature", "stage", "mode", "share", "stable", "candidate", "triggers"):
            table.add_column(column, overflow="fold")
        for row in self._rows():
            table.add_row(*_cells(row))
        return table


def change_log(changes: Sequence[Mapping[str, Any]]) -> Group:
    """The record of changes, oldest first: a line for what happened and, where there is one, a line for the reason."""
    lines = [Text("Change log", style="bold")]
    for change in changes:
        where = f"{change['feature']} " if change["feature"] else ""
        ends = f"  {_ends(change)}" if _ends(change) else ""
        lines.append(
            Text.assemble(
                (f"{change['seq']:3} {change['at'][11:23]}  ", "dim"),
                where,
                (change["name"], "bold"),
                (ends, "cyan"),
                (f"  by {change['actor']}", "magenta" if change["actor_kind"] == "trigger" else "dim"),
            )
        )
        if change["reason"]:
            lines.append(Text(f"{'':18}{change['reason']}", style="dim italic"))
    return Group(*lines)


def _cells(row: Mapping[str, Any]) -> list[str]:
    rollout = row["rollout"]
    candidate = (
        f"{rollout['candidate']} {rollout['candidate_share'] / 100:g} %" if rollout["candidate"] else "–"
    )
    return [
        rollout["feature"],
        rollout["stage"],
        _MODES[rollout["mode"]],
        f"{rollout['exposure']['share'] / 100:g} %",
        rollout["stable"] or "–",
        candidate,
        "\n".join(_trigger(trigger) for trigger in row["triggers"]) or "–",
    ]


def _trigger(trigger: Mapping[str, Any]) -> str:
    colour = {"firing": "red", "pending": "yellow"}.get(trigger["phase"], "green")
    return f"[{colour}]{trigger['key']}: {trigger['phase']}[/] [dim]{trigger['sentence']}[/]"


def _ends(change: Mapping[str, Any]) -> str:
    before, after = change["before"], change["after"]
    names = ("stage", "mode", "stable", "candidate")
    moved = [name for name in names if name in after and before.get(name) != after[name]]
    ends = [f"{name} {before.get(name) or 'none'} → {after[name] or 'none'}" for name in moved]
    share = [side.get("exposure", {}).get("share") for side in (before, after)]
    if share[0] != share[1]:
        ends.append(f"share {share[0] / 100:g} % → {share[1] / 100:g} %")
    return ", ".join(ends)
