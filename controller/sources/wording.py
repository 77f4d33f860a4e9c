"""How what others said is repeated: shortly, on one line, and never a page."""

from __future__ import annotations

MAX_MESSAGE = 300


def one_line(text: str) -> str:
    """At most 300 characters on one line, with nothing that acts on a terminal or on the text direction."""
    visible = "".join(character if character.isprintable() else " " for character in text[: 4 * MAX_MESSAGE])
    line = " ".join(visible.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"
