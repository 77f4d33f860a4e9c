"""Kill this process at a point that the environment names, as a power cut would: no cleaning up, no last words.

``HEADGATE_CRASH_AT`` is a moment and a part of a statement, such as ``commit:INSERT INTO changes``:

* ``before``: when such a statement is about to be sent;
* ``commit``: when a transaction that sent one is about to be committed;
* ``after``: when such a transaction has been committed and its connection is given back.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from sqlalchemy import Connection, Engine, event

_SENT = "headgate-crash-statement-sent"


def arm(engine: Engine, at: str) -> None:
    """Lay the mine."""
    moment, _, fragment = at.partition(":")

    def sent(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if fragment in statement:
            connection.info[_SENT] = True
            if moment == "before":
                _die()

    def commits(connection: Connection) -> None:
        if moment == "commit" and connection.info.get(_SENT):
            _die()

    def given_back(_connection: Any, record: Any) -> None:
        if moment == "after" and record.info.get(_SENT):
            _die()

    event.listen(engine, "before_cursor_execute", sent)
    event.listen(engine, "commit", commits)
    event.listen(engine, "checkin", given_back)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
