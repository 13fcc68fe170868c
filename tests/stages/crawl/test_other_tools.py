"""Archives that other programs made, on other systems: each record arrives or has its reason, under a stable name.

tests/data/archives/make.sh made the files there; what Windows and macOS make is put together by hand here.
"""

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from stages.crawl import CrawlSettings, RawItem, Reading, members
from stages.reasons import Reason
from tests.stages.crawl.archived import SVG, tarred, zipped

ARCHIVES = Path(__file__).parents[2] / "data" / "archives"
LONG = "n" * 200
DRAWN = {
    "set/a/one.svg": 1,
    "set/déjà/zwei ü.svg": 2,
    "set/a/é.svg": 3,  # stored with a combining accent
    f"set/a/{LONG}.svg": 4,
    r"set/back\slash.svg": 5,
}


def svg(number: int) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M{number} 1h4v{number}z"/></svg>'.encode()
    )


def read(data: bytes | Path, name: str = "", reading: Reading | None = None) -> dict[str, object]:
    content = data.read_bytes() if isinstance(data, Path) else data
    path = name or (data.name if isinstance(data, Path) else "a.zip")
    items = list(members(io.BytesIO(content), path, CrawlSettings(), lambda _: True, reading))
    assert len({item.path for item in items}) == len(items)
    return {item.path: item.content for item in items}


@pytest.mark.parametrize(
    "name",
    [
        *("bsdtar.zip", "infozip.zip", "7z-codepage.zip"),
        *("LZMA.7z", "LZMA2.7z", "BZip2.7z", "Deflate.7z", "Copy.7z", "plain.7z", "filtered.7z"),
        *("v7.tgz", "ustar.tgz", "gnu.tgz", "pax.tgz", "bsdtar-v7.tgz", "bsdtar-ustar.tgz", "bsdtar-gnutar.tgz"),
        "bsdtar-pax.tgz",
    ],
)
def test_what_other_tools_pack_arrives(name: str):
    """The same five drawings out of every format, under the same names; a link is none, a text is none.

    A v7 or ustar tar holds no name of 200 characters. Zip and 7z have a backslash for a separator, a tar has not. Of
    what Info-ZIP packs, links are what they lead to.
    """
    reading = Reading()
    expected = {path: svg(number) for path, number in DRAWN.items()}
    if "v7" in name or "ustar" in name:
        del expected[f"set/a/{LONG}.svg"]
    if not name.endswith(".tgz"):
        expected["set/back/slash.svg"] = expected.pop(r"set/back\slash.svg")
    if name == "infozip.zip":
        expected["set/a/link.svg"] = svg(1)
    assert read(ARCHIVES / name, reading=reading) == expected
    links = {} if name == "infozip.zip" else {"link or device in an archive": 1}
    assert reading.no_input == {"no extension": 1} | links


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("7z-deflate64.zip", "compression method 9, only deflate is read"),
        ("7z-encrypted.zip", "encrypted"),
        ("encrypted.7z", "encrypted"),
        ("PPMd.7z", "compression method PPMd, which is not read"),
    ],
)
def test_what_cannot_be_unpacked_has_its_reason(name: str, detail: str):
    """Each member of a method that is not read says so."""
    found = read(ARCHIVES / name)
    assert found and set(found.values()) == {(Reason.BAD_ARCHIVE_MEMBER, detail)}


@pytest.mark.parametrize("name", ["sparse-gnu.tgz", "sparse-0.0.tgz", "sparse-0.1.tgz", "sparse-1.0.tgz"])
def test_a_sparse_member_has_its_holes(name: str):
    """In each of the four forms that GNU tar has for it."""
    assert read(ARCHIVES / name) == {"sparse.svg": svg(6) + bytes(200_000 - len(svg(6)))}


@pytest.mark.parametrize("name", ["own-icons-xz.deb", "own-icons-gzip.deb", "own-icons-zstd.deb"])
def test_a_debian_package_is_what_it_installs(name: str):
    """Names are those of the installed files, without a trace of the tar that they are in."""
    icons = "usr/share/icons/own"
    found = read(ARCHIVES / name)
    assert found == {
        f"{icons}/one.svg": svg(1),
        f"{icons}/scalable/two.svg": svg(2),
        f"{icons}/three.svg": svg(3),
    }


def test_a_zip_that_was_streamed_says_its_sizes_afterwards():
    """A zip out of a pipe has data descriptors, with sizes of 64 bits; so has one that Python writes into a pipe."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            self.data += data
            return len(data)

    assert read(ARCHIVES / "stream.zip") == {"pipe.svg": svg(1)}
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive, archive.open("big.svg", "w", force_zip64=True) as member:
        member.write(SVG)
    assert read(bytes(pipe.data)) == {"big.svg": SVG}


def test_a_zip_of_windows_has_backslashes_and_a_code_page():
    """.NET stores backslashes; names that are no UTF-8 are CP437, also where the Unicode name beside is of another."""
    one, two, three = zipfile.ZipInfo("icons\\näher\\a.svg"), zipfile.ZipInfo("C:\\b.svg"), zipfile.ZipInfo("x.svg")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for info in (one, two, three):
            info.create_system = 0
            info.filename = info.filename.replace("/", "\\")
            archive.writestr(info, SVG)
    utf8, cp437 = "icons\\näher\\a.svg".encode(), "icons\\näher\\a.svg".encode("cp437")
    data = _renamed(out.getvalue(), utf8, cp437 + b"_")
    assert set(read(data.replace(b"a.svg_", b"_a.svg"))) == {"icons/näher/_a.svg", "C:/b.svg", "x.svg"}


@pytest.mark.parametrize("checksum", ["right", "wrong"])
def test_a_unicode_name_beside_counts_if_it_is_of_that_name(checksum: str):
    """Info-ZIP's field 0x7075 holds the checksum of the name that it stands beside."""
    stored = b"\xfcber.svg"  # Latin-1
    crc = zlib.crc32(stored) ^ (checksum == "wrong")
    info = zipfile.ZipInfo("?ber.svg")
    name = "über.svg".encode()
    info.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, crc) + name
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, SVG)
    data = out.getvalue().replace(b"?ber.svg", stored)
    assert set(read(data)) == {"über.svg" if checksum == "right" else b"\xfc".decode("cp437") + "ber.svg"}


def test_a_zip_of_macos_has_decomposed_names_and_appledouble_files():
    """UTF-8 that does not say so, composed; ``._x.svg`` is no drawing, whatever its folder, unless it holds one."""
    double = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
    nfd = "Ordner u\u0308/e\u0301.svg"
    files = [
        (nfd, SVG),
        ("__MACOSX/Ordner u\u0308/._e\u0301.svg", double),
        ("._in.zip", double),
        ("._drawn.svg", SVG),
        ("in.zip", zipped(("._y.svg", double), ("y.svg", SVG))),
    ]
    reading = Reading()
    data = _without_utf8_flag(zipped(*files))
    assert data != zipped(*files)
    assert set(read(data, reading=reading)) == {"Ordner ü/é.svg", "._drawn.svg", "in.zip/y.svg"}
    assert reading.no_input == {"AppleDouble file of macOS": 3}
    assert set(read(tarred(*files), "a.tar")) == {"Ordner ü/é.svg", "._drawn.svg", "in.zip/y.svg"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_names_of_any_kind_are_unique(name: str):
    """Absolute, long, doubled, in two forms of Unicode, and like the names that doubled ones get."""
    long = "/".join(["l" * 199] * 5) + ".svg"
    inner = zipped(("x.svg", SVG))
    files = [
        ("/abs/a.svg", b"1"), ("abs/a.svg", b"2"), ("../abs/./a.svg", b"3"), (long, b"4"), (long, b"5"),
        ("e\u0301.svg", b"6"), ("é.svg", b"7"), ("in.zip", inner), ("in.zip#2/x.svg", b"8"), ("in.zip", inner),
        ("in.zip#2/x.svg", b"9"),
    ]  # fmt: skip
    expected = {
        "abs/a.svg": b"1", "abs/a.svg#2": b"2", "abs/a.svg#3": b"3", long: b"4", f"{long}#2": b"5", "é.svg": b"6",
        "é.svg#2": b"7", "in.zip/x.svg": SVG, "in.zip#2/x.svg": b"8", "in.zip#2/x.svg#2": SVG, "in.zip#2/x.svg#3": b"9",
    }  # fmt: skip
    assert read((zipped if name == "a.zip" else tarred)(*files), name) == expected


def test_tars_of_python_arrive_with_names_of_any_length():
    """Names of 1,000 characters, in the GNU and the pax form."""
    name = "/".join(["ü" * 99] * 10) + ".svg"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            info = tarfile.TarInfo(name)
            info.size = len(SVG)
            archive.addfile(info, io.BytesIO(SVG))
        assert list(members(io.BytesIO(out.getvalue()), "a.tar", CrawlSettings(), lambda _: True)) == [
            RawItem(name, SVG)
        ]


def _renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """A zip with another name for an entry, as long, and without the flag that says UTF-8."""
    assert len(old) == len(new) and data.count(old) == 2
    return _without_utf8_flag(data.replace(old, new))


def _without_utf8_flag(data: bytes) -> bytes:
    changed = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            changed[at + offset] &= ~0x08
    return bytes(changed)
