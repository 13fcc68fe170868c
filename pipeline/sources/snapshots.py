"""The snapshots of a workspace: what was begun, what is whole, which of them a run reads.

    fetched/<source>/snapshots/<n>.json         written first: the settings it is of, and what it pins
    fetched/<source>/snapshots/<n>.whole.json   written last: the units that it consists of

Neither is ever changed. A snapshot without the second is gone on with by the next run that wants one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.errors import Damaged
from pipeline.sources.network import FETCHED_PLACE, Done, Snapshot, Unit
from pipeline.storage.base import NotFound, Storage

_WHOLE = ".whole.json"


def numbers(storage: Storage, source: str) -> tuple[list[int], list[int]]:
    """The snapshots of a source that were begun, and those that are whole, each in order."""
    names = [entry.path.rpartition("/")[2] for entry in storage.list(_folder(source))]
    whole = [int(name.removesuffix(_WHOLE)) for name in names if name.endswith(_WHOLE)]
    begun = [int(name.removesuffix(".json")) for name in names if not name.endswith(_WHOLE)]
    return sorted(begun), sorted(whole)


def sources(storage: Storage) -> list[str]:
    """The sources that the workspace has snapshots of."""
    paths = (entry.path.split("/") for entry in storage.list(FETCHED_PLACE))
    return sorted({parts[1] for parts in paths if len(parts) > 3 and parts[2] == "snapshots"})


def begin(storage: Storage, snapshot: Snapshot) -> None:
    """Note what a snapshot is of, before anything of it is fetched. Raises AlreadyExists."""
    storage.create(_path(snapshot.source, snapshot.number), _json(asdict(snapshot)))


def read(storage: Storage, source: str, number: int) -> Snapshot:
    """A snapshot that was begun. Raises Damaged."""
    path = _path(source, number)
    try:
        data = json.loads(storage.read(path))
        earlier = tuple((table, digest) for table, digest in data["earlier"])
        return Snapshot(**data | {"pins": tuple(data["pins"]), "earlier": earlier})
    except (NotFound, ValueError, TypeError, KeyError):
        raise Damaged(
            f"{storage.locate(path)} is damaged or gone; fetch the source again with --refresh {source}"
        ) from None


def finish(storage: Storage, snapshot: Snapshot, done: Sequence[Done]) -> None:
    """Note that a snapshot is whole. Raises AlreadyExists if that is noted."""
    storage.create(_path(snapshot.source, snapshot.number, _WHOLE), _json({"units": [asdict(each) for each in done]}))


def units(storage: Storage, source: str, number: int) -> list[Done]:
    """What a whole snapshot consists of. Raises Damaged."""
    path = _path(source, number, _WHOLE)
    try:
        return [_done(each) for each in json.loads(storage.read(path))["units"]]
    except (NotFound, ValueError, TypeError, KeyError):
        raise Damaged(
            f"{storage.locate(path)} is damaged or gone; fetch the source again with --refresh {source}"
        ) from None


def paths(source: str, number: int) -> tuple[str, str]:
    """Where it says in the workspace that a snapshot was begun, and that it is whole."""
    return _path(source, number), _path(source, number, _WHOLE)


def _done(data: Mapping[str, Any]) -> Done:
    unit = data["unit"]
    pin, inputs = (tuple((name, text) for name, text in unit[key]) for key in ("pin", "inputs"))
    return Done(**{**data, "unit": Unit(**{**unit, "pin": pin, "inputs": inputs})})


def _folder(source: str) -> str:
    return f"{FETCHED_PLACE}{source}/snapshots/"


def _path(source: str, number: int, suffix: str = ".json") -> str:
    return f"{_folder(source)}{number}{suffix}"


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
