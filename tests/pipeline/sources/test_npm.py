"""The npm source, with the real client, against a registry of this machine."""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from identify.vendor.licenses import LICENSES

from pipeline.config import load
from pipeline.errors import ConfigError, RunAgain
from pipeline.sources.base import RawItem
from pipeline.sources.npm import NpmSource, is_intact, precedence
from tests.helpers import drawing, one_line, svgmill, write_config
from tests.http_server import Answer, Request, Server, serve
from tests.pipeline.sources.fetching import fetch, provenance, resolve

TEXTS = dict(LICENSES)


def tarball(files: Mapping[str, str], manifest: Mapping[str, Any], inside: str = "package") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in {**files, "package.json": json.dumps(manifest)}.items():
            info = tarfile.TarInfo(f"{inside}/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


class Registry:
    """What is published. ``closed``: packages that ask for a login; ``away``: those whose tarballs fail."""

    def __init__(self) -> None:
        self.tarballs: dict[str, dict[str, bytes]] = {}
        self.about: dict[str, dict[str, dict[str, Any]]] = {}
        self.latest: dict[str, str] = {}
        self.closed: set[str] = set()
        self.away: set[str] = set()
        self.server: Server

    def publish(
        self, name: str, version: str, files: Mapping[str, str], manifest: Mapping[str, Any] | None = None, **about: Any
    ) -> None:
        content = tarball(files, {"name": name, "version": version, **(manifest or {})})
        self.tarballs.setdefault(name, {})[version] = content
        self.about.setdefault(name, {})[version] = about
        self.latest.setdefault(name, version)

    def answer(self, request: Request) -> Answer:
        name, _, version = request.path.removeprefix("/").partition("/-/")
        if name in self.closed:
            return Answer(401, b"{}", {"Content-Type": "application/json"})
        if name not in self.tarballs:
            return Answer(404, b'{"error": "not found"}', {"Content-Type": "application/json"})
        if version and name in self.away:
            return Answer(503)
        if version:
            return Answer(200, self.tarballs[name][version.removesuffix(".tgz")])
        versions = {v: self._version(name, v) for v in self.tarballs[name]}
        packument = {"name": name, "dist-tags": {"latest": self.latest[name]}, "versions": versions}
        return Answer(200, json.dumps(packument).encode(), {"Content-Type": "application/json"})

    def _version(self, name: str, version: str) -> dict[str, Any]:
        content, about = self.tarballs[name][version], dict(self.about[name][version])
        dist = {
            "tarball": f"{self.server.url}/{name}/-/{version}.tgz",
            "shasum": hashlib.sha1(content).hexdigest(),
            "integrity": f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}",
            **about.pop("dist", {}),
        }
        return {"name": name, "version": version, "dist": {k: v for k, v in dist.items() if v}, **about}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """An empty one, which npm's configuration names."""
    registry = Registry()
    (tmp_path / "npmrc").touch()
    with serve(registry.answer) as server:
        registry.server = server
        settings = {
            "registry": f"{server.url}/",
            "userconfig": f"{tmp_path}/npmrc",
            "globalconfig": f"{tmp_path}/none",
            "cache": f"{tmp_path}/cache",
            "fetch_retries": "0",
            "cafile": "",
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"npm_config_{name}", value)
        yield registry


def source(*packages: object, **settings: object) -> NpmSource:
    return NpmSource.model_validate_json(json.dumps({"name": "icons", "kind": "npm", "packages": packages, **settings}))


def facts(item: RawItem) -> dict[str, str]:
    return dict(item.facts)


def test_a_package_s_drawings_come_with_all_that_it_says(registry: Registry, tmp_path: Path) -> None:
    """Called without the version, of the licence that the text is; its scripts never run."""
    ran = tmp_path / "ran"
    registry.publish(
        "@shapes/icons",
        "1.2.3",
        {"icons/a.svg": drawing(1), "icons/x/b.svg": drawing(2), "LICENSE": TEXTS["MIT"], "index.js": ""},
        {
            "license": "Apache-2.0",
            "keywords": ["shape", "ui"],
            "author": "Ada <ada@example.com> (https://ada.example)",
            "repository": {"type": "git", "url": "git+https://code.example/shapes.git"},
            "scripts": dict.fromkeys(("preinstall", "prepare", "prepack", "postinstall"), f"touch {ran}"),
        },
    )
    registry.publish("plain", "0.1.0", {"c.svg": drawing(3)}, {"license": "ISC", "homepage": "https://plain.example"})
    registry.publish("odd", "2.0.0", {"d.svg": drawing(4), "LICENCE.md": "Ask us. " * 40}, {"license": "MIT"})
    got = fetch(source("@shapes/icons@^1", {"name": "plain"}, "odd"), tmp_path)
    assert sorted(got.by_path) == [
        "@shapes/icons/icons/a.svg",
        "@shapes/icons/icons/x/b.svg",
        "odd/d.svg",
        "plain/c.svg",
    ]
    item = got.by_path["@shapes/icons/icons/a.svg"]
    assert item.content == drawing(1).encode()
    assert item.url == "pkg:npm/%40shapes/icons@1.2.3#icons/a.svg"
    assert (item.license, item.license_from) == ("MIT", "text")
    assert item.license_digest == hashlib.sha256(TEXTS["MIT"].encode()).hexdigest()
    assert (item.author, item.link) == ("Ada", "https://code.example/shapes")
    assert item.hints == ("shape", "ui") and item.fetched and item.fetched.endswith("Z")
    assert facts(item) == {
        "package": "@shapes/icons",
        "version": "1.2.3",
        "license_path": "package/LICENSE",
        "license_manifest": "Apache-2.0",
    }
    plain = got.by_path["plain/c.svg"]
    assert (plain.license, plain.license_from, plain.link) == ("ISC", "manifest", "https://plain.example")
    odd = got.by_path["odd/d.svg"]
    assert (odd.license, facts(odd)["license_manifest"]) == (None, "MIT")
    assert odd.license_digest == hashlib.sha256(("Ask us. " * 40).encode()).hexdigest()
    assert not ran.exists() and not (tmp_path / "node_modules").exists()
    assert got.no_input[".js not in glob"] + got.no_input[".js"] == 1
    for row in got.rows:
        assert (tmp_path / "ws" / row["stored"]).read_bytes() == registry.tarballs[row["path"]][
            facts_of(row)["version"]
        ]


def facts_of(row: dict[str, Any]) -> dict[str, str]:
    return {fact["name"]: fact["text"] for fact in row["facts"]}


def test_globs_choose_files(registry: Registry, tmp_path: Path) -> None:
    """A package's own, else the source's; neither is a reason to fetch."""
    registry.publish("one", "1.0.0", {"icons/a.svg": drawing(1), "font/b.svg": drawing(2)})
    own = source({"name": "one", "glob": "font/*"}, glob="icons/**")
    assert sorted(fetch(own, tmp_path).by_path) == ["one/font/b.svg"]
    assert own.asks() == source("one").asks()
    assert own.reads("archive") != source("one", glob="icons/**").reads("archive") != source("one").reads("archive")


def test_a_range_gives_what_npm_would_install(registry: Registry, tmp_path: Path) -> None:
    """What is tagged latest, else the highest that is no prerelease and not deprecated."""
    for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1"):
        registry.publish("many", version, {"a.svg": drawing(1)})
        registry.publish("tagged", version, {"a.svg": drawing(1)})
        registry.publish("old", version, {"a.svg": drawing(1)}, deprecated="no longer" if version == "1.10.0" else None)
    registry.publish("ancient", "0.1.0", {"a.svg": drawing(1)}, dist={"integrity": None})
    registry.latest |= {"many": "2.0.0-rc.1", "tagged": "1.2.0", "old": "2.0.0-rc.1"}
    pins = resolve(source("many@^1", "tagged@1.x", "old@^1.0.0", "ancient@>=0.1"), tmp_path).pins
    assert {pin["package"]: pin["version"] for pin in pins} == {
        "ancient": "0.1.0",
        "many": "1.10.0",
        "old": "1.2.0",
        "tagged": "1.2.0",
    }
    digest = base64.b64encode(hashlib.sha1(registry.tarballs["ancient"]["0.1.0"]).digest()).decode()
    assert pins[0]["integrity"] == f"sha1-{digest}"


def sri(name: str, content: bytes) -> str:
    return f"{name}-{base64.b64encode(hashlib.new(name, content).digest()).decode()}"


@pytest.mark.parametrize(
    ("integrity", "intact"),
    [
        (sri("sha512", b"x"), True),
        (sri("sha1", b"x"), True),
        (f"{sri('sha1', b'y')} {sri('sha512', b'x')}?option", True),
        (f"{sri('sha1', b'x')} {sri('sha512', b'y')}", False),
        (f"{sri('sha512', b'y')} {sri('sha512', b'x')}", True),
        ("md5-nUA=", False),
        ("", False),
    ],
)
def test_the_strongest_digest_decides(integrity: str, intact: bool) -> None:
    """Of one that nobody knows nothing is intact."""
    content = io.BufferedReader(io.BytesIO(b"x"))  # type: ignore[arg-type]
    assert is_intact(content, integrity) is intact and content.tell() == 0


def test_versions_are_in_the_order_of_semver() -> None:
    """Numbers as numbers, and a prerelease before its release."""
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.2.0",
        "1.10.0",
    ]
    assert sorted(sorted(ordered), key=precedence) == ordered


def test_a_pinned_version_stays_until_the_range_excludes_it(registry: Registry, tmp_path: Path) -> None:
    """For an equal range nobody is asked at all."""
    registry.publish("icons", "1.0.0", {"a.svg": drawing(1)})
    first = resolve(source("icons@^1"), tmp_path)
    registry.publish("icons", "1.1.0", {"a.svg": drawing(2)})
    asked = len(registry.server.asked)
    assert resolve(source("icons@^1"), tmp_path, first).pins == first.pins
    assert len(registry.server.asked) == asked
    wider = resolve(source("icons@>=1"), tmp_path, first).pins
    assert wider[0]["version"] == "1.0.0"
    assert resolve(source("icons@^1.1"), tmp_path, first).pins[0]["version"] == "1.1.0"


def test_what_is_not_what_was_stated_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A version that was published twice is another one."""
    registry.publish("icons", "1.0.0", {"a.svg": drawing(1)})
    npm = source("icons@1.0.0")
    snapshot = resolve(npm, tmp_path)
    registry.publish("icons", "1.0.0", {"a.svg": drawing(2)})
    # what npm has of before is not asked for again
    for file in (tmp_path / "cache").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(
        ConfigError, match=r"source icons: what npm gave for icons@1\.0\.0 is not what .* --refresh icons"
    ):
        fetch(npm, tmp_path, snapshot)


def test_what_cannot_be_had_is_told_in_one_line(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which package, why, and what to do."""
    registry.publish("icons", "1.0.0", {"a.svg": drawing(1)})
    registry.publish("secret", "1.0.0", {"a.svg": drawing(1)})
    registry.closed.add("secret")
    for package, message in {
        "nothing": "there is no package nothing",
        "icons@^2": r"no version of icons is in \^2; correct it",
        "icons@beta": "no version of icons is in beta; correct it",
        "secret": r"no access to secret@latest \(.*\); log in with npm",
    }.items():
        with pytest.raises(ConfigError, match=f"^source icons: {message}") as error:
            resolve(source(package), tmp_path)
        assert "\n" not in str(error.value)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(
        RunAgain, match=r"^source icons: the registry did not give icons@latest \(.*\); run again later"
    ):
        resolve(source("icons"), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"^source icons: the program npm is not on the path; install Node\.js"):
        resolve(source("icons"), tmp_path)


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("--registry=http://evil.example", "name"),
        ("git+ssh://git@code.example/x", "name"),
        ("../folder", "name"),
        ("icons@file:../x", "version"),
        ("icons@npm:other@1", "version"),
        ("icons@http://evil.example/x.tgz", "version"),
        ({"name": "icons", "globe": "x"}, "unknown key; did you mean glob"),
    ],
)
def test_only_packages_of_a_registry_can_be_named(package: object, message: str, tmp_path: Path) -> None:
    """What npm would take for an option, a folder or an address is none."""
    sources = [{"name": "icons", "kind": "npm", "packages": [package]}]
    with pytest.raises(ConfigError, match=rf"sources\.0\.packages\.0.*{message}"):
        load(write_config(tmp_path / "c.yaml", tmp_path, sources=sources))


def test_one_command_fetches_and_publishes(registry: Registry, tmp_path: Path) -> None:
    """A second asks nobody; with --refresh, the new version is in, under the same names."""
    files = {f"icons/{n}.svg": drawing(n) for n in range(12)}
    registry.publish(
        "icons", "1.0.0", {**files, "LICENSE": TEXTS["ISC"]}, {"license": "MIT", "author": {"name": "Ada"}}
    )
    sources = [{"name": "icons", "kind": "npm", "packages": ["icons@^1"], "glob": "icons/*.svg"}]
    config = write_config(tmp_path / "c.yaml", tmp_path, sources=sources)
    workspace = tmp_path / "work"
    run = ("run", config, "--workspace", workspace, "--engine", "inline")
    done = svgmill(*run)
    assert done.returncode == 0, done.stderr
    assert provenance(workspace) == {f"icons/icons/{n}.svg": ("ISC", "text", "Ada") for n in range(12)}
    registry.publish("icons", "1.1.0", {**files, "icons/new.svg": drawing(40), "LICENSE": TEXTS["ISC"]})
    registry.latest["icons"] = "1.1.0"
    asked = len(registry.server.asked)
    assert svgmill(*run).returncode == 0 and len(registry.server.asked) == asked
    assert svgmill(*run, "--refresh", "icons").returncode == 0
    after = provenance(workspace)
    assert set(after) == {f"icons/icons/{n}.svg" for n in (*range(12), "new")}


def test_a_fetch_goes_on_where_it_stopped(registry: Registry, tmp_path: Path) -> None:
    """What was stored is not asked for again, and the versions are those that were pinned first."""
    for name in ("one", "two"):
        registry.publish(name, "1.0.0", {f"{n}.svg": drawing(n + len(name) * ord(name[0])) for n in range(6)})
    registry.away.add("two")
    sources = [{"name": "icons", "kind": "npm", "packages": ["one", "two"]}]
    config = write_config(tmp_path / "c.yaml", tmp_path, sources=sources)
    run = ("run", config, "--workspace", tmp_path / "work", "--engine", "inline")
    failed = one_line(svgmill(*run), 75)
    assert "the registry did not give two@1.0.0" in failed and "run again later" in failed
    registry.away.clear()
    registry.publish("two", "2.0.0", {"new.svg": drawing(50)})
    registry.latest["two"] = "2.0.0"
    asked = len(registry.server.asked)
    done = svgmill(*run)
    assert done.returncode == 0, done.stderr
    since = {request.path for request in registry.server.asked[asked:]}
    assert since and not any("one" in path for path in since)
    assert {path.partition("/")[0] for path in provenance(tmp_path / "work")} == {"one", "two"}
    assert "two/new.svg" not in provenance(tmp_path / "work")
