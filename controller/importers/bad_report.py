"""The one way in which a report file is refused."""

from __future__ import annotations

from controller.errors import InvalidInput, Problem

AS_WRITTEN = "hand in the whole file as the tool wrote it"
"""What to do about most files that cannot be used."""


class BadReport(InvalidInput):
    """A report file cannot be used; names the place in it, what is wrong and what to do."""

    def __init__(self, place: str, message: str, remedy: str = AS_WRITTEN) -> None:
        """``place`` leads to the value, such as ``results.stats.successes``. What a file holds is not repeated."""
        super().__init__(Problem(place, message, remedy), code="bad_report")
