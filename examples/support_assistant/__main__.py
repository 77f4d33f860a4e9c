"""Entry point of `python -m examples.support_assistant`."""

from __future__ import annotations

import sys

from examples.support_assistant.serve import main

if __name__ == "__main__":
    sys.exit(main())
