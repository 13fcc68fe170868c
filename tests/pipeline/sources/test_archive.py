"""Kind `archive`: one archive or a folder of them, each record under a name of its own, with the licence beside it."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from identify.vendor.licenses import LICENSES

from pipeline.errors import ConfigError
from pipeline.sources.archive import ArchiveSource
from pipeline.sources.base import ChunkLost, RawItem, Surroundings
from pipeline.sources.folder import FolderSource
from pipeline.sources.partitions import chunks
from pipeline.storage.open import open_storage
from pipeline.storage.uri import join_uri, split_uri
from stages.crawl import CrawlSettings
from stages.reasons import Reason
from tests.helpers import drawing
from tests.stages.crawl.archived import sevenzipped, targz, zipped

DATA = Path(__file__).parents[2] / "data" / "archives"
TEXTS = {name: text.encode() for name, text in LICENSES}
SVG = drawing(1).encode()


def read(path: Path | str, no_input: Counter[str] | None = None, **settings: Any) -> list[RawItem]:
    source = ArchiveSource(name="s", kind="archive", path=str(path), **settings)
    listing = source.listing(Surroundings(Path()))
    assert listing.reader is not None
    items = []
    for chunk in chunks(listing, 10):
        assert chunk.shape == "archive" and len(chunk.paths) == 1
        items += listing.reader.read(chunk, CrawlSettings(), no_input if no_input is not None else Counter())
    assert len({item.path for item in items}) == len(items)
    return items


def test_one_archive_or_a_folder_of_them(tmp_path: Path) -> None:
    """Each is a chunk; what lies beside them is counted, a table, too."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.7z").write_bytes(sevenzipped(("x.svg", SVG)))
    (tmp_path / "sub/b.zip").write_bytes(zipped(("x.svg", SVG), ("y.txt", b"")))
    for name in ("beside.svg", "t.parquet", "c.rar"):
        (tmp_path / name).write_bytes(b"")
    no_input: Counter[str] = Counter()
    assert [item.path for item in read(tmp_path, no_input)] == ["a.7z/x.svg", "sub/b.zip/x.svg"]
    assert no_input == {".txt": 1}
    listing = ArchiveSource(name="s", kind="archive", path=str(tmp_path)).listing(Surroundings(Path()))
    assert listing.no_input == {".svg": 1, ".parquet": 1, ".rar": 1}
    assert [item.path for item in read(tmp_path / "a.7z")] == ["x.svg"]
    assert [item.path for item in read(tmp_path, glob="sub/**")] == ["sub/b.zip/x.svg"]


def test_archives_in_a_bucket(s3_uri: str) -> None:
    """7z and zip are read by ranges, one or all below a prefix."""
    store = open_storage(s3_uri)
    store.write("in/a.7z", sevenzipped(("x.svg", SVG)))
    store.write("in/b.deb", (DATA / "own-icons-xz.deb").read_bytes())
    where, options = split_uri(s3_uri)
    paths = [item.path for item in read(join_uri(f"{where}/in", options))]
    assert paths[0] == "a.7z/x.svg" and len(paths) == 4 and paths[1] == "b.deb/usr/share/icons/own/one.svg"
    assert [item.path for item in read(join_uri(f"{where}/in/a.7z", options))] == ["x.svg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "does not exist"),
        ("a.rar", r"a\.rar is no archive; archives are zip, 7z, deb, tar, .*tar\.zst: correct path or glob"),
        ("t.parquet", "is no archive"),
        ("empty", r"has no archive that matches '\*\*/\*' \(1 other files: \.svg 1\)"),
    ],
)
def test_what_is_no_archive_is_said_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    """With what there is instead."""
    (tmp_path / "empty").mkdir()
    for each in ("a.rar", "t.parquet", "empty/a.svg"):
        (tmp_path / each).write_bytes(b"")
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_fails_or_is_one_record(tmp_path: Path) -> None:
    """As in a folder source."""
    whole = (DATA / "LZMA2.7z").read_bytes()
    (tmp_path / "a.7z").write_bytes(whole[:-9])
    with pytest.raises(ConfigError, match=r"source s: archive a\.7z cannot be read: .*on_bad_archive: drop"):
        read(tmp_path)
    with pytest.raises(ChunkLost) as caught:
        read(tmp_path, on_bad_archive="drop")
    assert caught.value.path == "a.7z" and caught.value.reason is Reason.BAD_ARCHIVE


@pytest.mark.parametrize("suffix", ["zip", "7z", "tar.gz"])
def test_a_text_in_an_archive_is_its_members_licence(tmp_path: Path, suffix: str) -> None:
    """The nearest, wherever it stands in the archive; an inner archive has its own, else that of the outer one."""
    inner = zipped(("z.svg", SVG))
    own = zipped(("z.svg", SVG), ("COPYING", TEXTS["ISC"]))
    files = [
        ("icons/a.svg", SVG), ("icons/brands/b.svg", SVG), ("in.zip", inner), ("own.zip", own), ("LICENSE", TEXTS["MIT"]),
        ("icons/brands/LICENSE.txt", b"Ask us first. " * 40), ("package.json", json.dumps({"license": "ISC"}).encode()),
    ]  # fmt: skip
    path = tmp_path / f"a.{suffix}"
    path.write_bytes({"zip": zipped, "7z": sevenzipped, "tar.gz": targz}[suffix](*files))
    items = {item.path: item for item in read(path)}
    found = {name: (item.license, item.license_from) for name, item in items.items() if item.license}
    assert found == {
        "icons/a.svg": ("MIT", "text"),
        "in.zip/z.svg": ("MIT", "text"),
        "own.zip/z.svg": ("ISC", "text"),
    }
    assert ("license_manifest", "ISC") in items["icons/a.svg"].facts
    unknown = items["icons/brands/b.svg"]
    assert unknown.license is None and unknown.license_digest not in (None, items["icons/a.svg"].license_digest)
    assert {item.license for item in read(path, license_texts=False)} == {None}
    folder = FolderSource(name="f", kind="folder", path=str(tmp_path))
    listing = folder.listing(Surroundings(Path()))
    assert listing.reader is not None
    (chunk,) = chunks(listing, 10)
    same = {
        item.path.removeprefix(f"{path.name}/"): item for item in listing.reader.read(chunk, CrawlSettings(), Counter())
    }
    assert {name: item.license for name, item in same.items()} == {name: item.license for name, item in items.items()}


def test_a_debian_package_says_the_licence_of_its_paths() -> None:
    """Where it names installed paths, it is sure; where paragraphs of the source could be meant, nobody knows."""
    items = {item.path.rpartition("/")[2]: item for item in read(DATA / "own-icons-xz.deb")}
    two, one = items["two.svg"], items["one.svg"]
    assert (two.license, two.license_from, two.author) == ("CC-BY-SA-4.0", "manifest", "2026 The Second Author")
    assert (one.license, one.author) == (None, None) and one.license_digest == two.license_digest


def test_unpacking_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in the folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    shutil.copy(DATA / "LZMA2.7z", tmp_path / "a.7z")
    (tmp_path / "b.zip").write_bytes(zipped(("in.7z", (DATA / "LZMA2.7z").read_bytes())))
    assert len(read(tmp_path)) == 10
    assert not list((tmp_path / "tmp").iterdir())
