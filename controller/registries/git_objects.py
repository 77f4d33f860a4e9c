"""Taking what a git server sent apart, without letting it become much larger than it is."""

from __future__ import annotations

import io
import stat
import zlib
from dataclasses import dataclass, field
from typing import TypeVar

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import OFS_DELTA, REF_DELTA, read_pack_header, take_msb_bytes

from controller.registries.registry import Missing, Nonsense

MAX_UNPACKED = 64 << 20
"""All objects of one pack together."""
MAX_OBJECTS = 50_000
_ID_BYTES = 20
_PIECE = 1 << 12
"""How much is given to be inflated at a time. What lies behind the object is copied, so it must not be all the rest."""
_Kind = TypeVar("_Kind", bound=ShaFile)


@dataclass(slots=True)
class Objects:
    """The objects of one commit that have been fetched so far."""

    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)

    def add(self, pack: bytes) -> None:
        """Unpack what was fetched.

        Raises:
            Nonsense: It would be too large.
        """
        if unpacked_size(pack) > MAX_UNPACKED:
            raise Nonsense(f"the commit unpacks to more than {MAX_UNPACKED} bytes")
        file, commit, abort = self.store.add_pack()
        try:
            file.write(pack)
        except BaseException:
            abort()
            raise
        commit()

    def blob_at(self, commit: ObjectID, path: str) -> ObjectID:
        """The id of the file at a path.

        Raises:
            Missing: There is none, or it is a folder, a link or another repository.
        """
        at: ObjectID = self._of(commit, Commit).tree
        mode = stat.S_IFDIR
        for part in path.split("/"):
            entries = self._of(at, Tree) if stat.S_ISDIR(mode) else Tree()
            if part.encode() not in entries:
                raise Missing("the commit has no file at that path")
            mode, at = entries[part.encode()]
        if not stat.S_ISREG(mode):
            raise Missing("what the commit has at that path is not a file")
        return at

    def bytes_of(self, blob: ObjectID) -> bytes | None:
        """What a file says, if it has been fetched."""
        return self._of(blob, Blob).data if blob in self.store else None

    def _of(self, id: ObjectID, kind: type[_Kind]) -> _Kind:
        if id not in self.store:
            raise Nonsense("the git server left out a part of the commit")
        found = self.store[id]
        if not isinstance(found, kind):
            raise Nonsense("the git server sent an object of another kind")
        return found


def unpacked_size(pack: bytes) -> int:
    """How many bytes the objects of a pack say that they have, those that are told as differences included.

    It stops at the first that is too much; dulwich then holds each object to its word.

    Raises:
        Nonsense: An object is not as long as it says, or there are too many.
    """
    stream = io.BytesIO(pack)
    _, count = read_pack_header(stream.read)
    if count > MAX_OBJECTS:
        raise Nonsense(f"the commit has more than {MAX_OBJECTS} objects")
    total = 0
    for _ in range(count):
        total += _next_size(stream)
        if total > MAX_UNPACKED:
            break
    return total


def _next_size(stream: io.BytesIO) -> int:
    first, *more = take_msb_bytes(stream.read)[0]
    kind = (first >> 4) & 7
    size = (first & 15) + sum((byte & 127) << (4 + 7 * place) for place, byte in enumerate(more))
    if kind == OFS_DELTA:
        take_msb_bytes(stream.read)
    elif kind == REF_DELTA:
        stream.read(_ID_BYTES)
    if size > MAX_UNPACKED:
        return size
    data = _inflated(stream, size)
    return size + (_result_size(data) if kind in (OFS_DELTA, REF_DELTA) else 0)


def _inflated(stream: io.BytesIO, size: int) -> bytes:
    """The next object, which has to be as long as it says; leaves the stream behind it."""
    inflater = zlib.decompressobj()
    data = bytearray()
    while not inflater.eof:
        piece = stream.read(_PIECE)
        data += inflater.decompress(piece, size + 1 - len(data))
        if not piece or len(data) > size:
            break
    if len(data) != size or not inflater.eof:
        raise Nonsense("the git server sent an object that is not as long as it says")
    stream.seek(-len(inflater.unused_data), io.SEEK_CUR)
    return bytes(data)


def _result_size(delta: bytes) -> int:
    """How long what a difference makes will be, which it says after how long what it is made from is."""
    stream = io.BytesIO(delta)
    take_msb_bytes(stream.read)
    return sum((byte & 127) << (7 * place) for place, byte in enumerate(take_msb_bytes(stream.read)[0]))
