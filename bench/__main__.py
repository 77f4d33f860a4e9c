"""Measure, and print one report: ``python -m bench [names] [--quick]``."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

from rich import box
from rich.console import Console
from rich.table import Table as Shown

from bench import (
    breaches,
    delivery,
    documents,
    evaluations,
    lookups,
    pages,
    propagation,
    replays,
    requests,
    sources,
    sustained,
)
from bench.measuring import FULL, QUICK, Effort, Table

SUBJECTS: dict[str, Callable[[Effort], list[Table]]] = {
    "lookups": lookups.run,
    "documents": documents.run,
    "evaluations": evaluations.run,
    "sustained": sustained.run,
    "breaches": breaches.run,
    "propagation": propagation.run,
    "replays": replays.run,
    "requests": requests.run,
    "sources": sources.run,
    "pages": pages.run,
    "delivery": delivery.run,
}


_WIDTH = 132
"""Columns to print when it goes into a file."""


def main() -> None:
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Headgate beside its peers.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(SUBJECTS)}; default all")
    parser.add_argument(
        "--quick", action="store_true", help="five minutes instead of fifteen; rougher figures"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(SUBJECTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(SUBJECTS)}")
    start, console = time.monotonic(), Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    tables: list[Table] = []
    for name in given.names or SUBJECTS:
        with console.status(f"Measuring {name}"):
            tables += SUBJECTS[name](QUICK if given.quick else FULL)
    for table in tables:
        console.print(_shown(table))
    console.print(
        f"Medians of alternating runs, all measured now, in {time.monotonic() - start:.0f} s, with "
        f"Python {platform.python_version()}. Read the ratios; what a row means is in bench/README.md."
    )


def _shown(table: Table) -> Shown:
    shown = Shown(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if number else "left", no_wrap=not number)
    for row in table.rows:
        shown.add_row(*row)
    return shown


if __name__ == "__main__":
    main()
