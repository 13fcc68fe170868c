"""What the git source asks of git: a commit with as few of its files as will do, in a temporary folder.

Git runs with the user's own configuration (proxies, credentials, keys), but without hooks, without a terminal, and
without transports that run programs of the repository's choosing.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from pipeline.errors import ConfigError, RunAgain
from pipeline.sources import programs
from stages.licenses.tree import is_evidence, speaks_for

_SECONDS = 7_200.0
"""Of one call of git at most; a web server that sends nothing for a minute is given up before."""
LINK, SUBMODULE = "120000", "160000"
"""Modes of what is no file."""


@dataclass(frozen=True)
class TreeFile:
    """What a tree has at a path."""

    mode: str
    oid: str

    @property
    def is_regular(self) -> bool:
        """Neither a link nor a submodule."""
        return self.mode in ("100644", "100755")


@dataclass(frozen=True)
class Repository:
    """A bare repository in a temporary folder, into which a commit is fetched."""

    source: str
    """Of the config, for messages."""
    url: str
    folder: str

    def git(self, *command: str, given: bytes = b"", out: IO[bytes] | None = None) -> bytes:
        """What a call of git prints; into ``out`` if that is given. Raises ConfigError, RunAgain."""
        ended = programs.run(
            ["git", f"--git-dir={self.folder}/git", *_SAFE, *command],
            Path(self.folder),
            f"source {self.source}",
            _silent(),
            _SECONDS,
            "install git",
            given,
            out,
        )
        if ended.code:
            raise _refused(f"source {self.source}", self.url, ended)
        return ended.out

    def commit(self, ref: str) -> str | None:
        """Which a ref names, as git itself prefers them: a tag before a branch, and of a tag what it is of."""
        names = [ref, f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"]
        listed = self.git("ls-remote", "--quiet", "--", self.url, *names).decode("utf-8", "replace")
        lines = (line.split("\t") for line in listed.splitlines() if "\t" in line)
        commits = {name: commit for commit, name in lines}
        return next((commits[name] for name in names if name in commits), None)

    def fetch(self, commit: str) -> None:
        """The commit and its trees; of the files as few as the server can do."""
        kind = "sha1" if len(commit) == 40 else "sha256"
        self.git("init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
        self.git("remote", "add", "origin", self.url)
        self.git("fetch", "--depth=1", "--filter=blob:none", *_BARE, "origin", commit)

    def files(self, commit: str) -> dict[str, TreeFile]:
        """Path -> what the commit has there."""
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", commit).decode("utf-8", "surrogateescape")
        files = {}
        for line in listed.split("\0")[:-1]:
            about, _, path = line.partition("\t")
            mode, _, oid = about.split(" ")
            files[path] = TreeFile(mode, oid)
        return files

    def contents(self, oids: Sequence[str], commit: str, out: IO[bytes]) -> Iterator[bytes]:
        """Of files, in order, by way of ``out``."""
        objects = self.git("rev-list", "--objects", "--no-object-names", "--missing=print", commit).split()
        missing = {oid[1:].decode() for oid in objects if oid.startswith(b"?")}.intersection(oids)
        if missing:  # all at once; git itself would ask for one after the other
            given = "".join(f"{oid}\n" for oid in sorted(missing)).encode()
            self.git("fetch", "--filter=blob:none", *_BARE, "--stdin", "origin", given=given)
        self.git("cat-file", "--batch", "--buffer", given="".join(f"{oid}\n" for oid in oids).encode(), out=out)
        out.seek(0)
        for oid in oids:
            header = out.readline().split()
            if len(header) != 3 or header[1] != b"blob":
                raise ConfigError(f"source {self.source}: {self.url} lacks object {oid}; correct ref")
            yield out.read(int(header[2]))
            out.read(1)

    def evidence(self, files: Mapping[str, TreeFile], chosen: Iterable[str], commit: str) -> dict[str, TreeFile]:
        """Path -> file of what may say something of the licences of ``chosen``; links are followed."""
        above = {folder for path in chosen for folder in _folders(path)}
        texts = {path: file for path, file in files.items() if is_evidence(path) and speaks_for(path) in above}
        links = [path for path, file in texts.items() if file.mode == LINK]
        if links:
            with tempfile.TemporaryFile(dir=self.folder) as out:
                targets = self.contents([files[link].oid for link in links], commit, out)
                for path, target in zip(links, targets, strict=True):
                    leads_to = posixpath.join(posixpath.dirname(path), target.decode("utf-8", "surrogateescape"))
                    # a link that leads to nothing is a text that nobody knows
                    texts[path] = files.get(posixpath.normpath(leads_to), files[path])
        return {path: file for path, file in texts.items() if file.is_regular or file.mode == LINK}

    def pack(self, files: Mapping[str, TreeFile], commit: str, tar: BinaryIO) -> None:
        """Write a tar that depends on paths and contents alone."""
        paths = sorted(files, key=os.fsencode)
        with (
            tempfile.TemporaryFile(dir=self.folder) as out,
            tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive,
        ):
            contents = self.contents([files[path].oid for path in paths], commit, out)
            for path, content in zip(paths, contents, strict=True):
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


_SAFE = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.allow=never"),
    *(option for name in ("https", "http", "ssh", "git", "file") for option in ("-c", f"protocol.{name}.allow=always")),
    *("-c", "http.lowSpeedLimit=1000"),
    *("-c", "http.lowSpeedTime=60"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "fetch.recurseSubmodules=false"),
)
_BARE = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")


def _silent() -> dict[str, str]:
    """The environment in which git and ssh fail where they would ask somebody."""
    ssh = {} if _has_ssh_of_its_own() else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    return ssh | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C",
    }


def _has_ssh_of_its_own() -> bool:
    """Whether the user has said which ssh git takes; it cannot ask either, for want of a terminal."""
    if "GIT_SSH_COMMAND" in os.environ or "GIT_SSH" in os.environ:
        return True
    with contextlib.suppress(OSError):  # of a git that is not there the next call tells
        command = ["git", "config", "--get", "core.sshCommand"]
        return subprocess.run(command, cwd=tempfile.gettempdir(), capture_output=True).returncode == 0
    return False


_AWAY = re.compile(
    r"could not resolve host|connection (refused|timed out|reset)|failed to connect|operation too slow|early eof|"
    r"rpc failed|unexpected disconnect|network is unreachable|no route to host|temporary failure|"
    r"the requested url returned error: (429|5\d\d)|timed out",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    r"could not read (username|password)|terminal prompts disabled|authentication failed|permission denied|"
    r"repository .*not found|does not appear to be a git repository|could not read from remote|"
    r"returned error: 40[134]|host key verification failed|access denied|no such file or directory",
    re.IGNORECASE,
)
_NO_COMMIT = re.compile(r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref", re.IGNORECASE)


def _refused(whose: str, url: str, ended: programs.Ended) -> ConfigError | RunAgain:
    if _AWAY.search(ended.err):
        return RunAgain(f"{whose}: {url} does not answer ({ended.words}); run again later, or correct its url")
    if _NO_COMMIT.search(ended.err):
        return ConfigError(f"{whose}: {url} does not give that commit ({ended.words}); correct ref, or use --refresh")
    if _CLOSED.search(ended.err):
        return ConfigError(
            f"{whose}: {url} is private, or there is no such repository ({ended.words}); "
            "correct its url, or give git access to it"
        )
    return ConfigError(f"{whose}: git failed on {url} ({ended.words}); mend that, or take the source out")


def _folders(path: str) -> Iterator[str]:
    """Those that a path is in, the root ("") last."""
    while path:
        path = posixpath.dirname(path)
        yield path
