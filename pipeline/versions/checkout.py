"""A version as a folder of its own, which needs neither the workspace nor svgmill."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, Damaged
from pipeline.report.publish import ensure_pages
from pipeline.storage.base import Storage, write_error
from pipeline.versions import published
from pipeline.versions.published import Manifest


def checkout(storage: Storage, manifest: Manifest, target: Path) -> int:
    """Copy ``manifest``'s shards, tokenizer, manifest, card and report to ``target``; returns the bytes.

    Shards go to ``<format>/<tier>/``, the vocabulary to ``tokenizer/``. Every digest is checked on the way, and the
    folder appears whole or not at all. Raises ConfigError if ``target`` is not empty, Damaged for a changed file.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is not an empty folder; give a new one")
    told = asdict(manifest)
    copied = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.partial-", dir=target.parent) as beside:
            folder = Path(beside) / "version"
            moved: dict[str, str] = {}

            def copy(file: dict[str, Any], path: str) -> None:
                nonlocal copied
                data = storage.read(file["path"])
                if hashlib.sha256(data).hexdigest() != file["sha256"]:
                    raise Damaged(f"{storage.locate(file['path'])} is damaged: another sha256 than the manifest's")
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
                moved[file["path"]] = path
                file["path"] = path
                copied += len(data)

            gone = published.redacted(storage, manifest.version)
            told["shards"] = [dict(shard) for shard in manifest.shards if shard["path"] not in gone]
            for shard in told["shards"]:
                copy(shard, shard["path"].removeprefix("shards/"))
            for file in told["vocabulary"]["files"].values():
                copy(file, f"tokenizer/{file['path'].rpartition('/')[2]}")
            told["lineage"] = {**manifest.lineage, "files": [dict(part) for part in manifest.lineage.get("files", ())]}
            for name, parts in (
                ("index", told["index"]),
                ("clusters", told["clusters"]),
                ("lineage", told["lineage"]["files"]),
            ):
                for n, part in enumerate(parts):
                    if part["path"] not in gone:
                        copy(part, f"{name}/{n:05}.parquet")
            if told["layout"]:
                copy(told["layout"], "layout.parquet")
            if gone:
                told["redacted"] = len(gone)
            (folder / "manifest.json").write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
            for page in ensure_pages(storage, manifest, lambda text: None):
                text = storage.read(page).decode()
                for old, new in moved.items():
                    text = text.replace(f"../../{old}", new)
                # the tokenizer's folder is named, too
                text = text.replace(f"../../{_home(manifest)}", "tokenizer")
                (folder / page.rpartition("/")[2]).write_text(text, encoding="utf-8")
            if target.exists():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise write_error(
            error, f"{target} cannot be written: {error.strerror or error}; check space and rights"
        ) from None
    return copied


def _home(manifest: Manifest) -> str:
    path: str = manifest.vocabulary["files"]["tokenizer"]["path"]
    return path.rpartition("/")[0]
