"""A zip archive from who knows where: opened member by member, and never further than the limits."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from controller.importers import zstd_member
from controller.importers.bad_report import BadReport
from controller.importers.limits import MAX_MEMBERS, MAX_OPENED_BYTES, MAX_RATIO

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, OverflowError, RuntimeError
)  # fmt: skip
_READ_HERE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zstd_member.METHOD)
_FREE_BYTES = 1_000_000
_ENCRYPTED = 0x1


class Archive:
    """The members of a zip archive by their names. What all of them unpack to is counted against one limit."""

    def __init__(self, data: bytes) -> None:
        """Look at the table of contents.

        Raises:
            BadReport: It is damaged, has too many members, or two of one name.
        """
        try:
            self._data, self._zip = data, zipfile.ZipFile(io.BytesIO(data))
        except _DAMAGE:
            raise BadReport("file", "is a damaged zip archive") from None
        self._members = _by_name(self._zip.infolist())
        self._left = MAX_OPENED_BYTES

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the members, in the order of the archive."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        """Whether there is a member of this name."""
        return name in self._members

    def read(self, name: str) -> bytes:
        """Unpack a member.

        Raises:
            BadReport: It is missing, damaged, encrypted, packed in another way, or larger than the limits.
        """
        member = self._members.get(name)
        if member is None:
            raise BadReport(name, "is not in the archive")
        _refuse_unreadable(member)
        unpacked = self._unpacked(member, min(self._left, _FREE_BYTES + MAX_RATIO * member.compress_size))
        self._left -= len(unpacked)
        return unpacked

    def _unpacked(self, member: zipfile.ZipInfo, allowed: int) -> bytes:
        try:
            unpacked = self._opened(member, allowed + 1)
        except _DAMAGE:
            raise BadReport(member.filename, "is damaged in the archive") from None
        if len(unpacked) > allowed:
            raise BadReport(member.filename, "unpacks to more than is allowed", "hand in a smaller run")
        return unpacked

    def _opened(self, member: zipfile.ZipInfo, most: int) -> bytes:
        """The first bytes of a member, at most so many."""
        if member.compress_type == zstd_member.METHOD:
            return zstd_member.unpacked(self._data, member, most)
        with self._zip.open(member) as packed:
            return packed.read(most)


def _by_name(members: list[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
    if len(members) > MAX_MEMBERS:
        raise BadReport("file", f"has more than {MAX_MEMBERS} members", "hand in a smaller run")
    named = {member.filename: member for member in members}
    if len(named) != len(members):
        raise BadReport("file", "has two members of one name")
    return named


def _refuse_unreadable(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise BadReport(member.filename, "is encrypted", "hand in the archive without a password")
    if member.compress_type not in _READ_HERE:
        remedy = "hand in the report as JSON, or packed with deflate or Zstandard"
        raise BadReport(member.filename, f"is packed in a way ({member.compress_type}) not read here", remedy)
