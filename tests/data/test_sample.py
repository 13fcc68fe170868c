"""The bundled sample: small, safe to unpack, licensed, and varied enough to show every part of the mill."""

import hashlib
import json
import re
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from stages.reasons import Reason

DATA = Path(__file__).resolve().parents[2] / "data"
ARCHIVE = DATA / "quickstart.tar.gz"
LICENSES = {
    "MIT": "Permission is hereby granted, free of charge",
    "Apache-2.0": "Version 2.0, January 2004",
    "CC0-1.0": "CC0 1.0 Universal",
}


@pytest.fixture(scope="module")
def entries():
    with tarfile.open(ARCHIVE) as tar:
        return tar.getmembers()


@pytest.fixture(scope="module")
def files():
    with tarfile.open(ARCHIVE) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}


def drawings(files):
    return {path: files[path] for path in files if path.endswith(".svg") and not path.startswith("broken/")}


def sets(files):
    return sorted({path.split("/")[0] for path in drawings(files)})


def rows():
    """SOURCES.md's table of sets: name -> (licence, count)."""
    found = re.findall(r"^\| (\S+) \| [^|]+ \| (\S+) \| (\d+) \|", (DATA / "SOURCES.md").read_text(), re.MULTILINE)
    return {name: (license_id, int(count)) for name, license_id, count in found}


def test_the_archive_is_small():
    """The archive is under 1.5 MB, so that a clone stays quick."""
    assert ARCHIVE.stat().st_size < 1_500_000


def test_entries_are_plain_and_without_times(entries):
    """Every entry is a regular file under a relative path, owned by nobody, with time zero, sorted and unique."""
    names = [entry.name for entry in entries]
    assert names == sorted(set(names))
    for entry in entries:
        path = PurePosixPath(entry.name)
        assert entry.isreg() and not path.is_absolute() and ".." not in path.parts and len(path.parts) > 1
        assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, 0, "", "")


def test_the_gzip_header_has_no_time():
    """The gzip header holds neither a time nor a file name."""
    header = ARCHIVE.read_bytes()[:10]
    assert header[:3] == b"\x1f\x8b\x08" and header[3] == 0 and header[4:8] == bytes(4)


def test_there_are_enough_drawings_and_sets(files):
    """At least 640 drawings of at least 7 sets, beside the broken ones."""
    assert len(drawings(files)) >= 640
    assert len(sets(files)) >= 7


def test_every_set_has_its_licence(files):
    """Each folder holds a licence text, of the licence that SOURCES.md names: MIT, Apache-2.0 or CC0-1.0."""
    named = rows()
    for name in [*sets(files), "broken"]:
        text = files[f"{name}/LICENSE"].decode()
        assert LICENSES[named[name][0]] in text, name


def test_sources_tells_what_the_archive_holds(files):
    """SOURCES.md names every folder with its count, and the archive's own digest."""
    counts = {name: sum(path.startswith(f"{name}/") for path in drawings(files)) for name in sets(files)}
    counts["broken"] = sum(path.startswith("broken/") and path.endswith((".svg", ".svgz")) for path in files)
    assert {name: count for name, (_, count) in rows().items()} == counts
    assert hashlib.sha256(ARCHIVE.read_bytes()).hexdigest() in (DATA / "SOURCES.md").read_text()


@pytest.mark.parametrize(
    "feature", ["<linearGradient", "<radialGradient", "<use", "transform=", "<style", "<clipPath", "<mask", "opacity"]
)
def test_what_the_mill_must_handle_occurs(files, feature):
    """Gradients, use, transforms, style elements, clip paths, masks and opacity each occur in several drawings."""
    assert sum(feature.encode() in content for content in drawings(files).values()) >= 5


def test_some_drawings_are_exact_copies(files):
    """A few drawings occur twice, so that deduplication has something to show."""
    contents = list(drawings(files).values())
    assert len(contents) - len(set(contents)) >= 3


def test_broken_files_say_what_is_expected_of_them(files):
    """At least 22 broken files, each with the outcomes that are right for it; together they cover the rules."""
    expected = json.loads(files["broken/EXPECTED.json"])
    names = {path.removeprefix("broken/") for path in files if path.endswith((".svg", ".svgz")) and "broken/" in path}
    assert set(expected) == names and len(names) >= 22
    codes = {code for entry in expected.values() for code in entry["expected"]}
    assert codes <= {"kept", *Reason}
    assert codes >= {
        "kept", "empty", "too_large", "bad_gzip", "not_svg", "xml_malformed", "bad_encoding", "entity_expansion",
        "external_entity", "too_deep", "too_complex", "raster_embedded", "bad_dimension", "unsupported_text",
        "unsupported_filter", "unsupported_mask", "unsupported_pattern", "unsupported_stroke",
        "cyclic_ref", "use_expansion", "out_of_canvas", "nothing_drawn", "blank_render", "timed_out",
        "duplicate_raw", "duplicate_canonical", "near_duplicate",
    }  # fmt: skip
