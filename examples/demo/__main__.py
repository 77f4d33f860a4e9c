"""``python -m examples.demo [--once]``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from examples.demo.controller import EMAIL, Controller, DemoError
from examples.demo.screen import Screen, change_log
from examples.demo.story import Story


def main() -> int:
    """Play the story; returns 0 if every step happened."""
    options = argparse.ArgumentParser(prog="make demo", description=__doc__)
    options.add_argument("--once", action="store_true", help="exit when the story is over")
    once: bool = options.parse_args().once
    console = Console()
    try:
        return _run(console, once=once)
    except DemoError as error:
        console.print(f"[red]✗ {error}[/]", markup=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(console: Console, *, once: bool) -> int:
    folder = Path("var/demo").resolve()
    with Controller(folder, Path(__file__).with_name("plans.yaml")) as controller:
        story = Story(controller.url, controller.admin_key, folder)
        began = time.monotonic()
        with Screen(len(story.scenes), story.rows) as screen:
            story.play(screen)
        console.print(change_log(story.changes()))
        console.print(f"[green]✓[/] headgate verify-audit: {controller.verify_audit()}")
        for what, seconds in story.measured.items():
            console.print(f"[bold]{seconds:6.2f} s[/] {what}")
        console.print(f"[dim]{time.monotonic() - began:6.1f} s for the whole story[/]")
        if not once:
            console.print(f"\nThe controller goes on at [bold]{controller.url}[/]  (Ctrl-C stops it)")
            console.print(f"Sign in as {EMAIL} with the password {controller.password}")
            controller.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
