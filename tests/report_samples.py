"""The sample files in tests/vectors/reports: every one was written by the tool whose folder it is in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors" / "reports"
SUFFIXES = (".csv", ".eval", ".json", ".jsonl", ".xml")


@dataclass(frozen=True)
class Sample:
    """A file, and the tool that wrote it."""

    tool: str
    path: Path

    def __str__(self) -> str:
        return f"{self.tool}/{self.path.name}"

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def is_partial(self) -> bool:
        """Whether the run was stopped before its end: the name of the file says so."""
        return "partial" in self.path.stem


def samples(*suffixes: str) -> list[Sample]:
    """The samples whose names end so; all of them if no ending is given."""
    wanted = suffixes or SUFFIXES
    return [Sample(path.parent.name, path) for path in sorted(FOLDER.glob("*/*")) if path.suffix in wanted]


def sample(name: str) -> Sample:
    """One sample by tool and file name, such as ``promptfoo/v3.json``."""
    return next(found for found in samples() if str(found) == name)
