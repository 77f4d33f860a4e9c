"""How much of a file is looked at before it is refused."""

from __future__ import annotations

MAX_FILE_BYTES = 20_000_000
"""Of a file as it was handed in."""
MAX_OPENED_BYTES = 64_000_000
"""Of all that is unpacked from one archive."""
MAX_RATIO = 300
"""How many times larger a member of an archive may be than it is packed, beyond the first megabyte."""
MAX_MEMBERS = 200_100
"""Of an archive: one for each case, and some for the frame."""
MAX_DEPTH = 100
"""Of values within values."""
MAX_VALUES = 2_000_000
"""Of JSON values and of CSV fields: what bounds the memory that a file can take."""
MAX_ELEMENTS = 500_000
"""Of an XML file: a case and what is in it."""
MAX_CASES = 200_000
"""Of entries in one list and of rows."""
MAX_COUNT = 1_000_000_000
"""The greatest number of cases that a file may claim."""
MAX_METRICS = 500
"""Of a report."""
