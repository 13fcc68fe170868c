"""A kind of source that asks a network, which is a folder: an index that changes, and objects that never do."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pipeline.sources.base import Chunk, RawItem
from pipeline.sources.network import Done, Network, NetworkSource, Shelf, Snapshot, Unit, open_stored
from pipeline.storage.base import Storage
from stages.crawl import CrawlSettings, members

WHEN = "2026-01-31T00:00:00Z"


class Distant(NetworkSource):
    """Files and archives that an index names, each by its digest; a unit for each digest."""

    kind: Literal["distant"]
    path: str

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        index: dict[str, str] = json.loads((Path(self.path) / "index.json").read_text())
        return [{"path": path, "sha256": digest} for path, digest in sorted(index.items())]

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        if done:
            return []
        return [
            Unit(hashlib.sha256(json.dumps(pin).encode()).hexdigest()[:20], tuple(sorted(pin.items())))
            for pin in snapshot.pins
        ]

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        pin = dict(unit.pin)
        stored = shelf.put(io.BytesIO((Path(self.path) / "objects" / pin["sha256"]).read_bytes()))
        shape = "archive" if pin["path"].endswith(".zip") else "files"
        shelf.add(pin["path"], shape, f"distant:{pin['path']}", stored, WHEN)
        return {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        for entry, place in zip(chunk.entries, chunk.places, strict=True):
            with open_stored(store, self.name, place.stored) as stream:
                if chunk.shape == "files":
                    yield RawItem(entry.path, stream.read(), fetched=WHEN)
                    continue
                for item in members(stream, entry.path, limits, lambda path: True):
                    yield RawItem(f"{entry.path}/{item.path}", item.content, fetched=WHEN)


def publish(home: Path, wanted: Mapping[str, bytes]) -> None:
    """Make the index say that ``wanted`` is what there is."""
    (home / "objects").mkdir(parents=True, exist_ok=True)
    for data in wanted.values():
        (home / "objects" / hashlib.sha256(data).hexdigest()).write_bytes(data)
    index = {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}
    (home / "index.json").write_text(json.dumps(index))
