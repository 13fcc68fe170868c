"""Tars of every compression, archives joined by cat, and archives within archives."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.crawl import ArchiveError, CrawlSettings, RawItem, Reading, members
from stages.reasons import Reason
from tests.stages.crawl.archived import SVG, tarred, zipped

SETTINGS = CrawlSettings(max_bytes=1000)
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "a.tar": bytes,
    "a.tar.gz": lambda data: gzip.compress(data, mtime=0),
    "a.tar.bz2": bz2.compress,
    "a.tar.xz": lzma.compress,
    "a.tar.zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def read(
    data: bytes,
    path: str,
    select: Callable[[str], bool] = lambda _: True,
    limits: CrawlSettings = SETTINGS,
    reading: Reading | None = None,
) -> list[RawItem]:
    return list(members(io.BytesIO(data), path, limits, select, reading))


@pytest.mark.parametrize("path", COMPRESS)
def test_every_compression_of_a_tar_is_read(path: str):
    """The members are the same, however the tar is compressed."""
    data = COMPRESS[path](tarred(("a.svg", SVG), ("b/c.svg", b"x" * 900), ("big.bin", bytes(300_000)), ("d.svg", b"4")))
    assert read(data, path) == [RawItem("a.svg", SVG), RawItem("b/c.svg", b"x" * 900), RawItem("d.svg", b"4")]


@pytest.mark.parametrize("path", COMPRESS)
def test_the_first_bytes_say_the_compression(path: str):
    """A name that promises another compression costs nothing: browsers and mirrors decompress on the way."""
    data = COMPRESS[path](tarred(("a.svg", SVG)))
    for name in ("a.tgz", "a.tar", "a.tar.zst"):
        assert read(data, name) == [RawItem("a.svg", SVG)]


@pytest.mark.parametrize("path", COMPRESS)
def test_a_cut_tar_of_any_compression_is_an_error(path: str):
    """No cut passes for a smaller archive."""
    whole = tarred(("a.svg", SVG * 3), ("b.svg", bytes(range(256)) * 3))[: -10240 + 512 * 6]
    data = COMPRESS[path](whole)
    assert len(read(data, path)) == 2
    for end in range(0, len(data) - (1024 if path == "a.tar" else 1), 7):
        with pytest.raises(ArchiveError):
            read(data[:end], path)


@pytest.mark.parametrize("path", COMPRESS)
@pytest.mark.parametrize("how", ["whole", "inside"])
def test_joined_tars_are_read_to_the_end(path: str, how: str):
    """``cat a.tar.gz b.tar.gz`` holds the members of both, joined before or after they are compressed."""
    one, two = tarred(("a.svg", SVG)), tarred(("a.svg", b"2"), ("b.svg", b"3"))
    data = COMPRESS[path](one) + COMPRESS[path](two) if how == "whole" else COMPRESS[path](one + two)
    assert read(data, path) == [RawItem("a.svg", SVG), RawItem("a.svg#2", b"2"), RawItem("b.svg", b"3")]


@pytest.mark.parametrize("path", COMPRESS)
def test_what_follows_the_end_and_is_no_archive_is_an_error(path: str):
    """Nothing behind the end is passed over but zeros, which tapes and tools pad with."""
    whole = tarred(("a.svg", SVG))
    padded = COMPRESS[path](whole + bytes(3000))
    assert read(padded, path) == [RawItem("a.svg", SVG)]
    if path in ("a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"):
        assert read(padded + bytes(512), path) == [RawItem("a.svg", SVG)]
    for data in (COMPRESS[path](whole) + b"more" * 300, COMPRESS[path](whole + b"more" * 300)):
        with pytest.raises(ArchiveError):
            read(data, path)


def test_a_zip_beside_another_archive_is_an_error():
    """The directory names the members of the last of two zips only, and none of a tar's behind it.

    A program before the zip, and padding after it, are no archives.
    """
    one, two = zipped(("a.svg", SVG)), zipped(("b.svg", SVG))
    with pytest.raises(ArchiveError, match="directory does not name"):
        read(one + two, "a.zip")
    with pytest.raises(ArchiveError, match="directory does not name"):
        read(one + zipped(), "a.zip")
    with pytest.raises(ArchiveError, match="bytes follow its end"):
        read(one + COMPRESS["a.tar.gz"](tarred(("b.svg", SVG))), "a.zip")
    assert read(b"#!/bin/sh\nexit\n" + two + b"\r\n\0", "a.zip") == [RawItem("b.svg", SVG)]
    commented = bytearray(two + b"PK by")
    commented[-7] = 5
    assert read(bytes(commented), "a.zip") == [RawItem("b.svg", SVG)]


def test_archives_in_archives_are_read_where_they_stand():
    """Members of an inner archive have its path before theirs; the second of one name is told apart."""
    inner = zipped(("x.svg", b"1"), ("note.txt", b"-"))
    deeper = COMPRESS["a.tar.xz"](tarred(("p/in.zip", inner), ("y.svg", b"2")))
    data = zipped(("a.svg", SVG), ("in.zip", inner), ("d/deep.tar.xz", deeper), ("in.zip", inner), ("z.svg", b"9"))
    reading = Reading()
    assert read(data, "o.zip", reading=reading) == [
        RawItem("a.svg", SVG),
        RawItem("in.zip/x.svg", b"1"),
        RawItem("d/deep.tar.xz/p/in.zip/x.svg", b"1"),
        RawItem("d/deep.tar.xz/y.svg", b"2"),
        RawItem("in.zip#2/x.svg", b"1"),
        RawItem("z.svg", b"9"),
    ]
    assert reading.no_input == {".txt": 3}
    chosen = read(data, "o.zip", lambda name: name in ("d/deep.tar.xz", "z.svg"))
    assert [m.path for m in chosen] == ["d/deep.tar.xz/p/in.zip/x.svg", "d/deep.tar.xz/y.svg", "z.svg"]


def test_what_is_no_member_is_counted_by_kind():
    """Other files by extension, links and devices as such, what the glob leaves out; folders are nothing."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("l.svg", tarfile.SYMTYPE), ("h.svg", tarfile.LNKTYPE), ("p", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a.svg"
            archive.addfile(info)
        folder = tarfile.TarInfo("d.svg")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name in ("a.svg", "b.PNG", "c.png", "README", "other/d.svgz", "other/e.txt"):
            archive.addfile(tarfile.TarInfo(name))
    reading = Reading()
    assert [m.path for m in read(out.getvalue(), "a.tar", lambda n: "other" not in n, reading=reading)] == ["a.svg"]
    expected = {"link or device in an archive": 3, ".png": 2, "no extension": 1}
    assert reading.no_input == expected | {".svgz not in glob": 1, ".txt not in glob": 1}


def test_nesting_has_a_depth_and_a_size():
    """What is nested too deep, or too large to open, is one member that says so; the rest is read."""
    data = zipped(("x.svg", SVG))
    for _ in range(3):
        data = zipped(("in.zip", data), ("b.svg", SVG))
    found = read(data, "a.zip")
    assert [m.path for m in found] == ["in.zip/in.zip/in.zip", "in.zip/in.zip/b.svg", "in.zip/b.svg", "b.svg"]
    assert found[0].content[0] is Reason.BAD_ARCHIVE_MEMBER and "max_archive_depth" in found[0].content[1]
    small = CrawlSettings(max_inner_archive_bytes=100)
    first, second = read(zipped(("in.zip", bytes(101)), ("b.svg", SVG)), "a.zip", limits=small)
    assert first.content[0] is Reason.TOO_LARGE and second.content == SVG


def test_a_bomb_of_archives_stops_at_the_budget():
    """What all inner archives inflate to counts for the outer one."""
    layer = zipped(*[(f"{i}.bin.svg", bytes(900)) for i in range(50)])
    bomb = zipped(*[(f"{i}.zip", layer) for i in range(50)])
    limits = CrawlSettings(max_archive_bytes=400_000)
    for drop_bad in (False, True):
        with pytest.raises(ArchiveError, match="max_archive_bytes") as caught:
            read(bomb, "a.zip", limits=limits, reading=Reading(drop_bad=drop_bad))
        assert caught.value.path == "a.zip"


def test_a_large_inner_archive_is_not_held_in_memory():
    """From 32 MiB on it goes through a temporary file."""
    inner = tarred(("a.svg", SVG), ("big.bin", bytes(48 * 2**20)))
    data = gzip.compress(tarred(("in.tar", inner)), 1)
    del inner
    tracemalloc.start()
    assert read(data, "a.tgz") == [RawItem("in.tar/a.svg", SVG)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20


@pytest.mark.parametrize("damage", ["cut", "no archive"])
def test_a_damaged_inner_archive_fails_or_is_one_member(damage: str):
    """With drop_bad none of its members is yielded, those before the damage included; the error names both archives."""
    inner = COMPRESS["a.tar.gz"](tarred(("x.svg", SVG), ("y.svg", b"y" * 700)))
    inner = inner[:-20] if damage == "cut" else b"<html>404</html>"
    data = COMPRESS["a.tar"](tarred(("a.svg", SVG), ("in.tar.gz", inner), ("b.svg", b"2")))
    with pytest.raises(ArchiveError, match=r"o\.tar/in\.tar\.gz"):
        read(data, "o.tar")
    first, bad, last = read(data, "o.tar", reading=Reading(drop_bad=True))
    assert (first, last) == (RawItem("a.svg", SVG), RawItem("b.svg", b"2"))
    assert bad.path == "in.tar.gz" and bad.content[0] is Reason.BAD_ARCHIVE


def test_an_encrypted_inner_archive_costs_itself():
    """As any other encrypted member."""
    data = bytearray(zipped(("in.zip", zipped(("x.svg", SVG))), ("a.svg", SVG), method=zipfile.ZIP_STORED))
    data[data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02")) + 8] |= 1
    bad, good = read(bytes(data), "a.zip")
    assert bad == RawItem("in.zip", (Reason.BAD_ARCHIVE_MEMBER, "encrypted")) and good.content == SVG


def test_parquet_in_an_archive_is_read_and_a_table_of_something_else_is_counted():
    """A Parquet file is an archive like others; without a column of drawings it is no input."""
    tables = []
    for columns in ({"svg": ["<svg/>"]}, {"caption": ["a"]}):
        out = io.BytesIO()
        pq.write_table(pa.table(columns), out)
        tables.append(out.getvalue())
    reading = Reading(drop_bad=True)
    data = zipped(("t.parquet", tables[0]), ("meta.parquet", tables[1]))
    assert read(data, "a.zip", limits=CrawlSettings(), reading=reading) == [RawItem("t.parquet/00000000.svg", SVG)]
    assert reading.no_input == {".parquet without a column of drawings": 1}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from([*COMPRESS, "n.zip", "n.tar"]), st.booleans(), st.data())
def test_damage_of_any_kind_raises_nothing_else(path: str, drop_bad: bool, data: st.DataObject):
    """Whatever bytes are changed, reading ends in members or in ArchiveError."""
    if path.startswith("n."):
        inner = ("in.tar.bz2", COMPRESS["a.tar.bz2"](tarred(("a.svg", SVG), ("b.svg", SVG * 20))))
        content = bytearray((zipped if path == "n.zip" else tarred)(inner, ("c.svg", SVG)))
    else:
        content = bytearray(COMPRESS[path](tarred(("a.svg", SVG), ("ü" * 90 + ".svg", SVG * 20))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content), path, reading=Reading(drop_bad=drop_bad))
    except ArchiveError as error:
        assert "\n" not in str(error)
