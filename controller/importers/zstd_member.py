"""Members of a zip archive that are packed with Zstandard, which the standard library reads from Python 3.14 on."""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib

if sys.version_info >= (3, 14):  # pragma: no cover - the same library, under another name.
    from compression import zstd
else:
    from backports import zstd

METHOD = 93
"""Zstandard's number in the zip format (APPNOTE 4.4.5)."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SIGNATURE = b"PK\x03\x04"
_WINDOW_LOG = 25
"""How much memory a frame may want: 2 to this power in bytes."""


def unpacked(archive: bytes, member: zipfile.ZipInfo, most: int) -> bytes:
    """The first bytes of a member, at most ``most``.

    Raises:
        zipfile.BadZipFile: It is damaged, or wants more memory than it may have.
    """
    try:
        content = _decompressed(_packed(archive, member), most)
    except zstd.ZstdError:
        raise zipfile.BadZipFile from None
    whole = len(content) == member.file_size and zlib.crc32(content) == member.CRC
    if len(content) < most and not whole:
        raise zipfile.BadZipFile
    return content


def _packed(archive: bytes, member: zipfile.ZipInfo) -> bytes:
    """The bytes behind the local header, whose name and extra field may differ from the table of contents."""
    start = member.header_offset + _LOCAL_HEADER.size
    signature, name, extra = _LOCAL_HEADER.unpack(archive[member.header_offset : start])
    start += name + extra
    packed = archive[start : start + member.compress_size]
    if signature != _SIGNATURE or len(packed) != member.compress_size:
        raise zipfile.BadZipFile
    return packed


def _decompressed(packed: bytes, most: int) -> bytes:
    """The frames of a member, one after the other: large members have several."""
    content = bytearray()
    while packed and len(content) < most:
        frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
        content += frame.decompress(packed, max_length=most - len(content))
        if not frame.eof and len(content) < most:
            raise zipfile.BadZipFile
        packed = frame.unused_data
    return bytes(content)
