from __future__ import annotations

import zlib
from zipfile import BadZipFile, ZipInfo

import pytest
from backports import zstd

from controller.importers import BadReport
from controller.importers.archive import Archive
from controller.importers.zstd_member import unpacked
from tests.report_samples import sample

CONTENT = b'{"version": 2}' * 1000
LOCAL_HEADER = b"PK\x03\x04" + bytes(22) + b"\x01\x00\x02\x00" + b"a" + b"xy"


def member(packed: bytes, content: bytes = CONTENT) -> tuple[bytes, ZipInfo]:
    """An archive's bytes, and the entry of its table of contents."""
    info = ZipInfo("a")
    info.header_offset, info.compress_size = 0, len(packed)
    info.file_size, info.CRC = len(content), zlib.crc32(content)
    return LOCAL_HEADER + packed + b"more members", info


def test_a_member_is_unpacked() -> None:
    assert unpacked(*member(zstd.compress(CONTENT)), most=100_000) == CONTENT


def test_a_member_of_several_frames_is_unpacked() -> None:
    packed = zstd.compress(CONTENT[:5000]) + zstd.compress(CONTENT[5000:])
    assert unpacked(*member(packed), most=100_000) == CONTENT


def test_no_more_is_unpacked_than_is_asked_for() -> None:
    assert unpacked(*member(zstd.compress(CONTENT)), most=20) == CONTENT[:20]


@pytest.mark.parametrize(
    "packed",
    [b"", b"no frame at all", zstd.compress(CONTENT)[:-3], zstd.compress(CONTENT + b"!"), zstd.compress(b"")],
    ids=["nothing", "no frame", "cut off", "other content", "too little"],
)
def test_a_damaged_member_is_refused(packed: bytes) -> None:
    with pytest.raises(BadZipFile):
        unpacked(*member(packed), most=100_000)


def test_a_member_elsewhere_than_the_table_says_is_refused() -> None:
    archive, info = member(zstd.compress(CONTENT))
    with pytest.raises(BadZipFile):
        unpacked(b"XX" + archive, info, most=100_000)
    with pytest.raises(BadZipFile):
        unpacked(archive[:50], info, most=100_000)


def test_a_frame_that_wants_much_memory_is_refused() -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    greedy = compressor.compress(CONTENT) + compressor.flush()
    with pytest.raises(BadZipFile):
        unpacked(*member(greedy), most=100_000)


def test_damage_inside_an_archive_names_the_member() -> None:
    data = bytearray(sample("inspect/many.eval").data)
    at = data.index(b"header.json") + len("header.json") + 40
    data[at : at + 8] = b"\xff" * 8
    with pytest.raises(BadReport) as caught:
        Archive(bytes(data)).read("header.json")
    assert caught.value.problems[0].field == "header.json"
