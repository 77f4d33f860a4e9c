"""A worker process: it ticks on the settings of its environment until its input ends."""

from __future__ import annotations

import sys

from app import create_app, services_of
from controller.settings import load_settings


def main() -> None:
    parts = services_of(create_app(load_settings()))
    parts.ticks.start()
    sys.stdin.read()
    parts.ticks.stop()
    parts.ticks.join(10)


if __name__ == "__main__":
    main()
