"""The hub source, with the real client, against a hub of this machine."""

import gzip
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.errors import ConfigError, RunAgain
from pipeline.sources.hub import HubSource
from tests.helpers import ROOT, drawing, svgmill, write_config
from tests.http_server import Answer, Request, Server, serve
from tests.pipeline.sources.fetching import fetch, provenance, resolve


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


@dataclass
class Dataset:
    card: dict[str, Any] = field(default_factory=dict)
    commits: list[dict[str, bytes]] = field(default_factory=list)
    refused: str = ""
    """What the hub answers with: GatedRepo, RepoNotFound."""


class LocalHub:
    """The part of a hub's API that a dataset is read by. Files over 1,000 bytes are large ones (LFS)."""

    def __init__(self) -> None:
        self.datasets: dict[str, Dataset] = {}
        self.server: Server
        self.broken = 0

    def put(self, name: str, files: dict[str, bytes], **card: Any) -> None:
        dataset = self.datasets.setdefault(name, Dataset())
        dataset.card |= card
        dataset.commits.append({**(dataset.commits[-1] if dataset.commits else {}), **files})

    def asked(self, part: str) -> int:
        return sum(part in request.path for request in self.server.asked)

    def answer(self, request: Request) -> Answer:
        if self.broken:
            return Answer(self.broken)
        api = re.fullmatch(r"/api/datasets/([\w-]+/[\w-]+)/(revision|tree)/([^/]+)/?", request.path)
        file = re.fullmatch(r"/datasets/([\w-]+/[\w-]+)/resolve/([^/]+)/(.+)", request.path)
        found = api or file
        dataset = self.datasets.get(found[1]) if found else None
        if dataset is None or dataset.refused:
            code = dataset.refused if dataset else "RepoNotFound"
            return Answer(403 if code == "GatedRepo" else 401, b"{}", {"X-Error-Code": code, "X-Error-Message": code})
        assert found is not None
        revision = found[3] if api else found[2]
        number = len(dataset.commits) if revision == "main" else int(revision, 16) if len(revision) == 40 else 0
        if not number:
            return Answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        commit, files = f"{number:040x}", dataset.commits[number - 1]
        if file:
            return self._file(request, commit, files[file[3]])
        if found[2] == "revision":
            about = {"id": found[1], "sha": commit, "cardData": dataset.card, "siblings": [], "private": False}
            return Answer(200, json.dumps(about).encode(), {"Content-Type": "application/json"})
        return self._tree(request, files)

    def _file(self, request: Request, commit: str, content: bytes) -> Answer:
        etag = _digest(content)
        return Answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"})

    def _tree(self, request: Request, files: dict[str, bytes]) -> Answer:
        """In two pages, as a hub has it from a thousand entries on."""
        entries = [_entry(path, content) for path, content in sorted(files.items())]
        headers = {"Content-Type": "application/json"}
        if "cursor" in request.query:
            return Answer(200, json.dumps(entries[2:]).encode(), headers)
        link = f'<{self.server.url}{request.path}?{request.query}&cursor=x>; rel="next"'
        return Answer(200, json.dumps(entries[:2]).encode(), headers | {"Link": link})


def _blob(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if len(content) > 1_000 else _blob(content)


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _blob(content)}
    lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry | ({"lfs": lfs} if len(content) > 1_000 else {})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """An empty one, which the environment names."""
    hub = LocalHub()
    with serve(hub.answer) as server:
        hub.server = server
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        # it is asked of the hub that the environment named when the client was loaded
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_TOKEN", "secret")
        yield hub


def source(dataset: str = "ada/icons", **settings: object) -> HubSource:
    return HubSource.model_validate_json(json.dumps({"name": "set", "kind": "hub", "dataset": dataset, **settings}))


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [
        {"id": f"n{n}", "svg": drawing(n), "description": f"shape {n}", "keywords": "shape", "size": 24}
        for n in numbers
    ]


def test_tables_archives_and_files_are_read(hub: LocalHub, tmp_path: Path) -> None:
    """Each with where it is from, the commit, and the licence of the dataset's card."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x/a.svg", drawing(20))
        archive.writestr("x/readme.txt", "x")
        archive.writestr("y/b.svg", drawing(21))
        archive.writestr("y/LICENSE", "https://creativecommons.org/publicdomain/zero/1.0/")
    files = {
        "data/train-0.parquet": parquet(rows(0, 1)),
        "data/more.jsonl.gz": gzip.compress(json.dumps(rows(2)[0]).encode()),
        "set.zip": packed.getvalue(),
        "one.svg": drawing(30).encode(),
        "README.md": b"# Icons",
        "preview.png": b"PNG",
    }
    hub.put("ada/icons", files, license="cc-by-4.0")
    got = fetch(source(preset="mmsvg"), tmp_path)
    assert {path: item.content for path, item in got.by_path.items()} == {
        "data/train-0.parquet/n0.svg": drawing(0).encode(),
        "data/train-0.parquet/n1.svg": drawing(1).encode(),
        "data/more.jsonl.gz/n2.svg": drawing(2).encode(),
        "set.zip/x/a.svg": drawing(20).encode(),
        "set.zip/y/b.svg": drawing(21).encode(),
        "one.svg": drawing(30).encode(),
    }
    commit = "0" * 39 + "1"
    for path, item in got.by_path.items():
        license = ("CC0-1.0", "text") if path == "set.zip/y/b.svg" else ("cc-by-4.0", "manifest")
        assert (item.license, item.license_from) == license, path
        assert {"dataset": "ada/icons", "commit": commit}.items() <= dict(item.facts).items()
        assert item.fetched
    row = got.by_path["data/train-0.parquet/n1.svg"]
    assert row.url == f"hf://datasets/ada/icons@{commit}/data/train-0.parquet"
    assert [(caption.text, caption.style) for caption in row.captions] == [("shape 1", "short")]
    assert row.hints == ("shape",)
    assert got.no_input == {".md": 1, ".png": 1, ".txt": 1, "no extension": 1, "column size not in columns": 2}
    stored = {row["path"]: (tmp_path / "ws" / row["stored"]).read_bytes() for row in got.rows}
    assert stored == {path: content for path, content in files.items() if path not in ("README.md", "preview.png")}
    of_dataset = [request for request in hub.server.asked if "ada/icons" in request.path]
    assert {request.headers.get("authorization") for request in of_dataset} == {"Bearer secret"}


def test_a_row_s_own_licence_and_address_win(hub: LocalHub, tmp_path: Path) -> None:
    """The card's is for rows that state none."""
    table = [
        {"svg": drawing(1), "name": "a", "license": "MIT", "url": "https://example.com/a"},
        {"svg": drawing(2), "name": "b", "license": None, "url": None},
    ]
    hub.put("ada/icons", {"t.parquet": parquet(table)}, license=["apache-2.0"])
    first, second = fetch(source(), tmp_path).items
    assert (first.license, first.license_from, first.url) == ("MIT", "column", "https://example.com/a")
    assert (second.license, second.license_from) == ("apache-2.0", "manifest")


@pytest.mark.parametrize(
    ("card", "stated"),
    [
        ({"license": "cc0-1.0"}, "cc0-1.0"),
        ({"license": "other", "license_name": "house rules"}, "house rules"),
        ({"license": "other"}, "other"),
        ({"license": ["mit", "apache-2.0"]}, "mit, apache-2.0"),
        ({}, None),
    ],
)
def test_what_a_card_states(card: dict[str, Any], stated: str | None, hub: LocalHub, tmp_path: Path) -> None:
    """As it stands there; of several nobody says whether all hold or any."""
    hub.put("ada/icons", {"a.svg": drawing(1).encode()}, **card)
    (item,) = fetch(source(), tmp_path).items
    assert item.license == stated


def test_files_are_chosen_by_globs(hub: LocalHub, tmp_path: Path) -> None:
    """What is left out is counted; where nothing is left, what there is is told."""
    hub.put("ada/icons", {"train/a.parquet": parquet(rows(1)), "test/b.parquet": parquet(rows(2)), "c.md": b"x"})
    got = fetch(source(files=["train/*", "other/**"]), tmp_path)
    assert list(got.by_path) == ["train/a.parquet/n1.svg"]
    assert got.no_input[".parquet not in glob"] == 1
    with pytest.raises(
        ConfigError, match=r"no table, archive or \.svg of ada/icons matches \*\.zip \(.*\); correct files"
    ):
        resolve(source(files=["*.zip"]), tmp_path)


def test_a_commit_stays_and_an_unchanged_file_is_not_fetched_again(hub: LocalHub, tmp_path: Path) -> None:
    """Until the user asks anew; then only what is new comes."""
    hub.put("ada/icons", {"a.parquet": parquet(rows(*range(20)))})
    first = fetch(source(), tmp_path)
    hub.put("ada/icons", {"b.parquet": parquet(rows(*range(20, 40)))})
    again = resolve(source(files=["*"]), tmp_path, first.snapshot)
    assert [pin["path"] for pin in again.pins[1:]] == ["a.parquet"]
    asked = hub.asked("/resolve/")
    anew = fetch(source(), tmp_path)
    assert len(anew.items) == 40 and anew.snapshot.pins[0]["commit"].endswith("2")
    assert all(
        "b.parquet" in request.path
        for request in hub.server.asked
        if "/resolve/" in request.path and "2/" in request.path
    )
    assert hub.asked("/resolve/") > asked


def test_what_cannot_be_had_is_told_in_one_line(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gated, private or not there, no such revision, a hub that fails or is away."""
    hub.put("ada/icons", {"a.svg": drawing(1).encode()})
    hub.datasets["ada/gated"] = Dataset(refused="GatedRepo")
    for settings, message in {
        ("ada/none", "main"): "dataset ada/none is not there, or private; correct dataset, or give a token",
        ("ada/gated", "main"): "dataset ada/gated is gated: accept its terms on its page, and give a token",
        ("ada/icons", "v9"): "dataset ada/icons has no revision v9; correct revision",
    }.items():
        with pytest.raises(ConfigError, match=f"^source set: {message}") as error:
            resolve(source(settings[0], revision=settings[1]), tmp_path)
        assert "\n" not in str(error.value)
    hub.broken = 503
    with pytest.raises(RunAgain, match=r"^source set: dataset ada/icons: the hub says 503; run again later"):
        resolve(source(), tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunAgain, match=r"^source set: dataset ada/icons: the hub does not answer \(.*\); run again"):
        resolve(source(), tmp_path)


def test_a_file_that_is_not_what_was_listed_is_refused(hub: LocalHub, tmp_path: Path) -> None:
    """Of the same size, but of another digest; a small file, and a large one."""
    for content in (drawing(1).encode(), parquet(rows(*range(20)))):
        name = "a.svg" if len(content) < 1_000 else "a.parquet"
        hub.datasets.clear()
        hub.put("ada/icons", {name: content})
        snapshot = resolve(source(), tmp_path)
        hub.datasets["ada/icons"].commits[0][name] = content[:-1] + b"?"
        with pytest.raises(
            RunAgain, match=rf"^source set: what came for {name} of ada/icons is not what the hub states"
        ):
            fetch(source(), tmp_path, snapshot)


def test_a_damaged_table_ends_the_run_or_is_dropped(hub: LocalHub, tmp_path: Path) -> None:
    """As the config says."""
    hub.put("ada/icons", {"bad.parquet": parquet(rows(*range(20)))[:-9], "good.parquet": parquet(rows(1))})
    with pytest.raises(ConfigError, match=r"^source set: .*bad\.parquet.*on_bad_file: drop"):
        fetch(source(), tmp_path)
    config = config_of(tmp_path, on_bad_file="drop")
    done = svgmill("run", config, "--workspace", tmp_path / "work", "--engine", "inline")
    assert done.returncode == 0, done.stderr
    assert set(provenance(tmp_path / "work")) == {"good.parquet/n1.svg"}


def test_a_missing_column_is_told_before_anything_is_read(hub: LocalHub, tmp_path: Path) -> None:
    """With those that there are."""
    hub.put("ada/icons", {"t.parquet": parquet(rows(1, 2))})
    with pytest.raises(ConfigError, match=r"^source set: .*t\.parquet.*drawing.*svg") as error:
        fetch(source(columns={"svg": "drawing"}), tmp_path)
    assert "\n" not in str(error.value)


def config_of(tmp_path: Path, **settings: object) -> Path:
    sources = [{"name": "set", "kind": "hub", "dataset": "ada/icons", **settings}]
    return write_config(tmp_path / "c.yaml", tmp_path, sources=sources)


def test_one_command_fetches_and_publishes(hub: LocalHub, tmp_path: Path) -> None:
    """The next run reads what is there, also without the hub."""
    hub.put("ada/icons", {"data/t.parquet": parquet(rows(*range(12)))}, license="cc-by-sa-4.0")
    run = ("run", config_of(tmp_path, preset="mmsvg"), "--workspace", tmp_path / "work", "--engine", "inline")
    done = svgmill(*run)
    assert done.returncode == 0, done.stderr
    found = provenance(tmp_path / "work")
    assert found == {f"data/t.parquet/n{n}.svg": ("CC-BY-SA-4.0", "manifest", None) for n in range(12)}
    hub.broken = 503
    asked = len(hub.server.asked)
    assert svgmill(*run).returncode == 0 and len(hub.server.asked) == asked
    failed = svgmill(*run, "--refresh", "set")
    assert failed.returncode == 75 and "the hub says 503" in failed.stderr


def test_the_corpora_of_hivg_are_ready_to_run(hub: LocalHub, tmp_path: Path) -> None:
    """configs/hivg-corpus.yaml, from a hub that has a few rows in each of the three layouts."""
    stack = [{"Filename": f"{n:064x}.svg", "Svg": drawing(n)} for n in range(4)]
    hub.put("starvector/svg-stack", {"data/train-00000-of-00001.parquet": parquet(stack)}, license="cc-by-4.0")
    mmsvg = [row | {"keywords": ["shape"], "detail": "a shape, at length"} for row in rows(*range(4, 8))]
    hub.put("OmniSVG/MMSVG-Icon", {"data/train-00000-of-00001.parquet": parquet(mmsvg)}, license="cc-by-nc-sa-4.0")
    svgx = [
        {"uuid": f"u{n}", "name": "shape", "svg_code": drawing(n), "blip_caption": f"shape {n}", "source": "x"}
        for n in range(8, 12)
    ]
    hub.put("xingxm/SVGX-Core-250k", {"data/train-00000-of-00001.parquet": parquet(svgx)})
    done = svgmill("run", ROOT / "configs/hivg-corpus.yaml", "--workspace", tmp_path / "work", "--engine", "inline")
    assert done.returncode == 0, done.stderr
    found = provenance(tmp_path / "work")
    file = "data/train-00000-of-00001.parquet"
    assert found == {
        **{f"{file}/{n:064x}.svg": ("CC-BY-4.0", "manifest", None) for n in range(4)},
        **{f"{file}/n{n}.svg": ("CC-BY-NC-SA-4.0", "manifest", None) for n in range(4, 8)},
        **{f"{file}/u{n}.svg": ("NOASSERTION", "unknown", None) for n in range(8, 12)},
    }


@pytest.mark.parametrize("settings", [{"dataset": "a/b/c"}, {"dataset": "../x"}, {"revision": "a b"}, {"files": []}])
def test_names_are_checked(settings: dict[str, object], tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError, match=r"sources\.0\.(dataset|revision|files)="):
        load(config_of(tmp_path, **settings))
