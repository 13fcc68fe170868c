"""The npm source: the drawings in packages of a registry, which the user's own npm client is asked for.

A package's version is pinned when a snapshot begins, and stays until the user asks anew, or the range no longer admits
it. Its tarball is stored as the registry has it. Nothing is installed, and no script of a package runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from pipeline.errors import ConfigError, RunAgain
from pipeline.sources import programs
from pipeline.sources.base import Chunk, RawItem, Shape
from pipeline.sources.network import Done, Network, NetworkSource, Shelf, Snapshot, Unit, now, open_stored
from pipeline.storage.base import Storage
from stages import crawl
from stages.base import Settings
from stages.crawl import CrawlSettings, matches
from stages.crawl.container import Budget
from stages.crawl.tars import tar_entries
from stages.licenses.tree import LARGEST, manifest_of

_NAME = r"(@[a-z0-9~][a-z0-9._~-]*/)?[A-Za-z0-9~][A-Za-z0-9._~-]*"
_RANGE = r"[0-9A-Za-z.+~^<>=|* -]*[0-9A-Za-z.*]"
_AT_ONCE = 4
"""Packages that are asked about at a time."""
_SECONDS = 1_800.0
"""Of one call of npm at most; it tries again by itself as its configuration says."""


class Package(Settings):
    """Which package, which of its versions, and which of its files."""

    name: str = Field(pattern=f"^{_NAME}$", max_length=214, description="as the registry has it, with its scope")
    version: str = Field(
        "latest",
        pattern=f"^{_RANGE}$",
        max_length=200,
        description="a version, a range as npm has them (^1.2, ~1.2.3, 1.x), or a tag; of a range the one that npm "
        "would install",
    )
    glob: str | None = Field(
        None, min_length=1, description="which of its files, relative to the package; null: as the source says"
    )

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        name, sign, version = value[1:].partition("@")
        return {"name": value[:1] + name} | ({"version": version} if sign else {})


class NpmSource(NetworkSource):
    """Packages of an npm registry; which registry, and with whose rights, is npm's own configuration."""

    version: ClassVar[int] = 1

    kind: Literal["npm"]
    packages: tuple[Package, ...] = Field(
        min_length=1, description="each as name@version, or {name, version, glob}; one version of a package"
    )
    glob: str = Field(
        "**/*", min_length=1, description="which files of a package, relative to it; ** is any number of folders"
    )

    @field_validator("packages")
    @classmethod
    def _each_once(cls, packages: tuple[Package, ...]) -> tuple[Package, ...]:
        names = [package.name for package in packages]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} occurs twice; another version of it needs a source of its own")
        return packages

    def asks(self) -> Mapping[str, Any]:
        """The packages; which of their files are read is no matter."""
        return {"packages": sorted([package.name, package.version] for package in self.packages)}

    def reads(self, shape: Shape) -> Mapping[str, Any]:
        """The globs."""
        own = {package.name: package.glob for package in self.packages if package.glob is not None}
        return {"glob": self.glob, **({"globs": own} if own else {})}

    # -- on the driver

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        """Package, range, version and integrity of each, by name. Raises ConfigError, RunAgain."""
        pinned = {pin["package"]: pin for pin in before.pins} if before else {}

        def pin(package: Package) -> Mapping[str, Any]:
            old = pinned.get(package.name)
            if old is not None and old["range"] == package.version:
                return old
            return self._pin(package, network, old)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(pin, sorted(self.packages, key=lambda package: package.name)))

    def _pin(self, package: Package, network: Network, old: Mapping[str, Any] | None) -> Mapping[str, Any]:
        spec = f"{package.name}@{package.version}"
        fields = ("version", "deprecated", "dist.integrity", "dist.shasum", "dist.unpackedSize", "dist-tags")
        ended = self._npm(["view", spec, *fields], network)
        try:
            answer = json.loads(ended.out or b"null")
        except ValueError:
            answer = None
        if ended.code:
            raise self._refused(package, answer, ended)
        versions = [each for each in (answer if isinstance(answer, list) else [answer]) if _has_version(each)]
        if not versions:
            raise ConfigError(f"source {self.name}: no version of {package.name} is in {package.version}; correct it")
        chosen = next((each for each in versions if old and each["version"] == old["version"]), None)
        chosen = chosen or max(versions, key=_preference)
        integrity = chosen.get("dist.integrity") or _sha1(chosen.get("dist.shasum"))
        if not integrity:
            raise ConfigError(f"source {self.name}: the registry states no digest of {spec}; take it out")
        size = chosen.get("dist.unpackedSize")
        return {
            "package": package.name,
            "range": package.version,
            "version": chosen["version"],
            "integrity": integrity,
            "size": size if isinstance(size, int) else 0,
        }

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        """One for each package."""
        return [] if done else [_unit(pin) for pin in snapshot.pins]

    # -- on a worker

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        """Store the tarball of a version. Raises ConfigError, RunAgain."""
        pin = dict(unit.pin)
        spec = f"{pin['package']}@{pin['version']}"
        with tempfile.TemporaryDirectory(prefix="svgmill-npm-") as folder:
            command = ["pack", spec, f"--pack-destination={folder}"]
            ended = self._npm(command, network)
            tarballs = list(Path(folder).glob("*.tgz"))
            if ended.code or len(tarballs) != 1:
                answer = manifest_of(ended.out)
                package = Package(name=pin["package"], version=pin["version"])
                raise self._refused(package, answer, ended)
            with tarballs[0].open("rb") as tarball:
                if not is_intact(tarball, pin["integrity"]):
                    raise ConfigError(
                        f"source {self.name}: what npm gave for {spec} is not what the registry stated before "
                        f"({pin['integrity'][:20]}…); ask anew with --refresh {self.name}"
                    )
                stored = shelf.put(tarball)
        facts = (("package", pin["package"]), ("version", pin["version"]))
        shelf.add(pin["package"], "archive", _purl(pin["package"], pin["version"]), stored, now(), facts)
        return {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The drawings of a package, called ``<package>/<path in it>``."""
        (name,), (place,) = chunk.paths, chunk.places
        facts = dict(place.facts)
        glob = next((package.glob for package in self.packages if package.name == name), None) or self.glob
        reading = crawl.Reading(licenses=True, no_input=no_input)
        try:
            with open_stored(store, self.name, place.stored) as stream:
                brings = _brings(_manifest(stream, f"{name}.tgz", limits))
            named = tuple((fact, facts[fact]) for fact in ("package", "version"))
            with open_stored(store, self.name, place.stored) as stream:
                for item in crawl.members(
                    stream, f"{name}.tgz", limits, lambda path: matches(_inside(path), glob), reading
                ):
                    inside = _inside(item.path)
                    yield replace(
                        item,
                        path=f"{name}/{inside}",
                        url=f"{facts['url']}#{quote(inside.encode('utf-8', 'surrogateescape'))}",
                        facts=(*named, *item.facts),
                        fetched=facts["fetched"],
                        **brings,
                    )
        except crawl.ArchiveError as error:
            raise ConfigError(f"source {self.name}: {error}") from None

    # -- npm

    def _npm(self, command: list[str], network: Network) -> programs.Ended:
        base = Path(network.base)
        return programs.run(
            ["npm", *command, "--json", "--ignore-scripts", "--loglevel=error", "--no-update-notifier"],
            # where the config lies: a .npmrc beside it is the user's, too
            base if base.is_dir() else Path(tempfile.gettempdir()),
            f"source {self.name}",
            {},
            _SECONDS,
            "install Node.js, which brings it",
        )

    def _refused(self, package: Package, answer: Any, ended: programs.Ended) -> ConfigError | RunAgain:
        error = answer.get("error") if isinstance(answer, dict) else None
        error = error if isinstance(error, dict) else {}
        code, summary = str(error.get("code") or ""), " ".join(str(error.get("summary") or ended.words).split())
        whose, spec = f"source {self.name}", f"{package.name}@{package.version}"
        if code == "ETARGET" or "No match found for version" in summary:
            return ConfigError(f"{whose}: no version of {package.name} is in {package.version}; correct it")
        if code == "E404":
            return ConfigError(
                f"{whose}: there is no package {package.name}, or npm's configuration gives no access to it; "
                "correct its name, or log in with npm"
            )
        if code in ("E401", "E403", "ENEEDAUTH", "EOTP"):
            return ConfigError(f"{whose}: no access to {spec} ({summary[:_SHOWN]}); log in with npm, or take it out")
        if code in _PASSING or re.fullmatch(r"E(429|5\d\d)", code):
            return RunAgain(f"{whose}: the registry did not give {spec} ({summary[:_SHOWN]}); run again later")
        return ConfigError(f"{whose}: npm failed on {spec} ({summary[:_SHOWN]}); mend that, or take it out")


_SHOWN = 200
_PASSING = {
    "EAI_AGAIN",
    "ECONNABORTED",
    "ECONNREFUSED",
    "ECONNRESET",
    "EINTEGRITY",
    "EIDLETIMEOUT",
    "ENETUNREACH",
    "ENOTFOUND",
    "ERR_SOCKET_TIMEOUT",
    "ETIMEDOUT",
}
"""What npm reports of a server that is away, or of a transfer that broke."""


def _unit(pin: Mapping[str, Any]) -> Unit:
    package, version, integrity = pin["package"], pin["version"], pin["integrity"]
    # a name's scope has a slash, and two names can differ in nothing else
    shown, digest = re.sub("[^A-Za-z0-9._-]", "-", package).strip("-"), hashlib.sha256(package.encode()).hexdigest()
    key = f"{shown}-{version}-{digest[:8]}"
    return Unit(key, (("package", package), ("version", version), ("integrity", integrity)), size=pin["size"])


def _has_version(answer: Any) -> bool:
    return isinstance(answer, dict) and re.fullmatch(r"[0-9A-Za-z.+-]+", str(answer.get("version"))) is not None


def _purl(package: str, version: str) -> str:
    """The package URL, which names no registry."""
    return f"pkg:npm/{quote(package, safe='/')}@{quote(version, safe='')}"


def _preference(version: Mapping[str, Any]) -> tuple[bool, bool, Any]:
    """What npm installs of a range: what is tagged latest, else the highest that is not deprecated."""
    tags = version.get("dist-tags")
    latest = isinstance(tags, dict) and tags.get("latest") == version["version"]
    return latest, not version.get("deprecated"), precedence(version["version"])


def precedence(version: str) -> tuple[list[int], bool, list[tuple[bool, int, str]]]:
    """The order of versions (semver 2.0, item 11)."""
    core, _, before = version.partition("+")[0].partition("-")
    numbers = [int(part) if part.isdigit() else 0 for part in core.split(".")]
    parts = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in before.split(".") if before]
    return numbers, not before, parts


def _sha1(shasum: Any) -> str | None:
    """Old packages state a hex sha1 alone."""
    try:
        return f"sha1-{base64.b64encode(bytes.fromhex(shasum)).decode()}" if shasum else None
    except (TypeError, ValueError):
        return None


def is_intact(content: BufferedReader, integrity: str) -> bool:
    """Whether a file is of the strongest digest that a Subresource Integrity text has; it is at its start then."""
    stated = [part.partition("-") for part in integrity.split()]
    known = [(name, value) for name, _, value in stated if name in ("sha512", "sha384", "sha256", "sha1")]
    if not known:
        return False
    strongest = max(known, key=lambda part: int(part[0].removeprefix("sha")))[0]
    digest = hashlib.file_digest(content, strongest).digest()
    content.seek(0)
    values = [value.partition("?")[0] for name, value in known if name == strongest]
    return base64.b64encode(digest).decode() in values


def _inside(path: str) -> str:
    """A path in a package: its tarball has one folder around all."""
    return path.partition("/")[2]


def _manifest(stream: BinaryIO, path: str, limits: CrawlSettings) -> Mapping[str, Any]:
    """The package.json of a tarball. Raises ArchiveError."""
    for entry in tar_entries(stream, path, Budget(path, limits.max_archive_bytes)):
        content = BytesIO()
        if _inside(entry.name) == "package.json" and entry.copy(content, LARGEST) is None:
            return manifest_of(content.getvalue())
    return {}


def _brings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a package.json says of all its drawings."""
    keywords = manifest.get("keywords")
    if isinstance(keywords, str):
        keywords = re.split(r"[,\s]+", keywords)
    keywords = keywords if isinstance(keywords, list) else []
    author = manifest.get("author")
    author = author.get("name") if isinstance(author, dict) else author
    author = re.split(r"[<(]", author)[0].strip() if isinstance(author, str) else ""
    return {
        "hints": tuple(word for word in keywords if isinstance(word, str)),
        "author": author or None,
        "link": _link(manifest.get("homepage")) or _link(manifest.get("repository")),
    }


def _link(value: Any) -> str | None:
    """A homepage, or a repository as package.json has it, as a page."""
    value = value.get("url") if isinstance(value, dict) else value
    if not isinstance(value, str):
        return None
    link = re.sub(r"^git\+|^git://", lambda match: "https://" if match[0] == "git://" else "", value.strip())
    link = re.sub(r"^ssh://git@", "https://", link)
    return link.removesuffix(".git") if link.startswith(("https://", "http://")) else None
