"""Who reads the flags of an environment all at once, so that nobody can tell which of them they use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import api_keys, document_reads


class Reader(StrEnum):
    """By which door. ``pages``: with a client key, which sees the client-visible flags alone."""

    FLAGD = "flagd"
    OFREP = "OFREP"
    PAGES = "OFREP in pages"


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """Somebody who read all flags, by the name of their key, and the last day on which they did."""

    reader: Reader
    key: str
    last_day: datetime


def note_reads(tx: Transaction, reads: Collection[tuple[int, str, Reader]], day: datetime) -> None:
    """Note that flags were read on a day, by environment, id of the key and reader."""
    if not reads:
        return
    new = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(document_reads)
    upsert = new.on_conflict_do_update(
        index_elements=["environment_id", "key_id", "reader"],
        set_={"day": new.excluded.day},
        where=document_reads.c.day < new.excluded.day,
    )
    rows = [
        {"environment_id": environment_id, "key_id": key_id, "reader": reader.value, "day": day}
        for environment_id, key_id, reader in sorted(reads)
    ]
    tx.execute(upsert, rows)


def reads_since(tx: Transaction, environment_id: int, since: datetime) -> list[DocumentRead]:
    """Who read all flags of an environment on the days since an instant, the last one first."""
    table = document_reads.c
    read = (
        select(table.reader, table.day, api_keys.c.name)
        .outerjoin(api_keys, api_keys.c.id == table.key_id)
        .where(table.environment_id == environment_id, table.day >= since)
        .order_by(table.day.desc(), table.id)
    )
    known = {reader.value for reader in Reader}
    return [
        DocumentRead(Reader(row.reader), row.name or "", readable_instant(row.day))
        for row in tx.execute(read)
        if row.reader in known
    ]


def forget_reads(tx: Transaction, before: datetime) -> None:
    """Delete whoever has not read since an instant."""
    tx.execute(delete(document_reads).where(document_reads.c.day < before))
