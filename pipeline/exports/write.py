"""Writing an export into a folder or below an s3:// prefix, and holding what is there against its receipt.

An export that was cut off goes on: files that are there with the digest that was noted are not made again. Workers
write whole files, each by itself, so that the bytes are the same on any number of them.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from pipeline.errors import ConfigError
from pipeline.exports.base import Export, File, Last, S, Version
from pipeline.exports.receipt import RECEIPT, UNFINISHED, Receipt, Written, read_receipt, require_receipt
from pipeline.progress import Display
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.integrity import READERS
from pipeline.storage.open import open_storage
from pipeline.work.reading import Here, Workers

NOTE_SECONDS = 10.0
"""Files that were finished in this time are at most made again after an export was killed."""


@dataclass(frozen=True)
class _Job:
    """A file to be written by a worker, to the store at ``out``. ``digest``: the manifest's, of version ``number``."""

    file: File
    out: str
    number: int
    digest: str


def write_export(
    version: Version, export: Export[S], settings: S, out: Storage, display: Display, workers: Workers | None = None
) -> Receipt:
    """Write all files of the export to ``out``, then its receipt, which is returned.

    Files that are there as an earlier call has written them stay. ``workers``: who makes and writes the files, None:
    this process. Raises ConfigError if ``out`` holds anything else, also another export or version.
    """
    files = list(export.files(version, settings))
    _check_paths(export.name, files)
    receipt = Receipt(
        export=export.name,
        export_version=export.version,
        settings=settings.model_dump(mode="json"),
        dataset=str(version.manifest.config["name"]),
        version=version.manifest.version,
        manifest=version.digest,
        redacted=len(version.redacted),
        files=(),
    )
    earlier = _earlier(out, receipt, [file.path for file in files])
    writer = _Writer(version, receipt, out, workers or Here(version.storage), earlier, _faults(out, earlier.files))
    with display:
        first = [file for file in files if isinstance(file, File)]
        writer.write(first, display)
        made = [writer.done[file.path] for file in first]
        writer.write([File(file.path, partial(file.make, made)) for file in files if isinstance(file, Last)], display)
    receipt = _with(receipt, files, writer.done)
    out.write(RECEIPT, receipt.to_bytes())
    out.delete(UNFINISHED)
    return receipt


class _Writer:
    """Writes files that are not there yet, and notes which are done."""

    def __init__(
        self,
        version: Version,
        receipt: Receipt,
        out: Storage,
        workers: Workers,
        earlier: Receipt,
        faults: dict[str, str],
    ) -> None:
        self._version, self._receipt, self._out, self._workers = version, receipt, out, workers
        self._known = {file.path: file for file in earlier.files}
        self.done = {path: file for path, file in self._known.items() if path not in faults}
        self._files: list[File] = []

    def write(self, files: Sequence[File], display: Display) -> None:
        """Write those of ``files`` that are not done."""
        self._files += files
        missing = [file for file in files if file.path not in self.done]
        display.begin("export", len(files) - len(missing), len(missing), "files")
        noted = time.monotonic()
        place = self._out.uri if "://" in self._out.uri else str(Path(self._out.uri).absolute())
        jobs = [_Job(file, place, self._receipt.version, self._receipt.manifest) for file in missing]
        for written in self._workers.map("export", _write, jobs):
            if written != self._known.get(written.path, written):
                raise ValueError(
                    f"export {self._receipt.export} {self._receipt.export_version} gave {written.path} another content "
                    "than before"
                )
            self.done[written.path] = written
            display.advance(written.rows)
            if time.monotonic() - noted >= NOTE_SECONDS:
                self._out.write(UNFINISHED, _with(self._receipt, self._files, self.done).to_bytes())
                noted = time.monotonic()


def verify_export(out: Storage) -> tuple[list[str], Receipt]:
    """What differs between the export at ``out`` and its receipt, one line each, and the receipt.

    Raises ConfigError if there is no finished export.
    """
    receipt = require_receipt(out)
    faults = _faults(out, receipt.files)
    ours = {RECEIPT, *(file.path for file in receipt.files)}
    others = [f"{out.locate(entry.path)} is no file of the export" for entry in out.list() if entry.path not in ours]
    return [*faults.values(), *others], receipt


def _with(receipt: Receipt, files: Sequence[File | Last], done: dict[str, Written]) -> Receipt:
    return receipt.model_copy(update={"files": tuple(done[file.path] for file in files if file.path in done)})


def _check_paths(name: str, files: Sequence[File | Last]) -> None:
    seen = {RECEIPT, UNFINISHED}
    for file in files:
        path = PurePosixPath(file.path)
        if str(path) != file.path or path.is_absolute() or any(part.startswith(".") for part in path.parts):
            raise ValueError(f"export {name}: {file.path!r} is no path of a file below its folder")
        if file.path in seen:
            raise ValueError(f"export {name} makes {file.path} twice, or in place of its receipt")
        seen.add(file.path)


def _earlier(out: Storage, receipt: Receipt, paths: Iterable[str]) -> Receipt:
    """What an earlier call has left at ``out``; claims ``out`` if there is nothing."""
    earlier = read_receipt(out, RECEIPT) or read_receipt(out, UNFINISHED)
    others = {entry.path for entry in out.list()} - {RECEIPT, UNFINISHED}
    if earlier is None and not others:
        out.write(UNFINISHED, receipt.to_bytes())
        return receipt
    if earlier is None:
        raise ConfigError(f"{out.uri} holds something else, {min(others)} among it; give an empty folder")
    if difference := receipt.difference(earlier):
        raise ConfigError(f"{out.uri} holds another export: {difference}; give an empty folder")
    if foreign := others - set(paths):
        raise ConfigError(f"{out.uri} holds what is no file of this export, {min(foreign)} among it; move it away")
    for leftover in out.leftovers():
        out.discard(leftover)
    return earlier


def _write(storage: Storage, job: _Job) -> Written:
    """Make and write one file of an export, on a worker."""
    out, file = open_storage(job.out), job.file
    digest, size, rows = hashlib.sha256(), 0, 0
    counts: Counter[str] = Counter()
    with out.writer(file.path) as stream:
        for chunk in file.make(Version.at(storage, job.number, job.digest)):
            stream.write(chunk.data)
            digest.update(chunk.data)
            size += len(chunk.data)
            rows += chunk.rows
            counts.update(chunk.counts)
    return Written(
        path=file.path, sha256=digest.hexdigest(), bytes=size, rows=rows, counts={k: counts[k] for k in sorted(counts)}
    )


def _faults(out: Storage, files: Sequence[Written]) -> dict[str, str]:
    sizes = {entry.path: entry.size for entry in out.list()}

    def fault(file: Written) -> str:
        if file.path not in sizes:
            return f"{out.locate(file.path)} does not exist"
        if sizes[file.path] != file.bytes:
            return f"{out.locate(file.path)} has {sizes[file.path]} bytes, not {file.bytes}"
        try:
            same = _digest(out, file.path) == file.sha256
        except NotFound:
            return f"{out.locate(file.path)} does not exist"
        return "" if same else f"{out.locate(file.path)} is damaged: another sha256 than was written"

    with ThreadPoolExecutor(READERS) as readers:
        lines = list(readers.map(fault, files))
    return {file.path: line for file, line in zip(files, lines, strict=True) if line}


def _digest(out: Storage, path: str) -> str:
    digest = hashlib.sha256()
    with out.open(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
