"""What a source may be made from."""

from __future__ import annotations

from dataclasses import dataclass

from controller.http import Outbound
from controller.store.database import Database


@dataclass(frozen=True, slots=True)
class Access:
    """The two ways to numbers: out to the network, and into our own store."""

    outbound: Outbound
    database: Database
