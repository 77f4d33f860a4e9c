"""A worker process: it ticks on the settings of its environment until its input ends."""

from __future__ import annotations

import os
import sys

from app import create_app, services_of
from controller.settings import load_settings
from controller.sources.outcomes import Outcomes
from tests.faults.crash import arm


def main() -> None:
    crash_at = os.environ.pop("HEADGATE_CRASH_AT", "")
    parts = services_of(create_app(load_settings()))
    if crash_at:
        arm(parts.database.engine, crash_at)
    # Small batches, so that it can be killed in the middle of its work.
    Outcomes.at_once = 5
    parts.ticks.start()
    sys.stdin.read()
    parts.ticks.stop()
    parts.ticks.join(10)


if __name__ == "__main__":
    main()
