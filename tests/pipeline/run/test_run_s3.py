"""The whole pipeline on an object store: what it makes is what it makes on a folder."""

import os
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.errors import ConfigError
from pipeline.progress import Display
from pipeline.run.execute import execute
from pipeline.sources.base import Surroundings
from pipeline.sources.folder import FolderSource
from pipeline.sources.partitions import chunks
from pipeline.steps.crawl import crawl_tasks
from pipeline.storage.base import Storage
from pipeline.storage.open import open_existing, open_storage
from pipeline.storage.s3_client import Counts
from pipeline.storage.tables import Recent
from pipeline.storage.uri import Access
from pipeline.versions import published
from pipeline.versions.verify import verify_version
from tests.helpers import Run, drawing, mill, write_config


def upload(folder: Path, storage: Storage) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            storage.write(path.relative_to(folder).as_posix(), path.read_bytes())


def manifest(uri: str) -> bytes:
    return open_storage(uri).read(published.manifest_path(1))


def test_same_version_on_a_folder_and_on_s3(finished: Run, s3_uri: str) -> None:
    """A run on S3 publishes the manifest and the shards that a run on a folder does, and they verify."""
    result = mill(finished.config, s3_uri).result
    assert result.published
    assert manifest(s3_uri) == manifest(str(finished.workspace))
    local, remote = open_storage(str(finished.workspace)), open_existing(s3_uri)
    for shard in result.manifest.shards:
        assert remote.read(shard.path) == local.read(shard.path)
    assert [e.path for e in remote.list()] == [e.path for e in local.list()]
    assert verify_version(remote, None, Display(quiet=True))[0] == []
    again = mill(finished.config, s3_uri).result
    assert not again.published and again.ran == 0


@pytest.mark.parametrize("remembered", [1 << 20, -1])
def test_a_run_makes_few_requests(finished: Run, s3_uri: str, monkeypatch: pytest.MonkeyPatch, remembered: int) -> None:
    """Of p partitions and n shards: at most 4 p + 3 n + 100, also where every task meets a worker that knows nothing."""
    made: Counter[str] = Counter()
    genuine = Counts.add

    def add(self: Counts, kind: str = "", requests: int = 0, bytes_in: int = 0, bytes_out: int = 0) -> None:
        made[kind] += requests
        genuine(self, kind, requests, bytes_in, bytes_out)

    monkeypatch.setattr(Counts, "add", add)
    monkeypatch.setattr(Recent, "LARGEST", remembered)
    first = mill(finished.config, s3_uri).result
    assert made["PutObject"] > first.ran
    assert made.total() <= 4 * first.ran + 3 * len(first.manifest.shards) + 100
    made.clear()
    again = mill(finished.config, s3_uri).result
    # beside a record each: a listing of each step's records, and what a version is
    assert again.ran == 0 and made.total() <= again.reused + 40


def test_source_on_s3_is_the_folder_that_was_uploaded(finished: Run, icons: Path, s3_uri: str, tmp_path: Path) -> None:
    """From the same files on S3 the same dataset comes: every later stage's partitions are reused, nothing changes."""
    upload(icons, open_storage(s3_uri))
    where, _, query = s3_uri.partition("?")
    endpoint_url = query.removeprefix("endpoint_url=")
    sets = (f"sources.0.path={where}", f"storage.endpoint_url={endpoint_url}")
    made = mill(finished.config, tmp_path / "from-s3", sets=sets).result.manifest
    assert made.config["sources"][0]["path"] == where
    assert endpoint_url not in made.to_bytes().decode()
    there = made.content() | {"config": None}
    assert there == finished.result.manifest.content() | {"config": None}
    crawled = list(finished.workspace.glob("tables/crawl/icons/*.json"))
    assert mill(finished.config, finished.workspace, sets=sets).result.ran == len(crawled)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder of loose files and archives, one of a size that is read in parts."""
    folder = tmp_path / "mixed"
    (folder / "deep").mkdir(parents=True)
    for n in range(30):
        (folder / f"deep/{n} ü.svg").write_text(drawing(n))
    (folder / "note.txt").write_text("x")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "deep/1 ü.svg", "in/1.svg")
        archive.writestr("filler.bin", bytes(3 << 20))
        archive.write(folder / "deep/2 ü.svg", "in/2.svg")
    with tarfile.open(folder / "deep/b.tar.gz", "w:gz") as tar:
        tar.add(folder / "deep/3 ü.svg", "3.svg")
    with tarfile.open(folder / "deep/c.tar.xz", "w:xz") as tar:
        tar.add(folder / "a.zip", "a.zip")
    rows = [drawing(n) for n in range(40, 44)]
    filler = [os.urandom(1 << 20) for _ in rows]
    pq.write_table(pa.table({"filler": filler, "svg": rows}), folder / "deep/d.parquet")
    return folder


def crawl(config: Path, source: FolderSource, workspace: Path, base: Path, access: Access | None = None) -> list[tuple]:
    """What the crawl of a source writes: digests of its tables and its counts."""
    listing = source.listing(Surroundings(base, access))
    tasks = crawl_tasks(load(config).config, [listing], {source.name: chunks(listing, 10)}, {})
    records = [execute(task, str(workspace)).record for task in tasks]
    return [(r.key, r.rows_in, r.dropped, r.extra, {k: o.sha256 for k, o in r.outputs.items()}) for r in records]


@pytest.mark.parametrize("path", ["", "/deep", "/a.zip", "/deep/b.tar.gz", "/deep/d.parquet"])
def test_crawl_of_files_and_archives(mixed: Path, s3_uri: str, tmp_path: Path, path: str) -> None:
    """Loose files and members of archives on S3 make the raw tables that they make in a folder."""
    upload(mixed, open_storage(s3_uri))
    where, _, query = s3_uri.partition("?")
    config = write_config(tmp_path / "c.yaml", mixed)
    local = FolderSource(name="s", kind="folder", path=f"{mixed}{path}")
    remote = FolderSource(name="s", kind="folder", path=f"{where}{path}")
    access = Access(query.removeprefix("endpoint_url="))
    made = crawl(config, remote, tmp_path / "two", tmp_path, access)
    assert made == crawl(config, local, tmp_path / "one", tmp_path)
    assert sum(rows for _, rows, *_ in made) > 0


def test_objects_that_cannot_be_used_are_dropped(s3_uri: str, tmp_path: Path) -> None:
    """An object that is gone since the listing, and one that is too large, are dropped with their reasons."""
    storage = open_storage(s3_uri)
    for n in range(5):
        storage.write(f"{n}.svg", drawing(n).encode())
    storage.write("large.svg", drawing(1).encode() + b" " * 5000)
    config = write_config(tmp_path / "c.yaml", tmp_path, crawl={"max_bytes": 5000})
    listing = FolderSource(name="s", kind="folder", path=s3_uri).listing(Surroundings(tmp_path))
    storage.delete("3.svg")
    (task,) = crawl_tasks(load(config).config, [listing], {"s": chunks(listing, 10)}, {})
    record = execute(task, str(tmp_path / "ws")).record
    assert (record.rows_in, record.rows_kept) == (6, 4)
    assert record.dropped == {"crawl": {"too_large": 1, "unreadable": 1}}


@pytest.mark.parametrize(
    ("path", "says"),
    [("/none", "nothing is at"), ("/a.txt", "neither a folder"), ("/text", "no .svg"), ("/a.sv", "nothing is at")],
)
def test_unusable_s3_source_is_one_clear_line(s3_uri: str, tmp_path: Path, path: str, says: str) -> None:
    """Nothing at the prefix, a file instead of a prefix, nothing to read: each says what and where."""
    storage = open_storage(s3_uri)
    storage.write("a.txt", b"x")
    storage.write("a.svg", b"x")
    storage.write("text/b.txt", b"x")
    where, mark, query = s3_uri.partition("?")
    with pytest.raises(ConfigError, match=says) as error:
        FolderSource(name="s", kind="folder", path=f"{where}{path}{mark}{query}").listing(Surroundings(tmp_path))
    assert "\n" not in str(error.value) and f"{where}{path}" in str(error.value)


def test_command_takes_an_s3_workspace(icons: Path, s3_uri: str, tmp_path: Path) -> None:
    """`run` puts the config's endpoint into the workspace's URI; other commands take the URI as it is."""
    from typer.testing import CliRunner

    from pipeline.cli.app import app

    where, _, query = s3_uri.partition("?")
    endpoint_url = query.removeprefix("endpoint_url=")
    config = write_config(tmp_path / "c.yaml", icons, workspace=where, storage={"endpoint_url": endpoint_url})
    ran = CliRunner().invoke(app, ["run", str(config), "--engine", "inline"], catch_exceptions=False)
    assert ran.exit_code == 0
    for arguments in (["versions", s3_uri], ["verify", s3_uri], ["report", s3_uri]):
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"{where}/versions/1/{page}" for page in ("report.html", "README.md", "ATTRIBUTION.parquet")
    ]
    shown = CliRunner().invoke(app, ["segments", "show", s3_uri], catch_exceptions=False)
    assert shown.exit_code == 0 and shown.stdout
    planned = CliRunner().invoke(app, ["plan", str(config)], catch_exceptions=False)
    assert planned.exit_code == 0
    assert published.numbers(open_storage(s3_uri)) == [1]


def test_a_workspace_in_a_prefix_is_no_input(s3_uri: str, tmp_path: Path) -> None:
    """As in a folder."""
    storage = open_storage(s3_uri)
    for path in ("a.svg", "ws/tables/x.parquet", "ws/a.svg", "ws-2/b.svg", "note.txt"):
        storage.write(path, b"x")
    where, mark, query = s3_uri.partition("?")
    source = FolderSource(name="s", kind="folder", path=s3_uri)
    listing = source.listing(Surroundings(tmp_path, workspace=f"{where}/ws{mark}{query}"))
    assert [e.path for e in sorted(listing.entries)] == ["a.svg", "ws-2/b.svg"]
    assert listing.no_input == {".txt": 1, "workspace of svgmill": 1}
    for path, workspace, names in (
        ("/ws", "/ws", ["a.svg"]),
        ("/ws", "", ["a.svg", "tables/x.parquet"]),
        ("/ws", "/ws-2", ["a.svg", "tables/x.parquet"]),
    ):
        source = FolderSource(name="s", kind="folder", path=f"{where}{path}{mark}{query}")
        listing = source.listing(Surroundings(tmp_path, workspace=f"{where}{workspace}{mark}{query}"))
        assert [e.path for e in sorted(listing.entries)] == names


def test_an_archive_that_is_gone_since_the_listing(s3_uri: str, tmp_path: Path) -> None:
    """It is damaged as any other, and can be dropped."""
    storage = open_storage(s3_uri)
    storage.write("a.zip", b"x")
    source = FolderSource(name="s", kind="folder", path=s3_uri, on_bad_archive="drop")
    listing = source.listing(Surroundings(tmp_path))
    storage.delete("a.zip")
    config = load(write_config(tmp_path / "c.yaml", tmp_path)).config
    (task,) = crawl_tasks(config, [listing], {"s": chunks(listing, 10)}, {})
    assert execute(task, str(tmp_path / "ws")).record.dropped == {"crawl": {"bad_archive": 1}}
