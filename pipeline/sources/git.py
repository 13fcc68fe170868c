"""The git source: the drawings in a repository at one commit, which the user's own git client fetches.

The ref is resolved to a commit when a snapshot begins. Of that commit come the trees, and of the files those that are
wanted and the texts that say something of licences (a shallow, partial fetch where the server can do it). They are
stored as one tar, whose bytes depend on the commit and the settings alone. Nothing is checked out, no hook and no
configuration of the repository runs, submodules are not followed, and nothing asks for a password.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, field_validator

from pipeline.errors import ConfigError
from pipeline.sources.base import Chunk, RawItem
from pipeline.sources.git_client import LINK, SUBMODULE, Repository, TreeFile
from pipeline.sources.network import Done, Network, NetworkSource, Shelf, Snapshot, Unit, now, open_stored
from pipeline.storage.base import Storage
from stages import crawl
from stages.crawl import NOT_IN_GLOB, CrawlSettings, extension, kind_of, matches
from stages.licenses.tree import is_evidence
from stages.reasons import Reason

_SCHEMES = ("https://", "http://", "ssh://", "git://", "file://")
_SHORT_SSH = re.compile(r"(?P<host>[A-Za-z0-9._-]+@[A-Za-z0-9.-]+):(?P<path>[^:\s]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LFS = b"version https://git-lfs.github.com/spec/"


class GitSource(NetworkSource):
    """The drawings in a git repository, at one commit."""

    version: ClassVar[int] = 1

    kind: Literal["git"]
    url: str = Field(
        min_length=1,
        max_length=1_000,
        description="https://, ssh://, git://, file:// or user@host:path; without a password: git's own configuration "
        "has it",
    )
    ref: str = Field(
        "HEAD",
        pattern=r"^[A-Za-z0-9_][^\x00-\x20~^:?*\[\\\x7f]*$",
        max_length=500,
        description="a branch, a tag, or a whole commit; it is resolved once, until --refresh",
    )
    paths: tuple[str, ...] = Field(
        ("**/*.svg", "**/*.svgz"),
        min_length=1,
        description="globs of the files that are wanted, also of archives; ** is any number of folders",
    )

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if re.search(r"[\x00-\x20\x7f]", url) or not (url.startswith(_SCHEMES) or _SHORT_SSH.fullmatch(url)):
            raise ValueError(f"must begin with {', '.join(_SCHEMES)} or be like git@host:path")
        user, sign, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
        if sign and (":" in user or url.startswith("http")):
            raise ValueError("must be without user and password, which would be recorded; give them to git itself")
        return url

    # -- on the driver

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        """The commit that the ref names. Raises ConfigError, RunAgain."""
        old = before.pins[0] if before else {}
        kept = (old.get("url"), old.get("ref")) == (self.url, self.ref)
        commit = old["commit"] if kept else self.ref if _COMMIT.fullmatch(self.ref) else self._commit(network)
        return [{"url": self.url, "ref": self.ref, "commit": commit, "paths": sorted(self.paths)}]

    def _commit(self, network: Network) -> str:
        with tempfile.TemporaryDirectory(prefix="svgmill-git-") as folder:
            commit = Repository(self.name, self.url, folder).commit(self.ref)
        if commit is not None:
            return commit
        raise ConfigError(
            f"source {self.name}: {self.url} has no branch or tag {self.ref}; correct ref (a commit is given whole)"
        )

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        """One, the commit."""
        if done:
            return []
        (pin,) = snapshot.pins
        wanted = hashlib.sha256(json.dumps([pin["url"], pin["paths"]]).encode()).hexdigest()[:8]
        settings = ("url", pin["url"]), ("commit", pin["commit"]), ("paths", json.dumps(pin["paths"]))
        return [Unit(f"{pin['commit'][:12]}-{wanted}", settings)]

    # -- on a worker

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        """Store the wanted files of a commit. Raises ConfigError, RunAgain."""
        pin = dict(unit.pin)
        commit, globs = pin["commit"], json.loads(pin["paths"])
        with tempfile.TemporaryDirectory(prefix="svgmill-git-") as folder:
            repository = Repository(self.name, self.url, folder)
            repository.fetch(commit)
            files = repository.files(commit)
            chosen, no_input = _chosen(files, globs)
            if not chosen:
                raise ConfigError(
                    f"source {self.name}: no file of {self.url} at {commit[:12]} matches {', '.join(globs)}; "
                    "correct paths or ref"
                )
            chosen |= repository.evidence(files, chosen, commit)
            with (Path(folder) / "tree.tar").open("w+b") as tar:
                repository.pack(chosen, commit, tar)
                tar.seek(0)
                stored = shelf.put(tar)
        facts = ("commit", commit), ("repository", self.url), ("no_input", json.dumps(no_input, sort_keys=True))
        shelf.add(_title(self.url), "archive", _location(self.url, commit), stored, now(), facts)
        return {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        """The drawings of the commit, called by their path in the repository."""
        (place,) = chunk.places
        facts = dict(place.facts)
        no_input.update(json.loads(facts["no_input"]))
        named = tuple((name, facts[name]) for name in ("repository", "commit"))
        link = self.url.removesuffix(".git") if self.url.startswith("http") else None
        reading = crawl.Reading(licenses=True, no_input=no_input)
        try:
            with open_stored(store, self.name, place.stored) as stream:
                for item in crawl.members(stream, chunk.paths[0], limits, lambda path: True, reading):
                    is_pointer = isinstance(item.content, bytes) and item.content.startswith(_LFS)
                    yield replace(
                        item,
                        content=_NOT_HERE if is_pointer else item.content,
                        url=f"{facts['url']}#{quote(item.path.encode('utf-8', 'surrogateescape'))}",
                        link=link,
                        facts=(*named, *item.facts),
                        fetched=facts["fetched"],
                    )
        except crawl.ArchiveError as error:
            raise ConfigError(f"source {self.name}: {error}") from None


_NOT_HERE = Reason.NOT_FETCHED, "a Git LFS pointer; the drawing itself is not in the repository"


def _chosen(files: Mapping[str, TreeFile], globs: Sequence[str]) -> tuple[dict[str, TreeFile], Counter[str]]:
    """Path -> file of what is wanted, and how many of which kind there are beside."""
    chosen: dict[str, TreeFile] = {}
    no_input: Counter[str] = Counter()
    for path, file in files.items():
        wanted = any(matches(path, glob) for glob in globs)
        if file.mode == SUBMODULE:
            no_input["submodule, which is not followed"] += 1
        elif wanted and kind_of(path) is not None:
            if file.mode == LINK:
                no_input["link in a repository"] += 1
            else:
                chosen[path] = file
        elif not is_evidence(path):
            no_input[f"{extension(path)}{'' if wanted else NOT_IN_GLOB}"] += 1
    return chosen, no_input


def _title(url: str) -> str:
    """What the tar is called: the last part of the URL."""
    return f"{re.split('[/:]', url.rstrip('/').removesuffix('.git'))[-1] or 'repository'}.tar"


def _location(url: str, commit: str) -> str:
    """As SPDX writes where a package comes from (specification 2.3, 7.7)."""
    short = _SHORT_SSH.fullmatch(url)
    full = f"ssh://{short['host']}/{short['path'].lstrip('/')}" if short else url
    return f"{'' if full.startswith('git://') else 'git+'}{full}@{commit}"
