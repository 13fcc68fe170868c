"""Debian packages: an ar archive that is read where it stands, and told when it is damaged."""

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.crawl import ArchiveError, CrawlSettings, RawItem, members
from tests.stages.crawl.archived import SVG, tarred, zipped

DEB = Path(__file__).parents[2] / "data" / "archives" / "own-icons-xz.deb"


def read(data: bytes, name: str = "a.deb") -> list[RawItem]:
    return list(members(io.BytesIO(data), name, CrawlSettings(max_bytes=1000), lambda _: True))


def ar(*parts: tuple[str, bytes]) -> bytes:
    data = b"!<arch>\n"
    for name, content in parts:
        data += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        data += b"\n" * (len(content) % 2)
    return data


def test_the_data_are_read_whatever_stands_around_them():
    """Other parts are passed over, whatever their length; a name may end in a slash, as GNU's ar writes it."""
    data = tarred(("a.svg", SVG))
    whole = ar(("debian-binary/", b"2.0\n"), ("odd", b"x"), ("data.tar/", data), ("_gpgorigin", b"123"))
    assert read(whole) == [RawItem("a.svg", SVG)] == read(whole[:-1])
    assert read(zipped(("in.deb", whole)), "a.zip") == [RawItem("in.deb/a.svg", SVG)]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04", "no ar archive"),
        (b"", "no ar archive"),
        (ar(("debian-binary", b"2.0\n")), "no data.tar in it"),
        (ar(("data.tar", tarred()), ("data.tar.gz", tarred())), "two data.tar in it"),
        (ar(("data.tar", b"x" * 600)), "cannot be read"),
        (ar(("data.tar", tarred())).replace(b"`\n", b"  "), "a damaged header of ar"),
    ],
)
def test_what_is_no_package_is_an_error(data: bytes, what: str):
    """Each says what is wrong."""
    with pytest.raises(ArchiveError, match=what):
        read(data)


def test_no_cut_passes_for_a_smaller_package():
    """Wherever it ends."""
    data = DEB.read_bytes()
    assert len(read(data)) == 3
    for end in range(len(data)):
        with pytest.raises(ArchiveError):
            read(data[:end])


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.booleans(), st.data())
def test_a_damaged_package_raises_nothing_else(packed: bool, data: st.DataObject):
    """Whatever bytes are changed, reading ends in members or in ArchiveError."""
    inner = tarred(("a.svg", SVG), ("b.svg", SVG * 20))
    content = bytearray(ar(("debian-binary", b"2.0\n"), ("data.tar.gz", gzip.compress(inner, 1) if packed else inner)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except ArchiveError as error:
        assert "\n" not in str(error)
