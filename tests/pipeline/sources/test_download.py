"""The download source, against a server of this machine."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from pipeline.errors import ConfigError, RunAgain
from pipeline.sources import http
from pipeline.sources.download import DownloadSource
from pipeline.storage.folder import FolderStorage
from pipeline.versions import published
from tests.helpers import drawing, mill, write_config
from tests.http_server import Answer, Server, serve
from tests.pipeline.sources.fetching import fetch, resolve

FILES: dict[str, Answer] = {}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http, "_RETRIES", urllib3.Retry(total=1, backoff_factor=0, raise_on_status=False))
    FILES.clear()
    with serve(lambda request: FILES.get(request.path, Answer(404))) as running:
        yield running


def zipped(*numbers: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in numbers:
            archive.writestr(f"icons/{number}.svg", drawing(number))
    return stream.getvalue()


def rows(*numbers: int) -> bytes:
    lines = [{"id": f"row-{n}", "svg": drawing(n), "caption": f"drawing {n}", "license": "MIT"} for n in numbers]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def source(server: Server, *files: object, **settings: object) -> DownloadSource:
    return DownloadSource.model_validate({"name": "dl", "kind": "download", "files": files, **settings})


def gets(server: Server) -> list[str]:
    return [request.path for request in server.asked if request.method == "GET"]


def test_each_file_is_read_by_what_it_is(server: Server, tmp_path: Path) -> None:
    FILES["/one.svg"] = Answer(200, drawing(1).encode(), {"ETag": '"1"'})
    FILES["/d/set.zip"] = Answer(200, zipped(2, 3), {"ETag": '"2"'})
    FILES["/get"] = Answer(200, rows(4, 5), {"ETag": '"3"', "tdm-reservation": "1"})
    url = server.url
    wanted = source(server, f"{url}/one.svg", f"{url}/d/set.zip", {"url": f"{url}/get?id=7", "name": "rows.jsonl"})
    fetched = fetch(wanted, tmp_path)
    items = fetched.by_path
    assert {path: item.content for path, item in items.items()} == {
        "one.svg": drawing(1).encode(),
        "set.zip/icons/2.svg": drawing(2).encode(),
        "set.zip/icons/3.svg": drawing(3).encode(),
        "rows.jsonl/row-4.svg": drawing(4).encode(),
        "rows.jsonl/row-5.svg": drawing(5).encode(),
    }
    row, one = items["rows.jsonl/row-4.svg"], items["one.svg"]
    assert (row.license, row.captions[0].text, row.url) == ("MIT", "drawing 4", f"{url}/get?id=7")
    assert row.permission is not None and row.permission.verdict == "reserved"
    assert one.permission is not None and one.permission.verdict == "allowed" and one.fetched is not None
    assert Counter(gets(server)) == Counter(["/one.svg", "/d/set.zip", "/get"])


def test_what_is_pinned_stays_and_what_has_no_state_is_asked_anew(server: Server, tmp_path: Path) -> None:
    FILES["/one.svg"] = Answer(200, drawing(1).encode(), {"ETag": '"1"'})
    FILES["/two.svg"] = Answer(200, drawing(2).encode())
    wanted = source(server, f"{server.url}/one.svg", f"{server.url}/two.svg")
    first = resolve(wanted, tmp_path)
    assert resolve(wanted, tmp_path, first).pins == first.pins
    again = resolve(wanted, tmp_path)
    assert again.pins[0] == first.pins[0] and "asked" in again.pins[1]["state"]
    FILES["/one.svg"] = Answer(200, drawing(3).encode(), {"ETag": '"3"'})
    changed = resolve(wanted, tmp_path)
    (old, _), (new, _) = (wanted.units(snapshot, (), None) for snapshot in (first, changed))  # type: ignore[arg-type]
    assert old.key != new.key


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(404), ConfigError, "source dl: there is nothing at {url}/a.svg (HTTP 404); correct it"),
        (Answer(401), ConfigError, "source dl: no access to {url}/a.svg (HTTP 401); take it out, or fetch it into a"),
        (Answer(503), RunAgain, "source dl: the server does not give {url}/a.svg now (HTTP 503); run again later"),
        (Answer(302, b"", {"Location": "/a.svg"}), RunAgain, "source dl: {url}/a.svg cannot be reached (too many"),
    ],
)
def test_what_a_server_does_not_give_is_one_clear_line(
    server: Server, tmp_path: Path, answer: Answer, error: type[Exception], says: str
) -> None:
    FILES["/a.svg"] = answer
    with pytest.raises(error) as raised:
        fetch(source(server, f"{server.url}/a.svg"), tmp_path)
    assert str(raised.value).startswith(says.format(url=server.url))


def test_a_file_is_what_it_has_to_be(server: Server, tmp_path: Path) -> None:
    """A wrong digest, a file that is too large, a server that is not there: nothing is stored."""
    FILES["/a.svg"] = Answer(200, drawing(1).encode())
    for settings, says in (
        ([{"url": f"{server.url}/a.svg", "sha256": "0" * 64}], "has the sha256"),
        ([{"url": "http://127.0.0.1:9/a.svg"}], "cannot be reached"),
    ):
        with pytest.raises((ConfigError, RunAgain), match=says):
            fetch(source(server, *settings), tmp_path)
    with pytest.raises(ConfigError, match="has more than 10 bytes"):
        fetch(source(server, f"{server.url}/a.svg", max_bytes=10), tmp_path)
    assert not list(tmp_path.rglob("fetched/dl/*"))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["ftp://a/b.svg"], "must begin with http"),
        (["https://me:secret@a/b.svg"], "without user and password"),
        (["https://a/b.svg", "https://c/b.svg"], "two files are called 'b.svg'"),
        (["https://a/page"], "says by its ending neither"),
    ],
)
def test_files_that_cannot_be_asked_for(files: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DownloadSource.model_validate({"name": "dl", "kind": "download", "files": tuple(files)})


@pytest.mark.parametrize(("kind", "name"), [("table", "rows.jsonl"), ("archive", "set.zip")])
def test_a_table_or_an_archive_at_a_url(server: Server, tmp_path: Path, kind: str, name: str) -> None:
    """It is fetched once, like any file of the network."""
    FILES["/rows.jsonl"], FILES["/set.zip"] = Answer(200, rows(1, 2)), Answer(200, zipped(1, 2))
    section = {"name": "far", "kind": kind, "path": f"{server.url}/{name}", "license": "CC0-1.0"}
    config = write_config(tmp_path / "config.yaml", tmp_path, sources=[section])
    mill(config, tmp_path / "ws")
    manifest = published.read(FolderStorage(tmp_path / "ws"))
    assert (manifest.funnel.kept, manifest.snapshots, gets(server)) == (2, {"far": 1}, [f"/{name}"])
    assert manifest.licenses == ({"MIT": 2} if kind == "table" else {"CC0-1.0": 2})
    mill(config, tmp_path / "ws")
    assert gets(server) == [f"/{name}"]
