import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.crawl import ArchiveError, CrawlSettings, RawItem, members
from stages.reasons import Reason
from tests.stages.crawl.archived import SVG, targz, tarred, zipped

SETTINGS = CrawlSettings(max_bytes=1000)


def read(data: bytes, path: str, select: Callable[[str], bool] = lambda _: True) -> list[RawItem]:
    return list(members(io.BytesIO(data), path, SETTINGS, select))


@pytest.mark.parametrize(("make", "path"), [(zipped, "a.zip"), (targz, "a.tar.gz"), (targz, "a.TGZ")])
def test_svg_members_come_in_the_archive_s_order(make: Callable[..., bytes], path: str):
    """Members are the selected SVG files, paths normalised, the second of a name numbered."""
    data = make(
        ("z/b.svg", SVG), ("./a.SVGZ", b"2"), ("readme.txt", b"3"), ("../../etc/x.svg", b"4"), ("/abs/ü.svg", b"5"),
        ("z/b.svg", b"6"), ("z//./b.svg", b"7"), ("inner.rar", b"8"), ("skip/c.svg", b"9"), ("d\n.svg", b"0"),
    )  # fmt: skip
    assert read(data, path, lambda name: not name.startswith("skip/")) == [
        RawItem("z/b.svg", SVG),
        RawItem("a.SVGZ", b"2"),
        RawItem("etc/x.svg", b"4"),
        RawItem("abs/ü.svg", b"5"),
        RawItem("z/b.svg#2", b"6"),
        RawItem("z/b.svg#3", b"7"),
        RawItem(r"d\n.svg", b"0"),
    ]


@pytest.mark.parametrize(("make", "path"), [(zipped, "a.zip"), (targz, "a.tgz")])
def test_a_large_member_costs_itself(make: Callable[..., bytes], path: str):
    """A member over the limit is refused, its neighbours are read."""
    data = make(("a.svg", SVG), ("b.svg", b"x" * 1001), ("c.svg", b"x" * 1000))
    first, second, third = read(data, path)
    assert first.content == SVG
    assert second.content[0] is Reason.TOO_LARGE
    assert third.content == b"x" * 1000


def test_a_zip_s_claimed_size_is_not_believed():
    """A member whose header claims fewer bytes than it inflates to is refused."""
    data = bytearray(zipped(("a.svg", b"x" * 5000)))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 10)
    (member,) = read(bytes(data), "a.zip")
    assert member.content[0] in (Reason.TOO_LARGE, Reason.BAD_ARCHIVE_MEMBER)


def test_links_and_folders_are_no_members():
    """A symbolic link is neither followed nor listed, in a zip as in a tar."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link.svg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(zipfile.ZipInfo("dir.svg/"), b"")
        archive.writestr(zipfile.ZipInfo("a.svg"), SVG)
    assert read(out.getvalue(), "a.zip") == [RawItem("a.svg", SVG)]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("x.svg")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert read(out.getvalue(), "a.tgz") == []


def test_a_bad_zip_member_costs_itself():
    """Encrypted, damaged and strangely compressed members are recorded; the others are read."""
    data = bytearray(zipped(("a.svg", SVG * 9), ("b.svg", b"b" * 50), ("c.svg", SVG), method=zipfile.ZIP_STORED))
    data[data.index(b"bbb")] ^= 1
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    damaged = read(bytes(data), "a.zip")
    assert [m.content[0] for m in damaged[:2]] == [Reason.BAD_ARCHIVE_MEMBER] * 2
    assert "encrypted" in damaged[0].content[1] and "CRC" in damaged[1].content[1]
    assert damaged[2].content == SVG
    (member,) = read(zipped(("a.svg", SVG), method=zipfile.ZIP_LZMA), "a.zip")
    assert member.content[0] is Reason.BAD_ARCHIVE_MEMBER


@pytest.mark.parametrize(("make", "path"), [(zipped, "n/a.zip"), (targz, "n/a.tar.gz")])
def test_a_truncated_archive_is_an_error_wherever_it_ends(make: Callable[..., bytes], path: str):
    """No cut of an archive passes for a smaller archive."""
    data = make(("a.svg", SVG * 3), ("b.svg", SVG * 100))
    for end in range(0, len(data) - 1, 3):
        with pytest.raises(ArchiveError) as caught:
            read(data[:end], path)
        message = str(caught.value)
        assert "\n" not in message and path in message and message.endswith("out of the source")


@pytest.mark.parametrize("at", [0, 1024, 2048])
def test_a_damaged_tar_header_is_an_error(at: int):
    """A header that fails its checksum is not taken for the end of the archive."""
    data = bytearray(tarred(("a.svg", SVG), ("b.svg", SVG), ("c.svg", SVG)))
    data[at] ^= 1
    with pytest.raises(ArchiveError):
        read(gzip.compress(bytes(data)), "a.tgz")
    with pytest.raises(ArchiveError):
        read(gzip.compress(bytes(data[: max(at, 512)])), "a.tgz")


def test_a_huge_header_or_archive_is_refused():
    """Neither an extended header nor the archive as a whole inflates without bound."""
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 8 * 2**20
    with pytest.raises(ArchiveError, match="header"):
        read(gzip.compress(info.tobuf() + bytes(8 * 2**20), 1), "a.tgz")
    small = CrawlSettings(max_archive_bytes=20_000, max_bytes=15_000)
    for data, path in ((targz(("a", bytes(30_000))), "a.tgz"), (zipped(*[("a.svg", bytes(15_000))] * 2), "a.zip")):
        with pytest.raises(ArchiveError, match="max_archive_bytes"):
            list(members(io.BytesIO(data), path, small, lambda _: True))


def test_a_skipped_member_is_not_held_in_memory():
    """A large member that is no SVG streams past."""
    data = targz(("big.bin", bytes(32 * 2**20)), ("a.svg", SVG))
    tracemalloc.start()
    assert read(data, "a.tgz") == [RawItem("a.svg", SVG)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["a.zip", "a.tgz", "raw.tgz"]), st.data())
def test_a_damaged_archive_raises_nothing_else(path: str, data: st.DataObject):
    """Whatever bytes are changed, reading ends in members or in ArchiveError."""
    if path == "raw.tgz":
        content = bytearray(tarred(("a.svg", SVG), ("ü" * 90 + ".svg", SVG * 20)))
    else:
        content = bytearray((zipped if path == "a.zip" else targz)(("a.svg", SVG), ("ü" * 90 + ".svg", SVG * 20)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    stored = gzip.compress(bytes(content), 1) if path == "raw.tgz" else bytes(content)
    try:
        read(stored, path)
    except ArchiveError as error:
        assert "\n" not in str(error)
