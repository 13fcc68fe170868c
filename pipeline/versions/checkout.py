"""A version as a folder of its own, which needs neither the workspace nor svgmill."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.storage.base import Storage, write_error
from pipeline.storage.folder import FolderStorage
from pipeline.storage.integrity import read_checked
from pipeline.versions import published
from pipeline.versions.attribution import NAME, write_attribution
from pipeline.versions.manifest import LAYOUT, SHARD, VOCABULARY, File, Manifest, files_of, json_bytes


def placed(manifest: Manifest) -> dict[str, str]:
    """Path in the workspace -> path in a checkout, of each file that a checkout has.

    Shards are in ``<format>/<tier>/``, the vocabulary in ``tokenizer/``, tables in a folder for each role. What only
    the next run needs stays in the workspace.
    """
    counts: Counter[str] = Counter()

    def place(file: File) -> str:
        if file.role == SHARD:
            return file.path.removeprefix("shards/")
        if file.role.startswith(VOCABULARY):
            return f"tokenizer/{file.path.rpartition('/')[2]}"
        if file.role == LAYOUT:
            return "layout.parquet"
        counts[file.role] += 1
        return f"{file.role}/{counts[file.role] - 1:05}.parquet"

    return {file.path: place(file) for file in manifest.lasting}


def require_empty(target: Path) -> None:
    """Raise ConfigError if ``target`` is there and not an empty folder."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is not an empty folder; give a new one")


def checkout(storage: Storage, manifest: Manifest, target: Path, pages: Mapping[str, str]) -> int:
    """Copy ``manifest``'s files (`placed`), the manifest and ``pages`` (name -> text) to ``target``; returns the bytes.

    The version's attributions are made there. Every digest is checked on the way, and the folder appears whole or not
    at all. The manifest there names what is there: files that are gone by takedowns are counted as ``redacted``.
    Raises ConfigError if ``target`` is not empty, Damaged for a changed file.
    """
    require_empty(target)
    gone = published.redacted(storage, manifest.version)
    places = placed(manifest)
    copied = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.partial-", dir=target.parent) as beside:
            folder = Path(beside) / "version"
            files = []
            for file in manifest.lasting:
                if file.path in gone:
                    continue
                data = read_checked(storage, file.path, file.sha256)
                path = folder / places[file.path]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                copied += len(data)
                files.append(replace(file, path=places[file.path]))
            content = replace(manifest, files=files_of(files)).to_json() | ({"redacted": len(gone)} if gone else {})
            (folder / "manifest.json").write_bytes(json_bytes(content))
            for name, text in pages.items():
                (folder / name).write_text(text, encoding="utf-8")
            write_attribution(storage, manifest, FolderStorage(folder), NAME)
            if target.exists():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise write_error(
            error, f"{target} cannot be written: {error.strerror or error}; check space and rights"
        ) from None
    return copied
