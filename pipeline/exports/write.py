"""Writing an export into a folder or below an s3:// prefix, and holding what is there against its receipt.

An export that was cut off goes on: files that are there with the digest that was noted are not made again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from pipeline.errors import ConfigError
from pipeline.exports.base import Export, File, S, Version
from pipeline.exports.receipt import RECEIPT, UNFINISHED, Receipt, Written, read_receipt, require_receipt
from pipeline.progress import Display
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.integrity import READERS

NOTE_SECONDS = 10.0
"""Files that were finished in this time are at most made again after an export was killed."""


def write_export(version: Version, export: Export[S], settings: S, out: Storage, display: Display) -> Receipt:
    """Write all files of the export to ``out``, then its receipt, which is returned.

    Files that are there as an earlier call has written them stay. Raises ConfigError if ``out`` holds anything else,
    also another export or version.
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
    known = {file.path: file for file in earlier.files}
    faults = _faults(out, earlier.files)
    missing = [file for file in files if file.path not in known or file.path in faults]
    done = {path: file for path, file in known.items() if path not in faults}
    with display:
        display.begin("export", len(files) - len(missing), len(missing), "files")
        noted = time.monotonic()
        for file in missing:
            written = _write(out, file)
            if written != known.get(file.path, written):
                raise ValueError(f"export {export.name} {export.version} gave {file.path} another content than before")
            done[file.path] = written
            display.advance(written.rows)
            if time.monotonic() - noted >= NOTE_SECONDS:
                out.write(UNFINISHED, _with(receipt, files, done).to_bytes())
                noted = time.monotonic()
    receipt = _with(receipt, files, done)
    out.write(RECEIPT, receipt.to_bytes())
    out.delete(UNFINISHED)
    return receipt


def verify_export(out: Storage) -> tuple[list[str], Receipt]:
    """What differs between the export at ``out`` and its receipt, one line each, and the receipt.

    Raises ConfigError if there is no finished export.
    """
    receipt = require_receipt(out)
    faults = _faults(out, receipt.files)
    ours = {RECEIPT, *(file.path for file in receipt.files)}
    others = [f"{out.locate(entry.path)} is no file of the export" for entry in out.list() if entry.path not in ours]
    return [*faults.values(), *others], receipt


def _with(receipt: Receipt, files: Sequence[File], done: dict[str, Written]) -> Receipt:
    return receipt.model_copy(update={"files": tuple(done[file.path] for file in files if file.path in done)})


def _check_paths(name: str, files: Sequence[File]) -> None:
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


def _write(out: Storage, file: File) -> Written:
    digest, size, rows = hashlib.sha256(), 0, 0
    with out.writer(file.path) as stream:
        for chunk in file.chunks:
            stream.write(chunk.data)
            digest.update(chunk.data)
            size += len(chunk.data)
            rows += chunk.rows
    return Written(path=file.path, sha256=digest.hexdigest(), bytes=size, rows=rows)


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
