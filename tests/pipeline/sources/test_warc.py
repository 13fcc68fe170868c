"""Kind `warc`: whole WARCs and WACZs, and by an index only what it lists."""

import gzip
import json
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.sources import warc_index
from pipeline.sources.base import ChunkLost, RawItem, Surroundings
from pipeline.sources.partitions import chunks
from pipeline.sources.warc import WarcSource
from pipeline.storage.open import open_storage
from pipeline.storage.uri import join_uri, split_uri
from stages.crawl import CrawlSettings
from stages.reasons import Reason
from tests.helpers import drawing, mill, parquet_rows, write_config
from tests.stages.crawl.warced import response, warced

DATA = Path(__file__).parents[2] / "data" / "warcs"
SVG = drawing(1).encode()


def source(path: Path | str, **settings: Any) -> WarcSource:
    return WarcSource(
        name="s", kind="warc", path=str(path), **{k: str(v) if k == "cdx" else v for k, v in settings.items()}
    )


def read(path: Path | str, no_input: Counter[str] | None = None, **settings: Any) -> dict[str, Any]:
    listing = source(path, **settings).listing(Surroundings(Path()))
    assert listing.reader is not None
    items: list[RawItem] = []
    for chunk in chunks(listing, 10):
        assert chunk.shape == "archive" and len(chunk.paths) == 1
        items += listing.reader.read(chunk, CrawlSettings(), no_input if no_input is not None else Counter())
    assert len({item.path for item in items}) == len(items)
    return {item.path: item.content for item in items}


def icons(*numbers: int, host: str = "a.test") -> bytes:
    return warced(*[response(f"http://{host}/{n}.svg", drawing(n).encode()) for n in numbers])


def test_warcs_of_a_folder_and_one_alone(tmp_path: Path) -> None:
    """Each is a chunk, and stands before the names of its drawings; what else is there is counted."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.warc.gz").write_bytes(icons(1))
    (tmp_path / "b.WARC").write_bytes(warced(response("http://a.test/1.svg", SVG), packed=False))
    (tmp_path / "c.svg").write_bytes(SVG)
    name = "20260131000000/http://a.test/1.svg"
    assert list(read(tmp_path)) == [f"b.WARC/{name}", f"x/a.warc.gz/{name}"]
    assert list(read(tmp_path / "b.WARC")) == [name]
    assert list(read(tmp_path, glob="x/*")) == [f"x/a.warc.gz/{name}"]
    assert source(tmp_path).listing(Surroundings(Path())).no_input == {".svg": 1}


@pytest.mark.parametrize("packed", [True, False])
def test_a_wacz_is_read_as_it_lies(tmp_path: Path, packed: bool) -> None:
    """All its WARCs, compressed in the zip or not; its indexes and pages are not its input."""
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(tmp_path / "a.wacz", "w", method) as archive:
        archive.writestr("datapackage.json", "{}")
        archive.writestr("archive/data.warc.gz", icons(1))
        archive.writestr("archive/more.warc.gz", icons(2))
        archive.writestr("other/data.warc.gz", icons(3))
    assert list(read(tmp_path / "a.wacz")) == [
        "archive/data.warc.gz/20260131000000/http://a.test/1.svg",
        "archive/more.warc.gz/20260131000000/http://a.test/2.svg",
    ]
    (tmp_path / "b.wacz").write_bytes((tmp_path / "a.wacz").read_bytes()[:-9])
    with pytest.raises(ConfigError, match=r"archive b\.wacz cannot be read"):
        read(tmp_path / "b.wacz")


def test_a_wacz_of_its_own_tool(tmp_path: Path) -> None:
    """What `wacz create` makes of wget's WARC gives what the WARC gives."""
    made = tmp_path / "made.wacz"
    command = [sys.executable, "-m", "wacz.main", "create", "-f", str(DATA / "wget.warc.gz"), "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    expected = {f"archive/wget.warc.gz/{name}": content for name, content in read(DATA / "wget.warc.gz").items()}
    assert read(made) == expected


def cdxj(folder: Path, *warcs: str) -> str:
    command = [sys.executable, "-m", "cdxj_indexer.main", *(str(folder / name) for name in warcs), "-s"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("packed", [True, False])
def test_by_an_index_only_what_it_lists_is_read(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of CDXJ as its tool makes it: the same names and bytes as of the whole WARC, by ranges of the records alone."""
    page = response("http://a.test/", b"<svg><path/></svg>", ("Content-Type", "text/html"))
    gone = response("http://a.test/gone.svg", b"", status="404 Gone")
    parts = [response(f"http://a.test/{n}.svg", drawing(n).encode()) for n in range(5)]
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.warc.gz").write_bytes(warced(*parts, page, gone))
    (tmp_path / "w/b.warc.gz").write_bytes(icons(7, host="b.test"))
    index = cdxj(tmp_path / "w", "a.warc.gz", "b.warc.gz")
    path = tmp_path / ("i.cdxj.gz" if packed else "i.cdxj")
    path.write_bytes(gzip.compress(index.encode()) if packed else index.encode())
    no_input: Counter[str] = Counter()
    found = read(tmp_path / "w", no_input, cdx=path)
    assert found == read(tmp_path / "w", pages=False)
    assert no_input == {"text/html, status 200, in an index": 1, "image/svg+xml, status 404, in an index": 1}
    lines = [line for line in index.splitlines() if "/3.svg" in line]
    path.write_bytes(gzip.compress("\n".join(lines).encode()) if packed else "\n".join(lines).encode())
    assert list(read(tmp_path / "w", cdx=path)) == ["a.warc.gz/20260131000000/http://a.test/3.svg"]


def test_wget_s_own_index_is_read() -> None:
    """It says no lengths, and names its columns in its first line."""
    found = read(DATA, cdx=DATA / "wget.cdx")
    whole = read(DATA, glob="*.gz", pages=False)
    assert len(found) == 4 and found == {name: content for name, content in whole.items() if "typeless" not in name}


def test_an_index_of_the_internet_archive_s_form(tmp_path: Path) -> None:
    """Eleven columns, with and without the line that names them; what was found by looking counts, too."""
    (tmp_path / "a.warc.gz").write_bytes(
        warced(response("http://a.test/x", SVG, ("Content-Type", "text/plain")), info=False)
    )
    size = (tmp_path / "a.warc.gz").stat().st_size
    line = f"test,a)/x 20260131000000 http://a.test/x image/svg+xml 200 DIGEST - - {size} 0 a.warc.gz"
    for head in ("", " CDX N b a m s k r M S V g\n"):
        (tmp_path / "i.cdx").write_text(f"{head}{line}\n{line}\n")
        assert list(read(tmp_path, cdx=tmp_path / "i.cdx")) == ["a.warc.gz/20260131000000/http://a.test/x"]
    found = {"url": "http://a.test/x", "mime": "text/plain", "mime-detected": "image/svg+xml", "status": "200"}
    found |= {"length": str(size), "offset": "0", "filename": "a.warc.gz"}
    (tmp_path / "i.cdxj").write_text(f"test,a)/x 20260131000000 {json.dumps(found)}")
    assert list(read(tmp_path, cdx=tmp_path / "i.cdxj")) == ["a.warc.gz/20260131000000/http://a.test/x"]


def test_a_plain_index_is_cut_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is of one part, wherever parts begin; the line that names the columns is of all."""
    (tmp_path / "a.warc.gz").write_bytes(icons(*range(20)))
    index = cdxj(tmp_path, "a.warc.gz")
    captures = [json.loads(line.split(" ", 2)[2]) for line in index.splitlines()]
    columns = ("url", "offset", "length", "filename", "mime", "status")
    plain = " CDX a V S g m s b\n" + "".join(
        " ".join([c[n] for n in columns] + ["20260131000000"]) + "\n" for c in captures
    )
    for text in (index, plain):
        (tmp_path / "i.cdx").write_text(text)
        whole = read(tmp_path, cdx=tmp_path / "i.cdx")
        for size in (60, 101, 997):
            monkeypatch.setattr(warc_index, "_PART", size)
            entries = source(tmp_path, cdx=tmp_path / "i.cdx").listing(Surroundings(Path())).archives
            assert len(entries) == -(-len(text) // size) and sum(entry.size for entry in entries) == len(text)
            assert read(tmp_path, cdx=tmp_path / "i.cdx") == whole and len(whole) == 20
        monkeypatch.undo()


def test_what_an_index_lists_wrongly_costs_itself(tmp_path: Path) -> None:
    """Each line that lists an SVG is a record, or the reason for none."""
    (tmp_path / "a.warc.gz").write_bytes(icons(*range(4)))
    (tmp_path / "outside").symlink_to("/etc/passwd")
    good, cut, moved, file = cdxj(tmp_path, "a.warc.gz").splitlines()

    def changed(line: str, **values: str) -> str:
        key, time, found = line.split(" ", 2)
        return f"{key} {time} {json.dumps(json.loads(found) | values)}"

    place = json.loads(good.split(" ", 2)[2])
    lines = [
        good, changed(cut, length="99"), changed(moved, offset=place["offset"], length=place["length"]), changed(file, filename="b.warc.gz"),
        changed(file, filename="../etc/passwd"), changed(file, filename="outside"), changed(file, offset="3"),
        changed(file, offset="99999999"), changed(file, length="999999999"), changed(file, offset="x"), "nonsense",
    ]  # fmt: skip
    (tmp_path / "i.cdxj").write_text("\n".join(lines))
    found = read(tmp_path, cdx=tmp_path / "i.cdxj")
    lost = [content for content in found.values() if isinstance(content, tuple)]
    assert len(found) == len(lines) and len(lost) == len(lines) - 1
    assert {reason for reason, _ in lost} == {Reason.UNREADABLE, Reason.TOO_LARGE}
    details = [detail for _, detail in lost]
    assert any("truncated" in d for d in details) and any(
        "a record of http://a.test/0.svg is there" in d for d in details
    )
    assert any("no line of an index" in d for d in details)


def test_archived_in_a_bucket_and_by_ranges(s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Common Crawl lies: WARCs below a prefix, an index elsewhere that names them from there."""
    store = open_storage(s3_uri)
    folder = "crawl-data/CC-MAIN-2026-05/segments/1.1/warc"
    store.write(f"cc/{folder}/a.warc.gz", icons(*range(3)))
    where, options = split_uri(s3_uri)
    uri, index_uri = join_uri(f"{where}/cc", options), join_uri(f"{where}/cdx-00000.gz", options)
    whole = read(uri)
    assert list(whole) == [f"{folder}/a.warc.gz/20260131000000/http://a.test/{n}.svg" for n in range(3)]
    records = _gzip_members(store.read(f"cc/{folder}/a.warc.gz"))[1:]
    lines = [
        f"test,a)/{n}.svg 20260131000000 "
        + json.dumps({"url": f"http://a.test/{n}.svg", "mime": "image/svg+xml", "status": "200", "offset": str(offset)}
        | {"length": str(length), "filename": f"{folder}/a.warc.gz"})
        for n, (offset, length) in enumerate(records)
    ]  # fmt: skip
    store.write("cdx-00000.gz", gzip.compress("\n".join(lines).encode()))
    assert read(uri, cdx=index_uri) == whole
    assert store.read_range("cdx-00000.gz", 10**6, 5) == b"" == store.read_range("cdx-00000.gz", 0, 0)
    assert store.read_range(f"cc/{folder}/a.warc.gz", *records[0])[:2] == b"\x1f\x8b"


def _gzip_members(data: bytes) -> list[tuple[int, int]]:
    members, at = [], 0
    while at < len(data):
        inflater = zlib.decompressobj(31)
        inflater.decompress(data[at:])
        size = len(data) - at - len(inflater.unused_data)
        members.append((at, size))
        at += size
    return members


def test_a_truncated_warc_fails_or_is_one_record(tmp_path: Path) -> None:
    """One line that says where, or a record with its reason; nothing of it is kept."""
    (tmp_path / "a.warc.gz").write_bytes(icons(1, 2)[:-40])
    with pytest.raises(
        ConfigError, match=r"source s: archive a\.warc\.gz cannot be read: .*on_bad_archive: drop"
    ) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ChunkLost) as lost:
        read(tmp_path, on_bad_archive="drop")
    assert lost.value.reason is Reason.BAD_ARCHIVE


@pytest.mark.parametrize(
    ("path", "settings", "message"),
    [
        ("none", {}, "does not exist"),
        ("c.svg", {}, r"c\.svg is no WARC; names end in \.warc, \.warc\.gz or \.wacz: correct path or glob"),
        ("empty", {}, r"has no WARC that matches '\*\*/\*' \(1 other files: \.txt 1\)"),
        ("c.svg", {"cdx": "i.cdx"}, r"c\.svg is no folder; with cdx, path is the folder"),
        (".", {"cdx": "none.cdx"}, "does not exist"),
        (".", {"cdx": "empty"}, r"no file with cdx in its name \(1 other files: \.txt 1\); correct cdx"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, path: str, settings: dict[str, str], message: str) -> None:
    """What is wrong, and what to do."""
    (tmp_path / "empty").mkdir()
    for name in ("empty/a.txt", "c.svg", "i.cdx"):
        (tmp_path / name).write_bytes(b"")
    if "cdx" in settings:
        settings = {"cdx": str(tmp_path / settings["cdx"])}
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path / path, **settings)
    assert "\n" not in str(caught.value)


def test_a_version_of_a_warc(tmp_path: Path) -> None:
    """From the config to the shards: URL and time of each drawing are in its provenance's raw record."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.warc.gz").write_bytes(icons(*range(12)))
    sources = json.dumps([{"name": "web", "kind": "warc", "path": str(tmp_path / "in")}])
    run = mill(write_config(tmp_path / "c.yaml", tmp_path / "in"), tmp_path / "ws", sets=(f"sources={sources}",))
    rows = parquet_rows(run)
    urls = sorted(record["url"] for row in rows for record in row["provenance"])
    assert urls and set(urls) <= {f"http://a.test/{n}.svg" for n in range(12)}
