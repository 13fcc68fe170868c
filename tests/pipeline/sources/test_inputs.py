"""What a source's folder may hold: links, pipes, strange names, archives of all kinds, and much that is no input."""

import contextlib
import gzip
import io
import os
import socket
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.errors import ConfigError, StoreRefused
from pipeline.run.execute import execute
from pipeline.sources.base import Surroundings
from pipeline.sources.folder import FolderSource
from pipeline.sources.partitions import chunks
from pipeline.steps.crawl import crawl_tasks
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.storage.tables import read_table
from pipeline.work.ledger import Record
from tests.helpers import drawing, mill, write_config


class Inputs:
    """A source folder, and what the crawl makes of it."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home / "src"
        self.folder.mkdir()

    def put(self, name: str, content: bytes | str | None = None) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if content is not None else drawing(len(name))
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def crawl(self, path: str | Path | None = None, **settings: Any) -> tuple[list[str], dict[str, str], list[Record]]:
        """Paths that were kept, path -> reason of those that were dropped, and the records."""
        source = FolderSource(name="s", kind="folder", path=str(path or self.folder), **settings)
        listing = source.listing(Surroundings(self.home))
        config = load(write_config(self.home / "c.yaml", self.folder)).config
        workspace = self.home / "ws"
        records = [
            execute(task, str(workspace)).record
            for task in crawl_tasks(config, [listing], {"s": chunks(listing, 10)}, {})
        ]
        at = open_storage(str(workspace))
        kept, dropped = [], {}
        for record in records:
            assert record.rows_in == record.rows_kept + sum(n for r in record.dropped.values() for n in r.values())
            kept += read_table(at, record.outputs["kept"].path)["path"].to_pylist()
            if "dropped" in record.outputs:
                lost = read_table(at, record.outputs["dropped"].path)
                dropped |= dict(zip(lost["path"].to_pylist(), lost["reason"].to_pylist(), strict=True))
        return sorted(kept), dropped, records


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def targz(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in names:
            data = drawing(len(name)).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, drawing(len(name)))
    return out.getvalue()


def parquet(**columns: list[Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_links_lead_on_within_the_source(inputs: Inputs) -> None:
    """A linked file is read, a linked folder too, at the path of the link; loops end, whatever they go through."""
    inputs.put("real/a.svg")
    inputs.put("real/deep/b.svg")
    (inputs.folder / "file.svg").symlink_to("real/a.svg")
    (inputs.folder / "folder").symlink_to("real", target_is_directory=True)
    (inputs.folder / "real/deep/up").symlink_to("..", target_is_directory=True)
    (inputs.folder / "real/top").symlink_to(inputs.folder, target_is_directory=True)
    kept, dropped, _ = inputs.crawl()
    assert kept == ["file.svg", "folder/a.svg", "folder/deep/b.svg", "real/a.svg", "real/deep/b.svg"] and not dropped
    assert set(
        FolderSource(name="s", kind="folder", path=str(inputs.folder)).listing(Surroundings(Path())).no_input
    ) == {"linked folder that leads back"}


def test_links_out_of_the_source_need_leave(inputs: Inputs) -> None:
    """The hub's cache is made of links out of the snapshot's folder: allow_links_to lets them lead there, only."""
    blobs = inputs.home / "blobs"
    (blobs / "icons").mkdir(parents=True)
    (blobs / "0f3a").write_text(drawing(1))
    (blobs / "pack").write_bytes(zipped("in.svg"))
    (blobs / "icons/c.svg").write_text(drawing(2))
    (inputs.home / "blobs-other").mkdir()
    (inputs.home / "blobs-other/x").write_text(drawing(3))
    inputs.put("own.svg")
    (inputs.folder / "a.svg").symlink_to("../blobs/0f3a")
    (inputs.folder / "other.svg").symlink_to("../blobs-other/x")
    (inputs.folder / "icons").symlink_to("../blobs/icons", target_is_directory=True)
    kept, dropped, records = inputs.crawl()
    assert kept == ["own.svg"] and dropped == {"a.svg": "unreadable", "other.svg": "unreadable"}
    listing = FolderSource(name="s", kind="folder", path=str(inputs.folder)).listing(Surroundings(Path()))
    assert listing.no_input == {"linked folder out of the source (see allow_links_to)": 1}
    kept, dropped, records = inputs.crawl(allow_links_to=("blobs",))
    assert kept == ["a.svg", "icons/c.svg", "own.svg"] and dropped == {"other.svg": "unreadable"}
    assert all(str(inputs.home) not in record.to_bytes().decode() for record in records)
    (inputs.folder / "p.zip").symlink_to("../blobs/pack")
    assert inputs.crawl(allow_links_to=("blobs",))[0] == ["a.svg", "icons/c.svg", "own.svg", "p.zip/in.svg"]
    with pytest.raises(ConfigError, match=r"p\.zip cannot be read: the link leads out.*allow_links_to"):
        inputs.crawl()
    # what the config names is meant, wherever it leads
    assert inputs.crawl(inputs.folder / "p.zip")[0] == ["in.svg"]


def test_only_regular_files_are_opened(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, a socket or a device is counted; one that takes a file's place after the listing is not waited for."""
    inputs.put("a.svg")
    for name in ("p.svg", "p.zip"):
        os.mkfifo(inputs.folder / name)
    (inputs.folder / "null.svg").symlink_to("/dev/null")
    monkeypatch.chdir(inputs.folder)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("s.svg")
    source = FolderSource(name="s", kind="folder", path=str(inputs.folder))
    listing = source.listing(Surroundings(Path()))
    assert [e.path for e in listing.files] == ["a.svg"] and not listing.archives
    assert listing.no_input == {"named pipe": 2, "socket": 1, "device": 1}
    assert inputs.crawl()[0] == ["a.svg"]
    inputs.put("b.svg")
    listing = source.listing(Surroundings(Path()))
    (inputs.folder / "b.svg").unlink()
    os.mkfifo(inputs.folder / "b.svg")
    (task,) = crawl_tasks(load(inputs.home / "c.yaml").config, [listing], {"s": chunks(listing, 10)}, {})
    assert execute(task, str(inputs.home / "ws")).record.dropped == {"crawl": {"unreadable": 1}}
    with pytest.raises(ConfigError, match="neither a folder nor an archive"):
        FolderSource(name="s", kind="folder", path=str(inputs.folder / "p.zip")).listing(Surroundings(Path()))


def test_a_pipe_in_the_place_of_an_object_is_an_error(tmp_path: Path) -> None:
    """Also in a workspace nothing waits for somebody to write into a pipe."""
    os.mkfifo(tmp_path / "p")
    with pytest.raises(StoreRefused, match="no regular file"):
        FolderStorage(tmp_path).read("p")
    with pytest.raises(StoreRefused, match="Is a directory"):
        FolderStorage(tmp_path.parent).read(tmp_path.name)


def test_a_folder_without_rights_is_named(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path, and what to do, in one line."""
    inputs.put("a.svg")
    inputs.put("closed/b.svg")
    genuine = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return genuine(path)

    # a test that runs as root may read everything
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(
        ConfigError, match=r"source s: folder .*/src/closed cannot be listed .*Permission denied.*right"
    ) as e:
        inputs.crawl()
    assert "\n" not in str(e.value)


def test_strange_names_and_contents(inputs: Inputs) -> None:
    """What a name promises and what is there need not agree: each file is read, or dropped for a reason."""
    inputs.put(os.fsdecode(b"latin-\xe9.svg"))
    inputs.put("two\nlines.svg")
    inputs.put("UPPER.SVG")
    inputs.put("folder.svg/in.svg")
    inputs.put("folder.zip/in.svg")
    inputs.put("gz-inside.svg", gzip.compress(drawing(1).encode()))
    inputs.put("plain-inside.svgz")
    inputs.put("packed.svg.GZ", gzip.compress(drawing(2).encode()))
    inputs.put("PACK.TAR.GZ", targz("x.svg"))
    inputs.put("empty.svg", b"")
    inputs.put("dangling-target.svg").unlink()
    (inputs.folder / "dangling.svg").symlink_to("dangling-target.svg")
    (inputs.folder / "loop.svg").symlink_to("loop.svg")
    kept, dropped, _ = inputs.crawl()
    assert kept == sorted([
        r"latin-\xe9.svg", r"two\nlines.svg", "UPPER.SVG", "folder.svg/in.svg", "folder.zip/in.svg", "gz-inside.svg",
        "plain-inside.svgz", "packed.svg.GZ", "PACK.TAR.GZ/x.svg",
    ])  # fmt: skip
    assert dropped == {"empty.svg": "empty", "dangling.svg": "unreadable", "loop.svg": "unreadable"}


def test_parquet_beside_drawings(inputs: Inputs) -> None:
    """A folder of Parquet files is a source; one without a column of drawings is counted, not a fault."""
    inputs.put("train-0.parquet", parquet(svg=[drawing(1), None]))
    inputs.put("train-1.parquet", parquet(svg=[drawing(2)], code=[drawing(3)]))
    inputs.put("metadata.parquet", parquet(file_name=["a"]))
    inputs.put("a.svg")
    kept, dropped, records = inputs.crawl()
    assert kept == ["a.svg", "train-0.parquet/00000000.svg", "train-1.parquet/00000000.svg"]
    assert dropped == {"train-0.parquet/00000001.svg": "no_drawing"}
    counted = [record.extra["no_input"] for record in records if record.extra]
    assert counted == [{".parquet without a column of drawings": 1}, {"column code not in columns": 1}]
    assert inputs.crawl(column="code")[0] == ["a.svg", "train-1.parquet/00000000.svg"]
    with pytest.raises(ConfigError, match=r"source s: .*no column that has svg in its name.*file_name.*setting column"):
        inputs.crawl(inputs.folder / "metadata.parquet")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.tar.gz", targz("one.svg", "second.svg")[:-30]),
        ("page.zip", b"<html>404</html>"),
        ("empty.tar", b""),
        ("cut.parquet", parquet(svg=[drawing(1)])[:-3]),
        ("wrong.parquet", parquet(svg=[1])),
    ],
)
def test_a_damaged_archive_fails_or_is_dropped(inputs: Inputs, name: str, content: bytes) -> None:
    """on_bad_archive: drop makes it one record, without those of its members that could be read; the others stay."""
    inputs.put(f"d/{name}", content)
    inputs.put("good.zip", zipped("in.svg"))
    inputs.put("a.svg")
    with pytest.raises(
        ConfigError, match=f"source s: (archive|table) d/{name} cannot be read: .*, or set .*on_bad_archive: drop"
    ):
        inputs.crawl()
    kept, dropped, _ = inputs.crawl(on_bad_archive="drop")
    assert kept == ["a.svg", "good.zip/in.svg"] and dropped == {f"d/{name}": "bad_archive"}
    kept, dropped, _ = inputs.crawl(inputs.folder / f"d/{name}", on_bad_archive="drop")
    assert kept == [] and dropped == {name: "bad_archive"}


def test_an_archive_that_is_gone_since_the_listing(inputs: Inputs) -> None:
    """It is damaged as any other."""
    inputs.put("good.zip", zipped("in.svg"))
    source = FolderSource(name="s", kind="folder", path=str(inputs.folder), on_bad_archive="drop")
    listing = source.listing(Surroundings(Path()))
    (inputs.folder / "good.zip").unlink()
    config = load(write_config(inputs.home / "c.yaml", inputs.folder)).config
    (task,) = crawl_tasks(config, [listing], {"s": chunks(listing, 10)}, {})
    assert execute(task, str(inputs.home / "ws")).record.dropped == {"crawl": {"bad_archive": 1}}


@pytest.mark.parametrize("backwards", [False, True])
def test_the_file_system_s_order_does_not_show(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    """Listings are the same in whatever order a folder gives its files."""
    for name in ("b/x.svg", "a/y.svg", "a.svg", "a-b.svg", "c/d/z.svg"):
        inputs.put(name)
    (inputs.folder / "b/l").symlink_to("../a", target_is_directory=True)
    genuine = os.scandir

    def scandir(path: str) -> Any:
        with genuine(path) as items:
            return contextlib.nullcontext(sorted(items, key=lambda item: item.name, reverse=backwards))

    monkeypatch.setattr(os, "scandir", scandir)
    listing = FolderSource(name="s", kind="folder", path=str(inputs.folder)).listing(Surroundings(Path()))
    assert [e.path for e in listing.files] == ["a-b.svg", "a.svg", "a/y.svg", "b/l/y.svg", "b/x.svg", "c/d/z.svg"]


def test_a_workspace_in_the_source_is_no_input(inputs: Inputs) -> None:
    """Shards and tables are Parquet files and tars with drawings in them: a run does not feed on what it has made."""
    for at in ("ws", "other"):
        for place in ("layouts", "shards", "tables", "versions"):
            inputs.put(f"{at}/{place}/x.parquet", parquet(svg=[drawing(1)]))
    inputs.put("ws/loose.svg")
    inputs.put("tables/a.svg")
    source = FolderSource(name="s", kind="folder", path=str(inputs.folder))
    listing = source.listing(Surroundings(Path(), workspace=str(inputs.folder / "ws")))
    assert [e.path for e in sorted(listing.entries)] == ["tables/a.svg"]
    assert listing.no_input == {"workspace of svgmill": 2}
    for place in ("layouts", "shards", "tables", "versions"):
        inputs.put(f"new/{place}/x.parquet", parquet(svg=[drawing(1)]))
    inputs.put("new/mine/a.svg")
    within = FolderSource(name="s", kind="folder", path=str(inputs.folder / "new"))
    listing = within.listing(Surroundings(Path(), workspace=str(inputs.folder / "new")))
    assert [e.path for e in sorted(listing.entries)] == ["mine/a.svg"]
    shards = FolderSource(name="s", kind="folder", path=str(inputs.folder / "other/shards"))
    assert [e.path for e in shards.listing(Surroundings(Path())).tables] == ["x.parquet"]


def test_a_source_with_nothing_in_its_archives_says_what_there_is(inputs: Inputs) -> None:
    """A folder of tables of something else, or of archives of something else, is no source."""
    inputs.put("metadata.parquet", parquet(file_name=["a"]))
    with zipfile.ZipFile(inputs.folder / "pictures.zip", "w") as archive:
        archive.writestr("a.png", "")
    config = write_config(inputs.home / "c.yaml", inputs.folder)
    says = r"\(2 other files: \.parquet without a column of drawings 1, \.png not in glob 1\); correct path, glob or column"
    with pytest.raises(ConfigError, match=says):
        mill(config, inputs.home / "ws")
