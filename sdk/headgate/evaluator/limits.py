"""Bounds on what a rule may ask for, and the two ways of saying no.

Rules arrive over the network and run inside the product's request, so everything that can grow is bounded:
the shape of a rule when it is compiled, and the lists, texts and numbers it makes while it runs.
"""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 64
"""How deep rules and the shared rules they name may be nested."""

MAX_NODES_PER_FLAG: Final = 50_000
"""How many values one rule may consist of once the shared rules are written out."""

MAX_NODES_PER_DOCUMENT: Final = 2_000_000
"""The same for all rules of a document; the flags beyond it are refused, the others work."""

MAX_FLAGS: Final = 100_000
"""How many flags one document may hold."""

MAX_ITEMS: Final = (10_000, 100)
"""How many items a loop may visit: outermost, and inside another loop. Loops are not nested deeper."""

MAX_TEXT: Final = 1_048_576
"""How many characters a text made by a rule may have."""

MAX_BITS: Final = 4_096
"""How many bits a whole number made by a rule may have."""


class CompileError(ValueError):
    """A rule that cannot be used; the message says why. It concerns one flag only."""


class LimitError(ValueError):
    """A running rule asked for more than it may have; the evaluation ends in an error answer."""
