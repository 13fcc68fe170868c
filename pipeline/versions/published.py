"""Published versions: a manifest that names immutable files, published in one exclusive write.

`versions/<n>/manifest.json` is the version; everything else under `versions/<n>/` (report, card) is made from it and
can be made again. Numbers count up from 1. Publishing fails, and changes nothing, if another publisher took the number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import ConfigError, Damaged, Overtaken, UnknownOutcome
from pipeline.storage.base import AlreadyExists, NotFound, Storage
from pipeline.versions.manifest import FORM, CreatedBy, Manifest, UnknownForm


def manifest_path(version: int) -> str:
    """Where a version's manifest lies in the workspace."""
    return f"versions/{version}/manifest.json"


def page_paths(version: int) -> list[str]:
    """Report and dataset card of a version."""
    return [f"versions/{version}/report.html", f"versions/{version}/README.md"]


LIBRARIES = ("lxml", "numpy", "pyarrow", "pyvips-binary", "tokenizers")
"""Those whose version can change bytes."""


def created_by(stage_versions: Mapping[str, int | str]) -> CreatedBy:
    """This tool, these versions of stages, and the libraries that are installed."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return CreatedBy(f"svgmill {metadata.version('svgmill')}", dict(stage_versions), libraries)


def numbers(storage: Storage) -> list[int]:
    """The published versions, in order."""
    matches = (re.fullmatch(r"versions/([1-9]\d*)/manifest\.json", entry.path) for entry in storage.list("versions/"))
    return sorted(int(match[1]) for match in matches if match)


def read(storage: Storage, version: int | None = None) -> Manifest:
    """The manifest of ``version``, or of the newest.

    Raises ConfigError if there is none or it is of a form to come, Damaged if it is not whole.
    """
    if version is None:
        known = numbers(storage)
        if not known:
            raise ConfigError(
                f"{storage.uri} has no versions; publish one with: svgmill run CONFIG --workspace {storage.uri}"
            )
        version = known[-1]
    try:
        data = storage.read(manifest_path(version))
    except NotFound:
        known = numbers(storage)
        versions = f"it has {', '.join(map(str, known))}" if known else "it has none"
        raise ConfigError(f"{storage.uri} has no version {version}; {versions}") from None
    try:
        return Manifest.from_json(json.loads(data))
    except UnknownForm as error:
        raise ConfigError(
            f"version {version} has manifest_version {error.form}; this svgmill reads up to {FORM}; update svgmill"
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise Damaged(f"{storage.uri}/{manifest_path(version)} is damaged: {error}") from None


M = TypeVar("M", bound=BaseModel)


def settings(manifest: Manifest, section: str, model: type[M]) -> M:
    """What a version's config says under ``section``. Raises ConfigError for settings that this code does not know."""
    try:
        return model.model_validate_json(json.dumps(manifest.config[section]))
    except (KeyError, ValidationError):
        raise ConfigError(
            f"version {manifest.version} was made with settings under {section} that this svgmill does not know; use "
            f"the one that made it ({manifest.created_by.tool}), or publish a version anew"
        ) from None


def redaction_path(version: int) -> str:
    """Where it is said which files of a version were removed after it was published."""
    return f"versions/{version}/redacted.json"


def redact(
    storage: Storage, version: int, paths: Iterable[str], requests: Sequence[str], instead: Mapping[str, str]
) -> None:
    """Note that files of a version go because of these takedowns, beside those that went before.

    ``instead``: path of a table that goes -> path of one that has what is left of it.
    """
    gone = sorted({*paths, *redacted(storage, version)})
    left = dict(sorted({**left_of(storage, version), **instead}.items()))
    text = json.dumps({"shards": gone, "requests": list(requests), "left": left}, indent=1) + "\n"
    storage.write(redaction_path(version), text.encode())


def redacted(storage: Storage, version: int) -> frozenset[str]:
    """The files that were removed from a version because of takedowns."""
    try:
        return frozenset(json.loads(storage.read(redaction_path(version)))["shards"])
    except NotFound:
        return frozenset()


def left_of(storage: Storage, version: int) -> dict[str, str]:
    """Path of a table that was removed from a version -> path of one that has what is left of it."""
    try:
        left: dict[str, str] = json.loads(storage.read(redaction_path(version))).get("left", {})
    except NotFound:
        return {}
    return left


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


def find(storage: Storage, text: str | None) -> Manifest:
    """The manifest of a version by its number or a tag; of the newest for None. Raises ConfigError."""
    if text is None or text.isdecimal():
        return read(storage, None if text is None else int(text))
    known = tags(storage)
    if text not in known:
        tagged = f"its tags are {', '.join(sorted(known))}" if known else "it has no tags"
        raise ConfigError(f"{storage.uri} has no version called {text}; {tagged}")
    return read(storage, known[text])


def tags(storage: Storage) -> dict[str, int]:
    """Name -> version."""
    entries = [entry for entry in storage.list("tags/") if entry.path.endswith(".json")]
    return {
        entry.path.removeprefix("tags/").removesuffix(".json"): json.loads(storage.read(entry.path))["version"]
        for entry in entries
    }


def tag(storage: Storage, version: int, name: str, move: bool = False) -> None:
    """Call a version ``name``. Raises ConfigError if the name is another's and it may not ``move``."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name: a letter, then up to 63 letters, digits and . _ -")
    path, data = f"tags/{name}.json", f'{{"version": {version}}}\n'.encode()
    if move:
        storage.write(path, data)
        return
    try:
        storage.create(path, data)
    except AlreadyExists:
        if tags(storage).get(name) != version:
            raise ConfigError(f"{name} is version {tags(storage).get(name)}; give --move to move it") from None


def untag(storage: Storage, name: str) -> None:
    """Forget a name. Raises ConfigError if there is none."""
    if name not in tags(storage):
        raise ConfigError(f"{storage.uri} has no version called {name}")
    storage.delete(f"tags/{name}.json")


class LostRace(Overtaken):
    """Another publisher took the version's number; its work and ours are both whole, run again to build on it."""


def publish(storage: Storage, manifest: Manifest) -> None:
    """Make the version exist, in one step. Raises LostRace if its number is taken, UnknownOutcome if it may exist."""
    try:
        storage.create(manifest_path(manifest.version), manifest.to_bytes())
    except AlreadyExists:
        raise LostRace(
            f"version {manifest.version} was published by someone else meanwhile; run again: finished work is reused"
        ) from None
    except UnknownOutcome as error:
        raise UnknownOutcome(
            f"it is not known whether version {manifest.version} was published ({error}); run again: it finds out"
        ) from None
