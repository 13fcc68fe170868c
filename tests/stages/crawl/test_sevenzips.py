"""7z archives: bounded, told when damaged, and read forward once."""

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import py7zr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.crawl import ArchiveError, CrawlSettings, RawItem, Reading, members
from stages.reasons import Reason
from tests.stages.crawl.archived import SVG, sevenzipped, tarred, zipped

ARCHIVES = Path(__file__).parents[2] / "data" / "archives"
SETTINGS = CrawlSettings(max_bytes=1000)


def read(data: bytes, limits: CrawlSettings = SETTINGS, reading: Reading | None = None) -> list[RawItem]:
    return list(members(io.BytesIO(data), "d/a.7z", limits, lambda name: not name.startswith("skip"), reading))


def test_members_come_in_order_and_each_costs_itself():
    """What is too large, or not wanted, is passed over; empty files and names given twice arrive."""
    files = [("a.svg", SVG), ("big.svg", b"x" * 1001), ("skip.svg", b"2"), ("b.svg", b"y" * 1000), ("e.svg", b"")]
    first, big, b, empty, again = read(sevenzipped(*files, ("a.svg", b"3")))
    assert (first, b, empty) == (RawItem("a.svg", SVG), RawItem("b.svg", b"y" * 1000), RawItem("e.svg", b""))
    assert big.content == (Reason.TOO_LARGE, "1001 bytes, over 1000") and again == RawItem("a.svg#2", b"3")


def test_a_7z_stands_in_other_archives_and_others_in_it():
    """Like any archive."""
    inner = sevenzipped(("x.svg", SVG))
    outer = sevenzipped(("in.zip", zipped(("in.7z", inner))), ("t.tar", tarred(("y.svg", b"2"))), ("z.svg", b"3"))
    assert [item.path for item in read(outer)] == ["in.zip/in.7z/x.svg", "t.tar/y.svg", "z.svg"]


def test_no_cut_passes_for_a_smaller_archive():
    """The directory is at the end, so a truncated 7z is an error, wherever it ends."""
    data = (ARCHIVES / "LZMA2.7z").read_bytes()
    for end in range(len(data)):
        with pytest.raises(ArchiveError, match=r"^archive d/a\.7z cannot be read: .*out of the source$"):
            read(data[:end])


def test_damage_in_a_block_costs_its_members_from_there_on():
    """Members of other blocks, and those before the damage, are whole."""
    files = [(f"{i}.svg", os.urandom(900)) for i in range(3)]
    data = bytearray(sevenzipped(*files, filters=[{"id": py7zr.FILTER_COPY}]))
    data[32 + 1000] ^= 1
    found = read(bytes(data))
    assert [item.content for item in found] == [files[0][1], (Reason.BAD_ARCHIVE_MEMBER, "Bad CRC-32"), files[2][1]]
    data = bytearray((ARCHIVES / "plain.7z").read_bytes())
    assert all(isinstance(item.content, bytes) for item in read(bytes(data)))
    data[bytes(data).index(b"xmlns")] ^= 1
    whole = [isinstance(item.content, bytes) for item in read(bytes(data))]
    assert whole.count(False) == 1 and len(whole) == 5


def test_an_encrypted_directory_says_so():
    """Nobody can tell what is in it."""
    with pytest.raises(ArchiveError, match="its directory is encrypted"):
        read((ARCHIVES / "encrypted-names.7z").read_bytes())


def test_a_bomb_stops_at_the_budget_and_a_member_at_its_limit():
    """What is passed over in a block counts, and none of it is held in memory."""
    data = sevenzipped(("bomb.bin", bytes(64 * 2**20)), ("a.svg", SVG))
    tracemalloc.start()
    assert read(data) == [RawItem("a.svg", SVG)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * 2**20  # a window of 16 MiB
    with pytest.raises(ArchiveError, match="max_archive_bytes"):
        read(data, CrawlSettings(max_archive_bytes=2**20))


def test_a_window_of_any_size_is_not_allocated():
    """A block that asks for a window of gigabytes is refused, with its members, and so is such a directory."""
    data = bytearray((ARCHIVES / "LZMA.7z").read_bytes())
    place = _replace(data, b"\x03\x01\x01\x05\x5d", b"\xff\xff\xff\x7f")
    assert place > 32
    with pytest.raises(ArchiveError, match=r"its directory is a window of \d+ bytes"):
        read(bytes(data))
    data = bytearray((ARCHIVES / "plain.7z").read_bytes())
    _replace(data, b"\x21\x01", b"\x28")
    details = [item.content[1] for item in read(bytes(data)) if isinstance(item.content, tuple)]
    assert details == ["a window of 4294967296 bytes, over 268435456"]


def _replace(data: bytearray, before: bytes, new: bytes) -> int:
    """Put ``new`` behind ``before`` in a 7z's directory, and its checksums right."""
    offset, size = struct.unpack_from("<QQ", data, 12)
    place = bytes(data).rindex(before, 32 + offset) + len(before)
    data[place : place + len(new)] = new
    data[28:32] = struct.pack("<I", zlib.crc32(data[32 + offset : 32 + offset + size]))
    data[8:12] = struct.pack("<I", zlib.crc32(data[12:32]))
    return place


def test_a_directory_that_claims_too_much_is_refused():
    """Neither its size nor its number of members is believed."""
    for directory in (b"\x01\x05" + b"\xff" * 9 + bytes(2000), b"\x01\x05\xe0\xff\xff\xff" + bytes(2000), bytes(2000)):
        start = struct.pack("<QQI", 0, len(directory), zlib.crc32(directory))
        data = b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + directory
        with pytest.raises(ArchiveError, match="damaged directory"):
            read(data)
    start = struct.pack("<QQI", 0, 2**40, 0)
    with pytest.raises(ArchiveError, match="bytes of it"):
        read(b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["LZMA.7z", "LZMA2.7z", "BZip2.7z", "Deflate.7z", "plain.7z", "filtered.7z"]), st.data())
def test_a_damaged_7z_raises_nothing_else(name: str, data: st.DataObject):
    """Whatever bytes are changed, also of a directory whose checksum is right, reading ends in members or ArchiveError."""
    content = bytearray((ARCHIVES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        offset, size = struct.unpack_from("<QQ", content, 12)
        content[28:32] = struct.pack("<I", zlib.crc32(content[32 + offset : 32 + offset + size]))
        content[8:12] = struct.pack("<I", zlib.crc32(content[12:32]))
    try:
        read(bytes(content), reading=Reading(drop_bad=data.draw(st.booleans())))
    except ArchiveError as error:
        assert "\n" not in str(error)
