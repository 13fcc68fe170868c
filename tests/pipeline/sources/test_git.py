"""The git source, with the real client, from repositories of this machine."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from pipeline.config import load
from pipeline.errors import ConfigError, RunAgain
from pipeline.sources.git import GitSource
from pipeline.sources.git_client import Repository
from stages.crawl import display
from stages.reasons import Reason
from tests.helpers import drawing, svgmill, write_config
from tests.http_server import Answer, serve
from tests.pipeline.sources.fetching import fetch, provenance, resolve

TEXTS = dict(LICENSES)
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"


def git(folder: Path, *command: str) -> str:
    author = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = os.environ | author | {f"GIT_{who}_DATE": "2026-01-31T00:00:00Z" for who in ("AUTHOR", "COMMITTER")}
    env["GIT_CONFIG_GLOBAL"] = os.devnull
    done = subprocess.run(["git", *command], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    """Put files into a repository, which is made if there is none, and commit them."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=files")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two licences in two folders, and things that are none of our business."""
    home = tmp_path / "icons"
    files = {
        "solid/a.svg": drawing(1),
        "solid/x/b.svg": drawing(2),
        "brands/c.svg": drawing(3),
        "brands/lfs.svg": POINTER,
        "own/d.svg": drawing(4),
        "own/d.svg.license": "SPDX-License-Identifier: CC0-1.0\n",
        "LICENSE": TEXTS["MIT"],
        "brands/LICENSE.txt": TEXTS["Apache-2.0"],
        "docs/LICENSE": TEXTS["ISC"],
        "src/index.js": "alert()\n" * 1_000,
    }
    commit(home, files)
    (home / "solid/link.svg").symlink_to("a.svg")
    (home / "linked").mkdir()
    (home / "linked/LICENSE").symlink_to("../docs/LICENSE")
    (home / "linked/e.svg").write_text(drawing(5))
    other = tmp_path / "other"
    commit(other, {"f.svg": drawing(6)})
    git(home, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendor")
    commit(home, {})
    return home


def source(url: str | Path, **settings: object) -> GitSource:
    url = url if isinstance(url, str) else f"file://{url}"
    return GitSource.model_validate_json(json.dumps({"name": "icons", "kind": "git", "url": url, **settings}))


def test_each_folder_has_the_licence_of_the_nearest_text(repository: Path, tmp_path: Path) -> None:
    """Links to texts are followed; what is not read is counted, and a pointer is no drawing."""
    head = git(repository, "rev-parse", "HEAD")
    got = fetch(source(repository), tmp_path)
    assert {path: (item.license, item.license_from) for path, item in got.by_path.items()} == {
        "solid/a.svg": ("MIT", "text"),
        "solid/x/b.svg": ("MIT", "text"),
        "brands/c.svg": ("Apache-2.0", "text"),
        "brands/lfs.svg": ("Apache-2.0", "text"),
        "own/d.svg": ("CC0-1.0", "text"),
        "linked/e.svg": ("ISC", "text"),
    }
    item = got.by_path["solid/x/b.svg"]
    assert item.content == drawing(2).encode()
    assert item.url == f"git+file://{repository}@{head}#solid/x/b.svg"
    assert dict(item.facts) == {"repository": f"file://{repository}", "commit": head, "license_path": "LICENSE"}
    lost = got.by_path["brands/lfs.svg"].content
    assert isinstance(lost, tuple) and lost[0] is Reason.NOT_FETCHED and "LFS" in lost[1]
    assert got.no_input["submodule, which is not followed"] == 1
    assert got.no_input["link in a repository"] == 1
    assert got.no_input[".js not in glob"] == 1
    assert "f.svg" not in got.by_path


def test_a_ref_is_a_branch_a_tag_or_a_commit(repository: Path, tmp_path: Path) -> None:
    """A tag with a message is the commit that it is of, and comes before a branch of its name."""
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "--annotate", "--message=one", "v1")
    git(repository, "branch", "dev/next")
    second = commit(repository, {"solid/new.svg": drawing(7)})
    git(repository, "branch", "v1")

    def commit_of(**settings: object) -> object:
        return resolve(source(repository, **settings), tmp_path).pins[0]["commit"]

    assert commit_of() == commit_of(ref="main") == second
    assert commit_of(ref="v1") == commit_of(ref="dev/next") == commit_of(ref=first) == first
    assert commit_of(ref="refs/heads/v1") == second
    assert "solid/new.svg" not in fetch(source(repository, ref=first), tmp_path).by_path
    with pytest.raises(ConfigError, match=r"^source icons: file://.*/icons has no branch or tag v2; correct ref"):
        commit_of(ref="v2")


def test_a_branch_is_resolved_once(repository: Path, tmp_path: Path) -> None:
    """Also when other files of it are asked for."""
    before = resolve(source(repository), tmp_path)
    commit(repository, {"solid/new.svg": drawing(7)})
    pins = resolve(source(repository, paths=["solid/*"]), tmp_path, before).pins
    assert pins[0]["commit"] == before.pins[0]["commit"]
    assert resolve(source(repository, ref="main"), tmp_path, before).pins[0]["commit"] != before.pins[0]["commit"]


def test_paths_choose_and_the_tar_depends_on_the_commit_alone(repository: Path, tmp_path: Path) -> None:
    """Whether the server can leave files out or not, and whoever fetches; an archive only if it is asked for."""
    (repository / "set.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    commit(repository, {})
    some = source(repository, paths=["solid/**", "brands/c.svg"])
    got = fetch(some, tmp_path / "a")
    assert sorted(got.by_path) == ["brands/c.svg", "solid/a.svg", "solid/x/b.svg"]
    git(repository, "config", "uploadpack.allowFilter", "true")
    again = fetch(some, tmp_path / "b")
    assert [row["sha256"] for row in again.rows] == [row["sha256"] for row in got.rows]
    tar = (tmp_path / "b/ws" / got.rows[0]["stored"]).read_bytes()
    assert b"alert()" not in tar and TEXTS["MIT"].encode() in tar and TEXTS["ISC"].encode() not in tar
    assert b"set.zip" not in tar
    with pytest.raises(ConfigError, match=r"^source icons: no file of .* at [0-9a-f]{12} matches nothing/\*; correct"):
        fetch(source(repository, paths=["nothing/*"]), tmp_path)


def test_only_what_is_wanted_is_fetched(repository: Path, tmp_path: Path) -> None:
    """Where the server can leave files out: the program is never asked for, nor is history."""
    commit(repository, {"solid/new.svg": drawing(7)})
    git(repository, "config", "uploadpack.allowFilter", "true")
    program = git(repository, "rev-parse", "HEAD:src/index.js")
    head = git(repository, "rev-parse", "HEAD")
    there = Repository("icons", f"file://{repository}", str(tmp_path))
    there.fetch(head)
    files = there.files(head)
    with (tmp_path / "tar").open("wb") as tar:
        there.pack({path: file for path, file in files.items() if path.endswith(".svg") and file.is_regular}, head, tar)
    missing = there.git("rev-list", "--objects", "--missing=print", head).decode().split()
    assert f"?{program}" in missing
    assert there.git("rev-list", "--count", head).strip() == b"1"


def test_names_are_what_they_are(tmp_path: Path) -> None:
    """Blanks, quotes, letters of any script, and a tab."""
    names = ["a b.svg", "ü/ö.svg", 'quo"te.svg', "ta\tb.svg", "-dash.svg", "名.svg"]
    commit(tmp_path / "r", {name: drawing(n) for n, name in enumerate(names)})
    assert {item.path for item in fetch(source(tmp_path / "r"), tmp_path).items} == set(map(display, names))


def test_no_hook_runs(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's, nor one of a template, nor a filter that attributes of the repository name."""
    hooks, ran = tmp_path / "template/hooks", tmp_path / "ran"
    hooks.mkdir(parents=True)
    for name in ("reference-transaction", "post-checkout", "post-merge", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[core]\n\thooksPath = {hooks}\n[init]\n\ttemplateDir = {hooks.parent}\n[filter "x"]\n\tsmudge = touch {ran}\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    commit(repository, {".gitattributes": "*.svg filter=x\n"})
    assert len(fetch(source(repository), tmp_path).items) == 6
    assert not ran.exists()


def test_what_cannot_be_had_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that is not there, one that asks for a login, a server that is away, a commit that is gone."""
    commit(tmp_path / "r", {"a.svg": drawing(1)})
    with serve(lambda request: Answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})) as server:
        for url in (f"file://{tmp_path}/none", f"{server.url}/private.git"):
            with pytest.raises(ConfigError, match=rf"^source icons: {url} is private, or there is no such .*; correct"):
                resolve(source(url), tmp_path)
    with pytest.raises(RunAgain, match=r"^source icons: http://127\.0\.0\.1:9/x\.git does not answer .*; run again"):
        resolve(source("http://127.0.0.1:9/x.git"), tmp_path)
    with pytest.raises(ConfigError, match=r"^source icons: file://.* does not give that commit .*; correct ref"):
        fetch(source(tmp_path / "r", ref="1" * 40), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"^source icons: the program git is not on the path; install git$"):
        resolve(source(tmp_path / "r"), tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ext::sh -c touch% x"},
        {"url": "--upload-pack=touch x"},
        {"url": "/home/icons"},
        {"url": "https://me:secret@code.example/icons.git"},
        {"url": "https://token@code.example/icons.git"},
        {"url": "ssh://git:secret@code.example/icons.git"},
        {"url": "https://code.example/a b.git"},
        {"url": "https://code.example/icons.git", "ref": "--upload-pack=x"},
        {"url": "https://code.example/icons.git", "ref": "main:x"},
        {"url": "https://code.example/icons.git", "paths": []},
    ],
)
def test_only_addresses_of_repositories_are_taken(settings: dict[str, object], tmp_path: Path) -> None:
    """What git would take for a program or an option is none, and a password would be recorded."""
    sources = [{"name": "icons", "kind": "git", **settings}]
    with pytest.raises(ConfigError, match=r"sources\.0\.(url|ref|paths)=") as error:
        load(write_config(tmp_path / "c.yaml", tmp_path, sources=sources))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "location", "title"),
    [
        ("https://code.example/a/icons.git", "git+https://code.example/a/icons.git@1#x", "icons.tar"),
        ("git@code.example:a/icons.git", "git+ssh://git@code.example/a/icons.git@1#x", "icons.tar"),
        ("ssh://git@code.example/icons", "git+ssh://git@code.example/icons@1#x", "icons.tar"),
        ("git://code.example/icons/", "git://code.example/icons/@1#x", "icons.tar"),
    ],
)
def test_an_address_says_where_a_commit_is(url: str, location: str, title: str) -> None:
    """As SPDX writes it."""
    from pipeline.sources import git as module

    assert f"{module._location(source(url).url, '1')}#x" == location and module._title(url) == title


def test_one_command_fetches_and_publishes(repository: Path, tmp_path: Path) -> None:
    """With the licences of both folders in the provenance; the next run reads what is there, also without the server."""
    commit(repository, {f"solid/{n}.svg": drawing(n) for n in range(10, 18)})
    config = write_config(
        tmp_path / "c.yaml", tmp_path, sources=[{"name": "icons", "kind": "git", "url": f"file://{repository}"}]
    )
    run = ("run", config, "--workspace", tmp_path / "work", "--engine", "inline", "--set", "error_budget=0.2")
    done = svgmill(*run)
    assert done.returncode == 0, done.stderr
    found = provenance(tmp_path / "work")
    assert found["brands/c.svg"][:2] == ("Apache-2.0", "text") and found["solid/10.svg"][:2] == ("MIT", "text")
    assert len(found) == 13
    repository.rename(tmp_path / "away")
    assert svgmill(*run).returncode == 0
    failed = svgmill(*run, "--refresh", "icons")
    assert failed.returncode == 2 and "is private, or there is no such repository" in failed.stderr


def test_the_user_s_own_ssh_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git's configuration names it; else ssh, which is told to ask nobody."""
    commit(tmp_path / "r", {"a.svg": drawing(1)})
    for name in ("GIT_SSH", "GIT_SSH_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$0 $@" >> {tmp_path}/called\nexec git upload-pack {tmp_path}/r\n')
    program.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert resolve(source("git@code.example:r.git"), tmp_path).pins[0]["commit"]
    assert "-oBatchMode=yes" in (tmp_path / "called").read_text()
    (tmp_path / "called").unlink()
    config.write_text(f"[core]\n\tsshCommand = {program} -i key\n")
    got = fetch(source("git@code.example:r.git"), tmp_path)
    assert [item.path for item in got.items] == ["a.svg"]
    assert "ssh -i key" in (tmp_path / "called").read_text()
