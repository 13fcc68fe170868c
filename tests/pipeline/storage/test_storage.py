import io
import os
import pickle
import random
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError, Overtaken, StoreRefused
from pipeline.storage.base import AlreadyExists, NotFound, Storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_existing, open_storage, require_writable
from pipeline.storage.s3 import SMALL_BYTES, S3Storage
from pipeline.storage.uri import Access, split_uri, with_access


@pytest.fixture(params=["folder", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be: every test that takes it holds for each."""
    return str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("s3_uri")


@pytest.fixture
def storage(uri: str) -> Storage:
    return open_storage(uri)


@pytest.fixture
def on_s3(s3_uri: str) -> S3Storage:
    storage = open_storage(s3_uri)
    assert isinstance(storage, S3Storage)
    return storage


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def run_all(work: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_listing_is_sorted_and_by_prefix(storage: Storage) -> None:
    """Objects come back in path order, whatever order they were written in."""
    for path in ("b/2", "b/10", "a", "b/1/x", "bb/1"):
        storage.write(path, b"x")
    assert [e.path for e in storage.list()] == ["a", "b/1/x", "b/10", "b/2", "bb/1"]
    assert [e.path for e in storage.list("b/")] == ["b/1/x", "b/10", "b/2"]
    assert [e.path for e in storage.list("b/1")] == ["b/1/x", "b/10"]
    assert storage.list("c") == storage.list("c/") == []
    for prefix in ("", "b/", "b/1", "c", "c/"):
        assert sorted(storage.paths(prefix)) == [e.path for e in storage.list(prefix)]
        assert sorted(storage.scan(prefix)) == storage.list(prefix)


def test_listing_tells_size_and_change(storage: Storage) -> None:
    """An entry has the object's size, and another etag after other content was written."""
    storage.write("a", b"one")
    (before,) = storage.list()
    storage.write("a", b"other")
    (after,) = storage.list()
    assert (before.size, after.size) == (3, 5)
    assert before.etag and before.etag != after.etag


def test_neighbouring_prefixes_are_kept_apart(uri: str) -> None:
    """A store sees nothing of one whose URI its own is the beginning of."""
    where, mark, query = uri.partition("?")
    other = open_storage(f"{where}0{mark}{query}")
    other.write("a", b"x")
    storage = open_storage(uri)
    assert storage.list() == [] and not storage.exists("a") and not storage.present()
    with pytest.raises(ConfigError, match="does not exist"):
        open_existing(uri)
    assert other.present()


def test_listing_goes_over_pages(on_s3: S3Storage) -> None:
    """More objects than one answer of the server holds are all listed, in order."""
    paths = sorted(f"d{n % 7}/{n}" for n in range(1003))
    run_all([lambda k=k: [on_s3.write(path, b"") for path in paths[k::4]] for k in range(4)])
    on_s3.counts.requests.clear()
    assert [e.path for e in on_s3.list()] == paths
    assert on_s3.counts.requests == {"ListObjectsV2": 2}


@pytest.mark.parametrize("size", [3, 20 << 20])
def test_failed_writer_leaves_nothing(uri: str, size: int) -> None:
    """An exception inside a writer's block leaves the old object as it was, and nothing beside it."""
    storage = open_storage(uri)
    storage.write("x", b"old")
    with pytest.raises(RuntimeError), storage.writer("x") as stream:
        stream.write(noise(size))
        raise RuntimeError
    assert storage.read("x") == b"old"
    if isinstance(storage, S3Storage):
        import boto3

        client = boto3.session.Session().client("s3", endpoint_url=storage.bucket.endpoint_url)
        assert "Uploads" not in client.list_multipart_uploads(Bucket=storage.bucket.name)
        assert storage.counts.requests["AbortMultipartUpload"] == (size > 3)
    else:
        assert [path.name for path in Path(uri).iterdir()] == ["x"]


def test_one_of_many_creators_wins(uri: str) -> None:
    """Of eight threads that create one path at once, one succeeds and its content stays."""
    won: list[int] = []

    def create(number: int) -> None:
        try:
            open_storage(uri).create("v/1", str(number).encode())
            won.append(number)
        except AlreadyExists:
            pass

    for _ in range(10):
        won.clear()
        run_all([lambda n=n: create(n) for n in range(8)])
        assert len(won) == 1
        assert open_storage(uri).read("v/1") == str(won[0]).encode()
        open_storage(uri).delete("v/1")


def test_create_is_refused_also_for_equal_content(storage: Storage) -> None:
    """What is there was created by another, even if it is the same."""
    storage.create("a", b"x")
    with pytest.raises(AlreadyExists, match="already exists"):
        storage.create("a", b"x")


def test_missing_object_says_so(storage: Storage) -> None:
    """Reading what is not there raises NotFound with the path."""
    for read in (storage.read, storage.open):
        with pytest.raises(NotFound, match="nothing/here"):
            read("nothing/here")
    assert not storage.exists("nothing/here")


def test_write_replaces_and_delete_may_come_twice(storage: Storage) -> None:
    """The last writer's content stays until it is deleted; deleting what is gone is no error."""
    storage.write("a/b", b"first, and longer")
    storage.write("a/b", b"second")
    assert storage.read("a/b") == b"second" and storage.exists("a/b")
    storage.delete("a/b")
    storage.delete("a/b")
    assert not storage.exists("a/b") and storage.list() == []


@pytest.mark.parametrize("path", ["with space/a b.svg", "ü/日本/🙂.svg", "a+b&c=d%20e#f?g", "q'uo\"te*~"])
def test_any_path_is_its_own(storage: Storage, path: str) -> None:
    """Spaces, signs and letters of all scripts come back from a listing as they were written."""
    storage.write(path, path.encode())
    storage.create(path + "2", b"x")
    assert [e.path for e in storage.list()] == [path, path + "2"]
    assert storage.read(path) == path.encode()
    with storage.open(path) as stream:
        assert stream.read() == path.encode()
    assert storage.exists(path)
    storage.delete(path)
    assert not storage.exists(path)


def test_empty_objects(storage: Storage) -> None:
    """An object of no bytes is an object, written by any of the three ways."""
    storage.write("a", b"")
    storage.create("b", b"")
    with storage.writer("c"):
        pass
    assert [(e.path, e.size) for e in storage.list()] == [("a", 0), ("b", 0), ("c", 0)]
    assert storage.read("b") == b""
    with storage.open("c") as stream:
        assert stream.read() == b"" and stream.seek(0, os.SEEK_END) == 0


def test_large_object(storage: Storage) -> None:
    """Twenty MiB, written in uneven pieces, are read back whole and in pieces."""
    data = noise(20 << 20)
    with storage.writer("big") as stream:
        for begin in range(0, len(data), 3_000_001):
            stream.write(memoryview(data)[begin : begin + 3_000_001])
    assert storage.list()[0].size == len(data)
    assert storage.read("big") == data
    with storage.open("big") as stream:
        assert b"".join(iter(lambda: stream.read(1_234_567), b"")) == data
    if isinstance(storage, S3Storage):
        assert storage.counts.requests["UploadPart"] == 2
        assert storage.counts.requests["CompleteMultipartUpload"] == 1
        assert storage.counts.bytes_out == len(data)


def test_reader_behaves_like_a_file(storage: Storage) -> None:
    """Seeking and reading anywhere give what a file of the same bytes gives."""
    data = noise(3 << 20)
    storage.write("x", data)
    choice = random.Random(1)
    with storage.open("x") as stream:
        file = io.BytesIO(data)
        assert stream.readable() and stream.seekable()
        for _ in range(300):
            at, size = choice.randrange(len(data) + 99), choice.choice([0, 1, 7, 4096, 700_000])
            whence = choice.choice([os.SEEK_SET, os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])
            offset = at if whence == os.SEEK_SET else -min(at, file.tell()) if whence == os.SEEK_CUR else -min(at, 99)
            assert stream.seek(offset, whence) == file.seek(offset, whence)
            assert stream.read(size) == file.read(size)
            assert stream.tell() == file.tell()
        stream.seek(-5, os.SEEK_END)
        buffer = bytearray(9)
        assert stream.readinto(buffer) == 5 and bytes(buffer[:5]) == data[-5:]  # type: ignore[attr-defined]


def table(rows: int) -> pa.Table:
    choice = random.Random(2)
    pictures = [choice.randbytes(20_000) for _ in range(rows)]
    return pa.table({"id": list(range(rows)), "picture": pictures, "name": [f"n{n}" for n in range(rows)]})


def test_parquet_is_read_in_part(storage: Storage) -> None:
    """Narrow columns and single row groups of a table are those that were written."""
    whole = table(400)
    with storage.writer("t.parquet") as stream:
        pq.write_table(whole, stream, row_group_size=100)
    with storage.open("t.parquet") as stream, pq.ParquetFile(stream) as file:
        assert file.read(columns=["id", "name"], use_threads=False).equals(whole.select(["id", "name"]))
        assert file.read_row_group(2, use_threads=False).equals(whole.slice(200, 100))
    with storage.open("t.parquet") as stream:
        assert pq.read_table(stream).equals(whole)


def test_partial_reads_fetch_little(on_s3: S3Storage) -> None:
    """A column of few bytes costs a few requests and a fraction of the object; a small object costs one."""
    with on_s3.writer("t.parquet") as stream:
        pq.write_table(table(400), stream, row_group_size=200)
    size = on_s3.list()[0].size
    on_s3.counts.requests.clear()
    with on_s3.open("t.parquet") as stream, pq.ParquetFile(stream) as file:
        file.read_row_group(0, columns=["id"], use_threads=False)
    assert on_s3.counts.requests["GetObject"] <= 3
    assert on_s3.counts.bytes_in < size / 5
    on_s3.write("small", noise(SMALL_BYTES))
    on_s3.counts.requests.clear()
    with on_s3.open("small") as stream:
        stream.seek(-9, os.SEEK_END)
        assert stream.read() + stream.read() == noise(SMALL_BYTES)[-9:]
        stream.seek(0)
        assert stream.read(9) == noise(SMALL_BYTES)[:9]
    assert on_s3.counts.requests == {"GetObject": 1}


def test_reading_on_takes_ever_larger_steps(on_s3: S3Storage) -> None:
    """A tar of thousands of members is read through with a request for each few MiB, not for each member."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for n in range(3000):
            info = tarfile.TarInfo(f"{n}.svg")
            info.size = 5000
            tar.addfile(info, io.BytesIO(noise(5000)))
    on_s3.write("a.tar", data.getvalue())
    on_s3.counts.requests.clear()
    with on_s3.open("a.tar") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        assert sum(1 for _ in tar) == 3000
    assert on_s3.counts.requests["GetObject"] <= 8
    assert on_s3.counts.bytes_in <= len(data.getvalue())


def test_replaced_while_read_is_an_error(on_s3: S3Storage) -> None:
    """A reader never mixes two contents of a path."""
    on_s3.write("x", noise(3 << 20))
    with on_s3.open("x") as stream:
        stream.read(10)
        on_s3.write("x", noise((3 << 20) + 1))
        stream.seek(2 << 20)
        with pytest.raises(Overtaken, match="replaced while it was read"):
            stream.read(10)


def test_storage_travels(uri: str) -> None:
    """What a worker gets, a URI or a pickled storage, opens the same objects."""
    storage = open_storage(uri)
    storage.write("a", b"x")
    assert open_storage(storage.uri).read("a") == b"x"
    assert pickle.loads(pickle.dumps(storage)).read("a") == b"x"


def test_forked_process_makes_its_own_client(on_s3: S3Storage) -> None:
    """A child that is forked after the parent has used the store can use it, and so can the parent."""
    on_s3.write("a", b"x")
    child = os.fork()
    if not child:
        done = 1
        try:
            on_s3.write("b", on_s3.read("a"))
            done = 0
        finally:
            os._exit(done)
    assert os.waitpid(child, 0)[1] == 0
    assert on_s3.read("b") == b"x"


def test_console_folders_are_no_objects(on_s3: S3Storage) -> None:
    """The empty objects that S3 consoles make for folders are not listed."""
    on_s3.write("", b"")
    on_s3.write("folder/", b"")
    on_s3.write("folder/a", b"x")
    assert [e.path for e in on_s3.list()] == ["folder/a"]


def test_unwritable_place_is_found_at_once(tmp_path: Path) -> None:
    """A workspace below something that is no folder cannot be written, and the error says what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match="not writable"):
        require_writable(FolderStorage(tmp_path / "file" / "below"))


def test_uri_says_how_the_store_is_reached() -> None:
    """What the config knows goes into an s3:// URI and comes out of it; what the URI says itself stays."""
    access = Access("http://host:9000", 9)
    uri = with_access("s3://bucket/a b", access)
    assert uri == "s3://bucket/a b?endpoint_url=http://host:9000&attempts=9"
    assert split_uri(uri) == ("s3://bucket/a b", access)
    assert with_access(uri, Access("http://other")) == uri
    assert with_access("s3://bucket", Access()) == "s3://bucket"
    assert with_access("/some/folder", access) == "/some/folder"
    assert open_storage(uri).uri == uri and open_storage(uri).locate("x") == "s3://bucket/a b/x"


def test_unknown_places_are_refused(tmp_path: Path) -> None:
    """A URI of another kind, a file, or a missing workspace is a config error in one line."""
    (tmp_path / "file").write_text("")
    for uri in (
        "gs://bucket/x",
        str(tmp_path / "file"),
        "s3://",
        "s3:///x",
        "s3://b u/x",
        "s3://bucket/x?region=eu",
        "s3://bucket/x?endpoint_url=localhost:9000",
        "s3://bucket/x?attempts=0",
    ):
        with pytest.raises(ConfigError) as error:
            open_storage(uri)
        assert "\n" not in str(error.value) and uri in str(error.value)
    with pytest.raises(ConfigError, match="does not exist"):
        open_existing(str(tmp_path / "none"))


def test_what_a_killed_writer_left_is_found_and_removed(storage: Storage) -> None:
    """A large object that was never finished is no object, is among the leftovers, and can be discarded."""
    killed = storage.writer("shards/x")
    killed.__enter__().write(bytes(20 << 20))  # and never left again
    storage.write("shards/y", b"y")
    assert [entry.path for entry in storage.list()] == ["shards/y"]
    (leftover,) = storage.leftovers()
    assert leftover.path.startswith("shards/") and leftover.modified > 0
    storage.discard(leftover)
    storage.discard(leftover)
    assert storage.leftovers() == []
    assert storage.read("shards/y") == b"y"
