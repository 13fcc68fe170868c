"""A corpus that a test changes and knows: sources of loose files, archives and tables, of drawings with a number each.

It knows nothing of the product: what lies where, which drawing it is, in which colour, and under which licence.
"""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.histories.distant import publish

COLOURS = ("#000", "#c03020", "#2050c0")

STAMP = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Drawing:
    """One way to write a drawing: its ``number`` and ``colour`` say what is seen, the rest how it is written."""

    number: int
    colour: int = 0
    scale: int = 1
    spaced: bool = False

    def svg(self) -> bytes:
        """The file's bytes."""
        chance = random.Random(self.number)
        parts = []
        for _ in range(1 + self.number % 3):
            points = [(chance.randrange(1, 24) * self.scale, chance.randrange(1, 24) * self.scale) for _ in range(9)]
            path = "M" + "L".join(f"{x} {y}" for x, y in points) + "z"
            parts.append(f'<path fill="{COLOURS[self.colour]}" d="{path}"/>')
        side = 24 * self.scale
        text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">{"".join(parts)}</svg>'
        return (text.replace("><", ">\n<") if self.spaced else text).encode()

    @property
    def url(self) -> str:
        """Where tables say that it is from, however it is written."""
        return f"https://drawings.example/{self.number}"

    @property
    def raw_id(self) -> str:
        """Hex SHA-256 of the bytes."""
        return hashlib.sha256(self.svg()).hexdigest()


@dataclass
class Source:
    """``files``: path -> drawing; ``archives``: path -> member -> drawing; ``rows``: of a Parquet file, else None."""

    name: str
    license: str
    on_missing: str = "remove"
    files: dict[str, Drawing] = field(default_factory=dict)
    archives: dict[str, dict[str, Drawing]] = field(default_factory=dict)
    rows: list[Drawing] | None = None
    home: str = ""
    distant: bool = False
    """Whether runs see only what was fetched, which is not what is there until they are told to ask anew."""
    seen: dict[str, Drawing] | None = None
    """Of a distant one, the records of what was fetched last; None before anything was."""

    def records(self) -> dict[str, Drawing]:
        """Path of each record, as provenance has it -> its drawing."""
        return self.seen if self.seen is not None else self.there()

    def there(self) -> dict[str, Drawing]:
        """As `records`, of what is there."""
        if self.rows is not None:
            return {f"{n:08}.svg": each for n, each in enumerate(self.rows)}
        members = {f"{path}/{name}": each for path, of in self.archives.items() for name, each in of.items()}
        return self.files | members


class World:
    """Sources on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources: list[Source] = []
        self._homes = 0

    def add(self, source: Source) -> Source:
        """A source, put last."""
        self._homes += 1
        source.home = f"home{self._homes}"
        self.sources.append(source)
        self.write(source)
        return source

    def write(self, source: Source) -> None:
        """Put on disk what the source holds; files that stay as they are are not touched."""
        home = self.root / source.home
        home.mkdir(parents=True, exist_ok=True)
        if source.rows is not None:
            texts = pa.array([each.svg().decode() for each in source.rows], pa.string())
            urls = pa.array([each.url for each in source.rows], pa.string())
            pq.write_table(pa.table({"svg": texts, "url": urls}), home / "table.parquet")
            return
        wanted = {path: each.svg() for path, each in source.files.items()}
        wanted |= {path: _zip(members) for path, members in source.archives.items()}
        if source.distant:
            publish(home, wanted)
            return
        for path in [p for p in home.rglob("*") if p.is_file()]:
            if path.relative_to(home).as_posix() not in wanted:
                path.unlink()
        for name, data in wanted.items():
            path = home / name
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)

    def remove(self, source: Source) -> None:
        """The source leaves the config, and the disk."""
        self.sources.remove(source)
        shutil.rmtree(self.root / source.home)

    def config(self) -> list[dict[str, str]]:
        """As a config names the sources."""
        return [
            {
                "name": source.name,
                "kind": "distant" if source.distant else "folder",
                "path": str(self.root / source.home / ("table.parquet" if source.rows is not None else "")),
                "license": source.license,
                "on_missing": source.on_missing,
            }
            for source in self.sources
        ]


def _zip(members: dict[str, Drawing]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, each in members.items():
            archive.writestr(zipfile.ZipInfo(name, STAMP), each.svg())
    return stream.getvalue()
